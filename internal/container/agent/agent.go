// Package agent holds what Gantry puts next to an application of Ruby, so that it can be looked into while it runs: a
// script that Ruby loads first, with a part that profiles alone need, the source of a sampler that is compiled for the image's
// Ruby, and a script that sends requests to an application inside of its own process. package capture asks the first of them.
package agent

import _ "embed" // for the files below

// The files' names in the layer. SamplerFile is compiled from SamplerSource.
const (
	Layer         = "ruby-agent"
	ScriptFile    = "agent.rb"
	ProfilesFile  = "profiles.rb"
	RequestsFile  = "requests.rb"
	NoYJITFile    = "noyjit.rb"
	SamplerSource = "sampler.c"
	ObjectsSource = "objects.h"
	SamplerFile   = "gantry_sampler.so"
)

// Compile is a program of Ruby that compiles the sampler in its working folder, for the Ruby that runs it.
const Compile = `c = RbConfig::CONFIG
headers = c.values_at("rubyhdrdir", "rubyarchhdrdir").map { |dir| "-I#{dir}" }
exec("cc", "-O2", "-fPIC", "-shared", "-s", *headers, "-o", "` + SamplerFile + `", "` + SamplerSource + `", "-lm")`

// Variable names the folder in which the script opens its socket: one that is the user's own, with mode 0700.
const Variable = "GANTRY_AGENT"

// Script, Profiles, Requests, NoYJIT, Sampler and Objects are those files.
var (
	//go:embed ruby/agent.rb
	Script string
	//go:embed ruby/profiles.rb
	Profiles string
	//go:embed ruby/requests.rb
	Requests string
	//go:embed ruby/noyjit.rb
	NoYJIT string
	//go:embed ruby/sampler.c
	Sampler string
	//go:embed ruby/objects.h
	Objects string
)
