# frozen_string_literal: true

# Loads the bundle as the running application will: without Git and without compilers, which images do not have, and without asking a
# gem server.
require "socket"

module Missing
  # Where a shell takes a word for a program.
  PROGRAMS = %r{(?:\A|[;&|(]|\$\()\s*(?:\S*/)?(git|cc|gcc|g\+\+|clang|make)(?=\s|\z|;)}

  def self.program(words)
    name = words.flatten.grep(String).first.to_s[PROGRAMS, 1]
    raise Errno::ENOENT, name if name
  end

  programs = proc do
    def `(command) = (Missing.program([command]); super)
    def spawn(*words, **options) = (Missing.program(words); super)

    def system(*words, **options)
      Missing.program(words)
      super
    rescue Errno::ENOENT
      nil
    end
  end
  Addrinfo.singleton_class.prepend(Module.new { def getaddrinfo(*) = raise(SocketError, "there is no network") })
  TCPSocket.prepend(Module.new { def initialize(*) = raise(SocketError, "there is no network") })
  hidden = Module.new(&programs)
  hidden.send(:private, *hidden.instance_methods(false))
  Object.prepend(hidden)
  Kernel.singleton_class.prepend(Module.new(&programs))
  Process.singleton_class.prepend(Module.new { def spawn(*words, **options) = (Missing.program(words); super) })
  IO.singleton_class.prepend(Module.new { def popen(*words, **options, &block) = (Missing.program(words); super) })
end

begin
  require "bundler"
  Bundler.ui = Bundler::UI::Shell.new
  Bundler.setup
rescue Bundler::BundlerError, SystemCallError, LoadError => e
  warn "#{e.message.strip}\n"
  exit 1
end
