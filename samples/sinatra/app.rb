require "sinatra/base"

class Hello < Sinatra::Base
  set :host_authorization, permitted_hosts: []

  get("/") { "Hello from Sinatra on Ruby #{RUBY_VERSION}" }

  get("/slow") do
    sleep 2
    "slow"
  end
end
