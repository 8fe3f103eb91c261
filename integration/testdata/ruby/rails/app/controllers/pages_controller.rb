class PagesController < ApplicationController
  def home
    @sqlite = ActiveRecord::Base.connection.select_value("select sqlite_version()")
  end

  def slow
    sleep 2
    render plain: "slow"
  end
end
