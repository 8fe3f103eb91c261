# frozen_string_literal: true

require "json"
require "rbconfig"
require "socket"

# Reads notes what code outside of Ruby's library and of Bundler looks at.
module Reads
  ROOT = Dir.pwd
  LIBRARY = RbConfig::CONFIG["rubylibdir"]
  GEMS = File.join(ROOT, "vendor/bundle")
  TOOLS = [File.join(LIBRARY, "bundler"), File.join(LIBRARY, "rubygems")].freeze
  # Of the files that a gemspec lists, its programs and what is compiled matter alone.
  FOLDERS = %w[bin exe ext].freeze

  @list = {}
  @listed = {}
  @gemspecs = {}

  class << self
    attr_reader :gemspecs

    def all = @list.keys.sort

    # The file whose code asks; nil for Bundler and RubyGems themselves.
    def asking
      caller_locations(2).each do |location|
        file = location.absolute_path || location.path.to_s
        next if file == __FILE__ || file.start_with?("<internal:")
        return nil if file.start_with?(*TOOLS) || file.match?(%r{/gems/bundler-\d[^/]*/})
        return file unless file.start_with?(LIBRARY)
      end
      nil
    end

    def inside(name)
      full = File.expand_path(name.respond_to?(:to_path) ? name.to_path : name.to_str)
      return nil unless full.start_with?("#{ROOT}/")
      return nil if full.start_with?("#{GEMS}/") || full == GEMS
      full.delete_prefix("#{ROOT}/")
    rescue StandardError
      nil
    end

    def note(kind, what) = @list[[kind, what]] = true

    def file(name)
      path = inside(name)
      note("file", path) if path && !path.include?("\n")
    end

    # A file that may be loaded, with or without the end of its name.
    def code_file(name)
      file(name)
      file("#{name}.rb") unless name.end_with?(".rb", ".so")
    end

    def children(dir)
      from = asking
      return if from.nil? || within_gemspec(from)
      full = File.expand_path(dir.respond_to?(:to_path) ? dir.to_path : dir.to_s)
      note("children", full == ROOT ? "." : full.delete_prefix("#{ROOT}/")) if full == ROOT || full.start_with?("#{ROOT}/")
    end

    def listing(pattern, matches)
      from = asking
      return if from.nil? || within_gemspec(from)
      path = inside(pattern)
      return unless path
      note("glob", path)
      @listed[path] = Array(matches).filter_map { |name| inside(name) }.sort
    end

    # What code there was, besides what it looked at.
    def code(loaded)
      loaded.each { |name| file(name) }
      all.each do |kind, name|
        full = File.join(ROOT, name)
        next unless kind == "file" && File.file?(full)
        note("runtime", "") if File.binread(full).match?(/RUBY_(?:VERSION|PATCHLEVEL|RELEASE_DATE|DESCRIPTION)|ruby_version/n)
      end
    end

    def kept = all.map { |kind, name| {kind: kind, name: name, found: @listed[name]} }

    def variable(name)
      from = asking
      note("variable", name.to_s) if from
    end

    def variables
      note("variable", "*") if asking
    end

    # The program's name alone: what stands behind it may be a secret.
    def program(words)
      from = asking
      return unless from
      name = words.grep(String).first.to_s.split.first.to_s
      if within_gemspec(from)
        @gemspecs[from] = true
        return if File.basename(name) == "git"
      end
      note("program", name)
    end

    def network
      note("network", "") if asking
    end

    # What decides of a list of files, where a gemspec makes one.
    def within_gemspec(file)
      return false unless file.end_with?(".gemspec")
      FOLDERS.each do |folder|
        path = inside(File.join(File.dirname(file), folder))
        note("names", path) if path
      end
      true
    end
  end

  module OfFiles
    %i[read binread readlines foreach sysopen].each do |name|
      define_method(name) { |file, *rest, **options, &block| Reads.file(file); super(file, *rest, **options, &block) }
    end

    def popen(*words, **options, &block)
      Reads.program(words.flatten)
      super
    end
  end
  IO.singleton_class.prepend(OfFiles)

  module OfOpened
    def initialize(file, ...)
      Reads.file(file) unless file.is_a?(Integer)
      super
    end
  end
  File.prepend(OfOpened)

  looks = %i[
    exist? file? directory? readable? readable_real? size size? zero? empty? stat lstat mtime ctime atime symlink? readlink executable? executable_real? realpath
  ]
  [File, FileTest].each do |place|
    known = looks.select { |name| place.respond_to?(name) }
    place.singleton_class.prepend(Module.new do
      known.each { |name| define_method(name) { |file, *rest| Reads.file(file) unless file.is_a?(IO); super(file, *rest) } }
    end)
  end

  module OfFolders
    def glob(pattern, *rest, base: nil, **options, &block)
      found = super(pattern, *rest, base: base, **options, &nil)
      Array(pattern).each { |one| Reads.listing(base ? File.join(base.to_s, one.to_s) : one, found.map { |name| base ? File.join(base.to_s, name) : name }) }
      return found unless block
      found.each(&block)
      nil
    end

    def [](*patterns, base: nil, **options) = glob(patterns.flatten, base: base, **options)

    %i[children entries each_child foreach open new].each do |name|
      define_method(name) { |dir, *rest, **options, &block| Reads.children(dir); super(dir, *rest, **options, &block) }
    end
    %i[exist? empty?].each { |name| define_method(name) { |dir| Reads.file(dir); super(dir) } }
  end
  Dir.singleton_class.prepend(OfFolders)

  # The same methods twice: those of all objects are private.
  programs = proc do
    def `(command)
      Reads.program([command])
      super
    end

    def load(file, ...)
      Reads.file(file)
      super
    end

    def require(name)
      text = name.respond_to?(:to_path) ? name.to_path : name.to_s
      Reads.code_file(text) if text.start_with?("/", "./", "../")
      super
    end

    # Ruby looks at the file that calls it, which is this one then.
    def require_relative(name)
      from = caller_locations(1, 1).first
      file = File.expand_path(name.respond_to?(:to_path) ? name.to_path : name, File.dirname(from.absolute_path || File.expand_path(from.path)))
      Reads.code_file(file)
      require(file)
    end

    def test(kind, file, ...)
      Reads.file(file)
      super
    end

    def open(file, *rest, **options, &block)
      text = file.respond_to?(:to_path) ? file.to_path : file.to_s
      text.start_with?("|") ? Reads.program([text]) : Reads.file(text)
      super
    end

    %i[system spawn exec].each { |name| define_method(name) { |*words, **options| Reads.program(words.flatten); super(*words, **options) } }
  end
  hidden = Module.new(&programs)
  hidden.send(:private, *hidden.instance_methods(false))
  Object.prepend(hidden)
  Kernel.singleton_class.prepend(Module.new(&programs))
  Process.singleton_class.prepend(Module.new { def spawn(*words, **options) = (Reads.program(words.flatten); super) })

  [TCPSocket, UDPSocket].each { |place| place.prepend(Module.new { def initialize(...) = (Reads.network; super) }) }
  Socket.prepend(Module.new { def connect(...) = (Reads.network; super) })

  class << ENV
    one = %i[[] fetch key? include? has_key? member? assoc delete]
    written = %i[[]= store update merge! replace clear rehash freeze]
    all = ENV.methods.uniq - Object.instance_methods - one - written
    prepend(Module.new do
      one.each { |name| define_method(name) { |key, *rest, **options, &block| Reads.variable(key); super(key, *rest, **options, &block) } }
      all.each { |name| define_method(name) { |*rest, **options, &block| Reads.variables; super(*rest, **options, &block) } }
    end)
  end
end
