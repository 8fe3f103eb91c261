# frozen_string_literal: true

# Keeps YJIT off where the container's settings or its memory say so: Rails 7.2 and later enable it by themselves
# (https://guides.rubyonrails.org/configuring.html#config-yjit).
if defined?(RubyVM::YJIT) && RubyVM::YJIT.respond_to?(:enable)
  RubyVM::YJIT.singleton_class.prepend(Module.new { def enable(...) = false })
end
