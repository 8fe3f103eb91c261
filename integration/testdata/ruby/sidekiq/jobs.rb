require "sidekiq"

# Each job makes the next one, so that there is always one.
class ReportJob
  include Sidekiq::Job

  def perform(rows)
    rows.times.map { |i| "row #{i}" }.join(",")
    sleep 0.005
    self.class.perform_async(rows)
  end
end

Sidekiq.configure_server do |config|
  config.on(:startup) { 3.times { ReportJob.perform_async(2000) } }
end
