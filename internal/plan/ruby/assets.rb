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

    # Runs it where it is certain that it is there: a Rakefile that does not load has none.
    def first
      found = begin
        there?
      rescue LoadError, StandardError, SyntaxError, SystemExit => e
        puts "The Rakefile cannot be loaded: #{e.message.lines.first}"
        return
      end
      return none unless found
      Rake.application.standard_exception_handling { Rake.application.top_level }
    end
  end
end
