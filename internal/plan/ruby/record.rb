# Evaluates the Gemfile once more, when its gems are installed, and writes down what that depends on: files, names of files,
# variables and programs. Usage: ruby record.rb FILE, in the application's folder.
require "bundler"
loaded = $LOADED_FEATURES.dup
begin
  definition = Bundler.definition
  sources = definition.send(:sources).path_sources
  specs = sources.flat_map { |source| source.local_specs.to_a }
rescue Bundler::BundlerError => e
  warn e.message
  exit 1
end
Reads.code($LOADED_FEATURES - loaded)
# Their programs are installed.
specs.each do |spec|
  path = Reads.inside(File.join(File.dirname(spec.loaded_from.to_s), spec.bindir.to_s))
  Reads.note("names", path) if path
end

# Gemspecs that run programs would do so at each start, where those are not.
written = specs.filter_map do |spec|
  file = File.expand_path(spec.loaded_from.to_s)
  name = Reads.inside(file)
  next unless name && Reads.gemspecs[file]
  spec = spec.dup
  # That of today would make another image each day.
  spec.date = Time.utc(1980, 1, 2)
  spec.files = []
  # Nobody needs it, and it may have come of a variable.
  spec.metadata = {}
  [name, "# Evaluated while the image was built: it runs programs, and may be asked for at each start.\n#{spec.to_ruby}"]
end
File.write(ARGV.fetch(0), JSON.generate(reads: Reads.kept, files: written.to_h))
