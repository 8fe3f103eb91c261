# Runs the task of the Rakefile that builds assets, if it has one: Rake alone knows. Usage: ruby -rbundler/setup - TASK….
require "rake"

module Asked
  TASKS = ARGV.dup

  class << self
    # Whether all of the tasks are there. What cannot be loaded has none.
    def there?
      Rake.application.init("rake")
      Rake.application.raw_load_rakefile
      TASKS.all? { |task| Rake::Task.task_defined?(task[/\A[^\[]+/]) }
    end

    def none = puts("The Rakefile has no task #{TASKS.join(", ")}: no assets are built")

    def run
      Rake.application.standard_exception_handling do
        return none unless there?
        Rake.application.top_level
      end
    end

    # Asks in a process of its own, which notes what the answer depends on. Where it is no, nothing else does.
    def first(reads)
      reader, writer = IO.pipe
      child = fork do
        reader.close
        eval(reads, TOPLEVEL_BINDING, "reads.rb")
        loaded = $LOADED_FEATURES.dup
        found = begin
          there?
        rescue LoadError, StandardError, SyntaxError, SystemExit => e
          puts "The Rakefile cannot be loaded: #{e.message.lines.first}"
          nil
        end
        none if found == false
        Reads.code($LOADED_FEATURES - loaded)
        $stdout.flush
        writer.write(found ? "yes" : JSON.generate(reads: Reads.kept))
        writer.close
        exit!(0)
      end
      writer.close
      answer = reader.read
      Process.wait(child)
      return run if answer == "yes"
      File.write(ENV.fetch("GANTRY_RECORD"), answer) unless answer.empty?
    end
  end
end
