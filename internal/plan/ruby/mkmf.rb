# Comes before Ruby's own mkmf.rb, with which gems' extconf.rb try and write what is compiled.
require "fileutils"
require "rbconfig"
require "shellwords"

# What only debuggers read is taken off compiled files in any case; to write it is a third of a compiler's time.
debug = RbConfig::CONFIG["debugflags"].to_s.strip
unless debug.empty?
  [RbConfig::CONFIG, RbConfig::MAKEFILE_CONFIG].each do |config|
    %w[debugflags cflags CFLAGS cxxflags CXXFLAGS].each { |name| config[name] = config[name].gsub(debug, "") if config[name] }
  end
end

require File.join(RbConfig::CONFIG["rubylibdir"], "mkmf")

# An extconf.rb compiles dozens of small programs, each with all of ruby.h. The compiler reads that once, and takes it from
# there wherever a file begins with it and the options are the same: https://gcc.gnu.org/onlinedocs/gcc/Precompiled-Headers.html
folder = File.join(__dir__, "headers")
begin
  File.open(File.join(__dir__, "headers.lock"), File::RDWR | File::CREAT) do |lock|
    lock.flock(File::LOCK_EX)
    next if Dir.exist?(folder)

    Dir.mkdir(folder)
    # The header itself is for files that begin with another.
    header = File.join(folder, "ruby.h")
    FileUtils.cp(File.join($hdrdir, "ruby.h"), header)
    probe = File.join(__dir__, "probe.c")
    File.write(probe, "#include \"ruby.h\"\nint probe(VALUE v) { return NIL_P(v); }\n")
    places = RbConfig::CONFIG.merge("hdrdir" => $hdrdir, "srcdir" => $srcdir, "arch_hdrdir" => $arch_hdrdir, "top_srcdir" => $top_srcdir)
    compile = RbConfig.expand("$(CC) -I#{folder.shellescape} #{$INCFLAGS} #{$CPPFLAGS} #{$CFLAGS} #{$ARCH_FLAG}".dup, places)
    quiet = { %i[out err] => File::NULL }
    # Where processors are emulated, a compiler may not be able to read what it has written.
    usable = system("#{compile} -x c-header -o #{header.shellescape}.gch #{header.shellescape}", quiet) &&
             system("#{compile} -c -o #{File::NULL} #{probe.shellescape}", quiet)
    FileUtils.rm_f("#{header}.gch") unless usable
  end
  $INCFLAGS = "-I#{folder.shellescape} #{$INCFLAGS}"
rescue SystemCallError => e
  Logging.message("ruby.h is not compiled ahead: %s\n", e.message)
end
