# frozen_string_literal: true

# What profiles need next to the sampler. Loaded with the first of them.
module GantryAgent
  # How many objects there are to a sample, so that there are about as many samples in a second as are wanted. What an idle process has not
  # used of them, a burst may use.
  class Pace
    WANTED = 3000
    SAVED = 4 * WANTED
    FIRST = 64
    # A process that wakes up may make a hundred thousand objects before the next look; the sampler takes fewer samples by itself then.
    LEAST = 16
    attr_reader :interval

    def initialize(exact, start)
      @exact = exact
      @interval = exact ? 1.0 : FIRST.to_f
      @seen = 0
      @last = start
      @taken = 0
      @saved = 0.0
    end

    # The interval from now on.
    def next(seen, taken, now)
      return @interval if @exact

      seconds = [now - @last, 0.001].max
      rate = (seen - @seen) / seconds
      @saved = (@saved + WANTED * seconds - (taken - @taken)).clamp(0, SAVED)
      @seen = seen
      @taken = taken
      @last = now
      @interval = (rate / (WANTED + @saved)).clamp(LEAST.to_f, 1e6)
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
