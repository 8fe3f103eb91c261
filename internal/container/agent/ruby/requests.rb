# frozen_string_literal: true

# Boots the Rack application in the working folder once, and sends it requests inside of this process, over and over: what
# each allocates, and how long it takes. `gantry allocations` starts it; the order is JSON at standard input, the result
# JSON in file descriptor 3, progress lines in 4.
module GantryRequests
  # What a request allocates, once.
  Sample = Struct.new(:objects, :bytes)
  # For as many seconds at most is a request called before its time is taken; a sample of time is the median of as many calls
  # as take so many seconds.
  SETTLING = 2
  LONG_ENOUGH = 0.03
  MOST_CALLS = 9
  # No request is looked at for longer, in seconds.
  LONGEST = 3600

  class << self
    def main
      text = $stdin.read
      out = IO.for_fd(3, "w")
      @progress = IO.for_fd(4, "w")
      app = boot
      require "json"
      order = JSON.parse(text)
      requests = order["requests"]
      say "booted"
      order["warmup"].times { requests.each { |request| send_to(app, request) } }
      result = { ruby: RUBY_VERSION, requests: measure(app, requests, order["times"]), lines: lines(app, requests, order["traced"]) }
      out.write(JSON.generate(result))
      out.close
    end

    private

    def say(text)
      @progress.write("#{text}\n")
      @progress.flush
    end

    def boot
      require "bundler/setup" if File.exist?(ENV["BUNDLE_GEMFILE"] || "Gemfile")
      require "rack"
      require "rack/mock" unless defined?(Rack::MockRequest)
      built = Rack::Builder.parse_file("config.ru")
      built.is_a?(Array) ? built.first : built
    end

    def env_of(request)
      env = Rack::MockRequest.env_for(request["path"], method: request["method"], input: request["body"] || "")
      env["HTTP_HOST"] = "localhost"
      # An application that insists on TLS would answer everything with a redirection.
      env["HTTP_X_FORWARDED_PROTO"] = "https"
      env["REMOTE_ADDR"] = "127.0.0.1"
      (request["headers"] || {}).each do |name, value|
        key = name.upcase.tr("-", "_")
        env[%w[CONTENT_TYPE CONTENT_LENGTH].include?(key) ? key : "HTTP_#{key}"] = value
      end
      env
    end

    # Gives the status. The body is read, as a server would.
    def call(app, env)
      status, _, body = app.call(env)
      body.respond_to?(:each) ? body.each { |_| nil } : body.call(StringIO.new)
      status.to_i
    ensure
      body.close if body.respond_to?(:close)
    end

    def send_to(app, request) = call(app, env_of(request))

    # The requests take turns, so that what changes with time changes all alike.
    def measure(app, requests, times)
      results = requests.map { |request| { name: request["name"], statuses: [], objects: [], bytes: [], microseconds: [], processor: [], reference: [] } }
      times.times do |round|
        requests.each_with_index do |request, i|
          status, sample = allocations(app, request)
          results[i][:statuses] |= [status]
          results[i][:objects] << sample.objects
          results[i][:bytes] << sample.bytes
        end
        say "#{round + 1}/#{times * 2}"
      end
      calls = requests.map { |request| settle(app, request) }
      times.times do |round|
        requests.each_with_index do |request, i|
          samples = Array.new(calls[i]) { [*time(app, request), reference] }
          %i[microseconds processor reference].zip(samples.transpose) { |name, values| results[i][name] << median(values) }
        end
        say "#{times + round + 1}/#{times * 2}"
      end
      results
    end

    # Nothing is collected meanwhile, so that every byte is counted.
    def allocations(app, request)
      env = env_of(request)
      GC.start
      GC.disable
      before = heap
      status = call(app, env)
      after = heap
      [status, Sample.new(after[0] - before[0], after[1] - before[1])]
    ensure
      GC.enable
    end

    # Objects, and bytes: those of slots, and those that were asked of malloc.
    def heap
      objects = GC.stat(:total_allocated_objects)
      pools = GC.stat_heap
      slots = pools.sum { |_, pool| pool[:slot_size] * pool.fetch(:total_allocated_objects, 0) }
      slots = objects * pools.first.last[:slot_size] if slots.zero?
      [objects, slots + GC.stat(:malloc_increase_bytes)]
    end

    # The time of work that is always the same: a machine is not always as fast, and never as fast as another. It does what
    # requests do: it makes strings, arrays and hashes, searches, sorts and joins.
    def reference
      start = Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID, :nanosecond)
      words = Array.new(300) { |i| "word-#{(i * 7919) % 1000}" }
      counts = Hash.new(0)
      words.each { |word| counts[word[/\d+/].to_i % 17] += word.length }
      words.sort.map { |word| word.sub("word", "<b>") }.join(", ")
      counts.sort.to_h { |key, value| [key.to_s, value] }
      (Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID, :nanosecond) - start) / 1000.0
    end

    # Calls until Ruby's compiler has compiled what it will (YJIT does at the thirtieth call), and gives how many calls make a
    # sample that is long enough to tell.
    def settle(app, request)
      50.times { reference }
      seconds = []
      ends = now + SETTLING
      seconds << (time(app, request)[1] / 1e6) until seconds.size >= 60 || (now > ends && seconds.any?)
      (LONG_ENOUGH / [median(seconds), 1e-6].max).ceil.clamp(1, MOST_CALLS)
    end

    def median(values) = values.sort[values.size / 2]

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # By the clock on the wall, and of the processor: what else the machine does changes the first much more.
    def time(app, request)
      env = env_of(request)
      clocks = [Process::CLOCK_MONOTONIC, Process::CLOCK_THREAD_CPUTIME_ID]
      start = clocks.map { |clock| Process.clock_gettime(clock, :nanosecond) }
      call(app, env)
      clocks.zip(start).map { |clock, from| (Process.clock_gettime(clock, :nanosecond) - from) / 1000.0 }
    end

    # Where all of it is allocated: every object is looked at.
    def lines(app, requests, times)
      sampler = "#{__dir__}/gantry_sampler.so"
      return "" unless File.exist?(sampler)

      require sampler
      text = +""
      counts = [0, 0]
      GantryAgent::Sampler.tag = -1
      requests.each_with_index do |request, i|
        times.times do
          env = env_of(request)
          GantryAgent::Sampler.start_objects(1, LONGEST)
          GantryAgent::Sampler.tag = i + 1
          call(app, env)
          GantryAgent::Sampler.tag = -1
          # Each time numbers functions again.
          text << GantryAgent::Sampler.stop << "n\n"
          GantryAgent::Sampler.counts.first(2).each_with_index { |count, place| counts[place] += count }
        end
      end
      requests.each_with_index { |request, i| text << "r\t#{i + 1}\t#{times}\t0\t#{request["name"].tr("\t\r\n", " ")}\n" }
      text << "e\t0\t0\t0\t0\t0\t#{counts[0]}\t#{counts[1]}\n"
    end
  end

  main
end
