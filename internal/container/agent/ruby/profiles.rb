# frozen_string_literal: true

# What profiles need next to the sampler. Loaded with the first of them.
module GantryAgent
  # How many objects there are to a sample, so that there are about as many samples in a second as are wanted; and which
  # share of the time is looked at: noticing a new object costs about 50 ns.
  class Pace
    WANTED = 800
    FIRST = 1000
    MOST_NOTICED = 250_000
    attr_reader :interval, :share

    def initialize(exact)
      @exact = exact
      @interval = exact ? 1 : FIRST
      @share = 1.0
      @seen = 0
    end

    # The line that says how many objects the samples before it stand for; each for itself, when every one was looked at.
    def period(seen, scale) = "p\t#{@exact ? 0 : ((seen - @seen) * scale).round}\n"

    def next(seen, seconds)
      rate = (seen - @seen) / [seconds, 0.001].max
      @seen = seen
      return 1 if @exact

      @share = (MOST_NOTICED / [rate, 1.0].max).clamp(0.1, 1.0)
      @interval = (rate * @share / WANTED).to_i.clamp(@interval / 4 + 1, @interval * 4)
    end
  end

  # Knows which action of Rails or which job each thread is in, while a capture is taken.
  class Requests
    # What Rails tells when work begins, and when it is over: https://guides.rubyonrails.org/active_support_instrumentation.html
    EVENTS = {
      "start_processing.action_controller" => "process_action.action_controller",
      "perform_start.active_job" => "perform.active_job",
    }.freeze

    class << self
      attr_accessor :current
    end

    def initialize
      @ids = Hash.new { |ids, name| ids[name] = ids.size + 1 }
      @counts = Hash.new { |counts, id| counts[id] = [0, 0.0] }
      @lock = Mutex.new
      @subscribed = []
    end

    def watch
      Requests.current = self
      Sidekiq::Processor.prepend(Jobs) if defined?(Sidekiq::Processor) && !Sidekiq::Processor.include?(Jobs)
      return unless defined?(ActiveSupport::Notifications)

      EVENTS.each do |start, finish|
        @subscribed << ActiveSupport::Notifications.subscribe(start) { |*event| enter(name(event.last)) }
        @subscribed << ActiveSupport::Notifications.monotonic_subscribe(finish) { |_, from, to, _, payload| leave(name(payload), to - from) }
      end
    end

    def forget
      Requests.current = nil
      @subscribed.each { |one| ActiveSupport::Notifications.unsubscribe(one) }
      @subscribed.clear
    end

    def lines
      @lock.synchronize do
        @ids.map { |name, id| "r\t#{id}\t#{@counts[id][0]}\t#{(@counts[id][1] * 1e6).to_i}\t#{name.tr("\t\r\n", " ")}\n" }.join
      end
    end

    def during(name)
      from = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      enter(name)
      yield
    ensure
      leave(name, Process.clock_gettime(Process::CLOCK_MONOTONIC) - from)
    end

    private

    # The action, and not the path: that may hold what nobody else is to see.
    def name(payload)
      payload[:job] ? "job #{payload[:job].class}" : "#{payload[:method]} #{payload[:controller]}##{payload[:action]}"
    end

    def enter(name)
      Sampler.tag = @lock.synchronize { @ids[name] }
    rescue StandardError
      nil
    end

    def leave(name, seconds)
      Sampler.tag = 0
      @lock.synchronize do
        count = @counts[@ids[name]]
        count[0] += 1
        count[1] += seconds
      end
    rescue StandardError
      nil
    end
  end

  # Jobs of Sidekiq; those that Active Job wraps tell of themselves. In place once there has been a capture.
  module Jobs
    def execute_job(job, arguments)
      requests = Requests.current
      return super if requests.nil? || job.class.name.to_s.end_with?("Wrapper")

      requests.during("job #{job.class}") { super }
    end
  end

  # In place while there has been a capture.
  module Exec
    private

    def exec(...)
      GantryAgent.leaving
      super
    end
  end
end
