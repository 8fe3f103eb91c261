class ReposController < ApplicationController
  REPOS = (1..40).map { |i| "repository-number-#{i}" }.freeze
  KEPT = []

  Leaked = Struct.new(:name, :data)

  def index
    @repos = REPOS
  end

  def leak
    500.times { |i| KEPT << Leaked.new("leak #{i}", [i] * 10) }
    render plain: KEPT.size
  end

  def fork_and_exec
    pid = fork { exit!(0) }
    Process.wait(pid)
    $0 = "shop: working"
    render plain: "#{$?.exitstatus} #{`echo executed`} #{IO.popen(["ruby", "--disable-gems", "-e", "print RUBY_VERSION"], &:read)}"
  end

  def close_all
    ObjectSpace.each_object(UNIXServer) { |server| server.close unless server.closed? }
    render plain: "closed"
  end

  def pool
    render plain: Process.pid
  end
end
