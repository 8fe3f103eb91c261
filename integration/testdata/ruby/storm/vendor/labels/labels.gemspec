Gem::Specification.new do |spec|
  spec.name = "labels"
  spec.version = "1.0.0"
  spec.summary = "Labels for repositories"
  spec.authors = ["Shop"]
  spec.files = ["lib/labels.rb"]
end
