# frozen_string_literal: true

# Lets `gantry ps`, `gantry profile` and the like look into this process of Ruby. Loaded before the application (RUBYOPT),
# it waits at a Unix socket that only the process's own user can reach, and does nothing until somebody asks.
#
# What it keeps to, since it is a guest in every process:
# - No gem is loaded, not even one that comes with Ruby: the application's bundle may want another version of it.
# - No error of it reaches the application, and none of its threads keeps the process alive.
# - A fork has a socket of its own; a program that replaces this one (exec) starts again.
#
# A request is a line: a command and options "name=value", divided by spaces. The answer is "ok" or "error MESSAGE" in a line,
# then parts, each with its length in bytes in a line before it, and "0" at the end.
module GantryAgent
  DIR = ENV["GANTRY_AGENT"]
  MOST_CLIENTS = 4
  LONGEST_REQUEST = 4096
  PATIENCE = 5
  LONGEST_MESSAGE = 8 << 10
  LONGEST_STACK = 32 << 10
  # How often in a row the socket is opened again when something of the application has closed it.
  MOST_RETRIES = 5
  # fcntl(2); Ruby has the names of these in a gem only.
  F_GETFL = 3
  F_SETFL = 4
  HEAP_END = "{\"type\":\"END\"}\n"

  class << self
    def start
      require "socket"
      @clients = 0
      @capture = Mutex.new
      @owner = Process.pid
      listen
      Process.singleton_class.prepend(Fork)
      at_exit { finish }
    end

    # In a child: the parent's socket is the parent's.
    def forked
      # The child of a snapshot has no time for anything else.
      return if @dumping == Thread.current

      @owner = Process.pid
      @clients = 0
      @capture = Mutex.new
      Sampler.forked if const_defined?(:Sampler)
      @server&.close if ours?
      listen
    rescue Exception # rubocop:disable Lint/RescueException -- the application's fork comes first
      nil
    end

    # An application that is about to become another program: what measures this one would end that one.
    def leaving
      Sampler.quiet if const_defined?(:Sampler)
    end

    private

    def listen
      @path = "#{DIR}/#{File.readlink("/proc/self/ns/pid")[/\d+/]}-#{Process.pid}"
      File.unlink(@path) if File.exist?(@path)
      @server = UNIXServer.new(@path)
      File.chmod(0o600, @path)
      @server.close_on_exec = true
      @thread = own_thread { serve }
    end

    def own_thread(&block)
      thread = Thread.new(&block)
      thread.name = "gantry"
      thread.report_on_exception = false
      thread.abort_on_exception = false
      thread.thread_variable_set(:gantry, true)
      # Puma warns of threads that are there before it forks, but for those that say this.
      thread.thread_variable_set(:fork_safe, true)
      thread
    end

    def serve
      failures = 0
      begin
        loop do
          IO.select([@server])
          # Whatever closed the socket may have opened one of its own with the same number.
          raise IOError, "closed" unless ours?

          client = @server.accept_nonblock(exception: false)
          next if client == :wait_readable

          failures = 0
          receive(client)
        end
      rescue IOError, SystemCallError
        return if (failures += 1) > MOST_RETRIES || @owner != Process.pid

        sleep 0.2
        forget
        @server = UNIXServer.new(@path.tap { |path| File.unlink(path) if File.exist?(path) })
        File.chmod(0o600, @path)
        retry
      end
    end

    def ours?
      !@server.closed? && @server.local_address.unix_path == @path
    rescue IOError, SystemCallError, SocketError
      false
    end

    # Leaves a number alone that is not this socket's any more.
    def forget
      @server.autoclose = false unless ours?
    rescue IOError
      nil
    end

    def receive(client)
      if @clients >= MOST_CLIENTS
        client.close
        return
      end
      @clients += 1
      own_thread do
        answer(client)
      rescue Exception # rubocop:disable Lint/RescueException -- nothing of a request reaches the application
        nil
      ensure
        @clients -= 1
        client.close unless client.closed?
      end
    end

    def answer(client)
      uid = client.getsockopt(:SOCKET, :PEERCRED).data.unpack("iii")[1]
      return unless uid == Process.euid || uid.zero?

      command, *words = request(client)&.split(" ")
      options = words.to_h { |word| word.split("=", 2) }
      case command
      when "ps" then reply(client) { |out| out << facts }
      when "stacks" then reply(client) { |out| out << stacks }
      when "heap" then exclusive(client) { heap(client) }
      when "allocations", "cpu" then exclusive(client) { profile(client, command, options) }
      end
    end

    # The first line that arrives in time; nil for what is no request.
    def request(client)
      text = +""
      ends = now + PATIENCE
      until text.include?("\n")
        return nil if text.bytesize > LONGEST_REQUEST || !IO.select([client], nil, nil, [ends - now, 0].max)

        part = client.read_nonblock(LONGEST_REQUEST, exception: false)
        return nil if part.nil?

        text << part unless part == :wait_readable
      end
      line = text[/\A[^\n]*/]
      line if line.match?(/\A[a-z]+( [a-z]+=[\w.\/-]+)*\z/)
    end

    def exclusive(client)
      return client.write("error another capture of this process is under way\n") unless @capture.try_lock

      begin
        yield
      ensure
        @capture.unlock
      end
    end

    def reply(client)
      client.write("ok\n")
      yield Parts.new(client)
      client.write("0\n")
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def facts
      stat = GC.stat
      yjit = defined?(RubyVM::YJIT) && RubyVM::YJIT.respond_to?(:enabled?) && RubyVM::YJIT.enabled?
      lines = {
        "version" => RUBY_VERSION, "yjit" => yjit, "threads" => Thread.list.count { |t| !t.thread_variable_get(:gantry) },
        "gc_time_ns" => GC.respond_to?(:total_time) ? GC.total_time : 0, "gc_disabled" => disabled?, "title" => $PROGRAM_NAME,
        "sampler" => File.exist?(sampler),
      }
      stat.each { |name, value| lines["gc_#{name}"] = value }
      lines["slot_bytes"] = slot_bytes
      lines.map { |name, value| "#{name}\t#{value.to_s.tr("\t\r\n", " ")}\n" }.join
    end

    def disabled?
      GC.disable.tap { |was| GC.enable unless was }
    end

    # What the heap's pages take, in bytes: slots of several sizes.
    def slot_bytes
      GC.stat_heap.sum { |_, heap| heap[:slot_size] * heap[:heap_eden_slots] }
    end

    def stacks
      Thread.list.reject { |t| t.thread_variable_get(:gantry) }.map do |thread|
        name = thread == Thread.main ? "main" : thread.name.to_s
        head = ["t", thread.native_thread_id.to_i, thread.status || "dead", name].map { |part| part.to_s.tr("\t\r\n", " ") }
        [head.join("\t"), *thread.backtrace&.map { |line| "\t#{line.tr("\t\r\n", " ")}" }].join("\n") << "\n"
      end.join
    end

    # A child has the heap as it is now, and writes it straight to the client while the application goes on. No parts here:
    # the last line says that it is whole.
    def heap(client)
      require "objspace"
      client.write("ok\n")
      # Others may fork meanwhile.
      @dumping = Thread.current
      child = Process.fork do
        # It takes what a socket has no room for as an error.
        client.fcntl(F_SETFL, client.fcntl(F_GETFL) & ~File::NONBLOCK)
        ObjectSpace.dump_all(output: client)
        client.write(HEAP_END)
        client.flush
        Process.exit!(0)
      rescue Exception # rubocop:disable Lint/RescueException -- a child that raises would go on as the application
        Process.exit!(1)
      end
      Process.wait(child)
    ensure
      @dumping = nil
    end

    def sampler = "#{__dir__}/gantry_sampler.so"

    # Takes samples until the time is over, the client says "stop", or it is gone.
    def profile(client, kind, options)
      require sampler
      require "#{__dir__}/profiles"
      install_guards
      Sampler.tag = -1
      seconds = options.fetch("seconds", "10").to_f
      requests = Requests.new
      start = now
      pace = Pace.new(options["exact"] == "1", start)
      begin
        kind == "cpu" ? Sampler.start_time(options.fetch("every", "5000").to_i) : Sampler.start_objects(pace.interval, seconds)
      rescue RuntimeError, NoMemoryError => e
        return client.write("error #{e.message}\n")
      end
      begin
        reply(client) do |out|
          requests.watch
          cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
          until (left = seconds - (now - start)) <= 0 || IO.select([client], nil, nil, [kind == "cpu" ? 0.5 : 0.25, left].min)
            counts = Sampler.counts
            out << Sampler.take(pace.next(counts.first, counts.last, now))
          end
          worked = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - cpu
          length = [now - start, seconds].min
          out << Sampler.stop
          seen, missed, dropped, collecting, foreign = Sampler.counts
          out << "e\t#{(length * 1e6).to_i}\t#{(worked * 1e6).to_i}\t#{dropped}\t#{collecting}\t#{foreign}\t#{seen}\t#{missed}\n"
          out << requests.lines
        end
      ensure
        requests.forget
        Sampler.stop
      end
    end

    def install_guards
      return if @guarded

      @guarded = true
      [Kernel, Kernel.singleton_class, Process.singleton_class].each { |place| place.prepend(Exec) }
    end

    # The first handler that was added is the last to run: what ends the process then, ends it for good.
    def finish
      return unless @owner == Process.pid

      last_words($!) if $! && !$!.is_a?(SystemExit) && !$!.is_a?(SignalException)
      File.unlink(@path)
    rescue Exception # rubocop:disable Lint/RescueException -- how the application ends is not changed
      nil
    end

    # What `gantry init` makes a record of, in at most some hundred kilobytes: the file has its name only when it is whole.
    # Whatever the application has raised is asked with care: its methods may raise, too.
    def last_words(error)
      dir = ENV["GANTRY_REPORTS"] or return
      chain = []
      while error && chain.size < 5
        chain << { "message" => "#{error.class}: #{bounded(LONGEST_MESSAGE) { error.message }}", "stack" => bounded(LONGEST_STACK) { (error.backtrace || []).first(100).join("\n") } }
        error = begin
          error.cause
        rescue Exception # rubocop:disable Lint/RescueException -- see above
          nil
        end
      end
      file = "#{dir}/exception-#{Process.pid}.json"
      text = json("runtime" => "Ruby", "version" => RUBY_VERSION, "command" => $PROGRAM_NAME, "chain" => chain)
      File.open("#{file}.partial", "w", 0o600) { |out| out.write(text) }
      File.rename("#{file}.partial", file)
    end

    def bounded(length)
      text = yield.to_s
      text.bytesize > length ? "#{text.byteslice(0, length).scrub("")}… (#{text.bytesize - length} more bytes)" : text
    rescue Exception # rubocop:disable Lint/RescueException -- see above
      "a message that cannot be shown"
    end

    def json(value)
      case value
      when Hash then "{#{value.map { |key, part| "#{json(key)}:#{json(part)}" }.join(",")}}"
      when Array then "[#{value.map { |part| json(part) }.join(",")}]"
      else "\"#{value.to_s.encode("UTF-8", invalid: :replace, undef: :replace).scrub.gsub(/["\\\x00-\x1f]/) { |c| format("\\u%04x", c.ord) }}\""
      end
    end
  end

  # Writes an answer's parts.
  class Parts
    def initialize(client)
      @client = client
    end

    def <<(text)
      @client.write("#{text.bytesize}\n", text) unless text.empty?
      self
    end
  end

  # https://docs.ruby-lang.org/en/master/Process.html#method-c-_fork
  module Fork
    def _fork
      super.tap { |pid| GantryAgent.forked if pid.zero? }
    end

    def daemon(...)
      super.tap { GantryAgent.forked }
    end
  end

  begin
    start if DIR && File.directory?(DIR)
  rescue Exception # rubocop:disable Lint/RescueException -- an application starts without it, too
    nil
  end
end
