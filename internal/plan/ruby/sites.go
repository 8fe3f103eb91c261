package ruby

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// generator makes a site of static files.
type generator struct {
	gem, title string
	// markers are files of which a site has one.
	markers []string
	args    []string
	// dir is where it writes; caches are what makes its next run faster.
	dir    string
	caches []string
	env    map[string]string
}

var generators = []generator{
	// https://jekyllrb.com/docs/configuration/environments/.
	{
		gem: "jekyll", title: "Jekyll", markers: []string{"_config.yml", "_config.yaml", "_config.toml"}, args: []string{"bundle", "exec", "jekyll", "build"}, dir: "_site",
		caches: []string{".jekyll-cache"}, env: map[string]string{"JEKYLL_ENV": "production"},
	},
	// https://middlemanapp.com/basics/build-and-deploy/.
	{gem: "middleman", title: "Middleman", markers: []string{"config.rb"}, args: []string{"bundle", "exec", "middleman", "build"}, dir: "build"},
	// https://www.bridgetownrb.com/docs/deployment.
	{
		gem: "bridgetown", title: "Bridgetown", markers: []string{"bridgetown.config.yml", "bridgetown.config.yaml", "config/initializers.rb"},
		args: []string{"bundle", "exec", "rake", "deploy"}, dir: "output", caches: []string{".bridgetown-cache"}, env: map[string]string{"BRIDGETOWN_ENV": "production"},
	},
	// https://nanoc.app/doc/deploying/.
	{gem: "nanoc", title: "Nanoc", markers: []string{"nanoc.yaml", "config.yaml"}, args: []string{"bundle", "exec", "nanoc"}, dir: "output", caches: []string{"tmp/nanoc"}},
}

var destination = lazyregexp.New(`(?m)^destination:\s*["']?\.?/?([\w./-]+)`)

// generator gives the one that makes the site; ok is false where nothing does, or where a process does it while it runs.
func (p *Project) generator() (g generator, ok bool) {
	i := slices.IndexFunc(generators, func(g generator) bool { return p.gems.Has(g.gem) && p.firstOf(g.markers...) != "" })
	if i < 0 || p.rails() || p.skipsAssets() {
		return g, false
	}
	g = generators[i]
	for _, entry := range p.declared {
		if strings.Contains(entry.Command+strings.Join(entry.Args, " "), g.gem) {
			return g, false
		}
	}
	if m := destination().FindStringSubmatch(p.read("_config.yml")); g.gem == "jekyll" && m != nil {
		g.dir = path.Clean(m[1])
	}
	if g.gem == "bridgetown" && !p.has("Rakefile") {
		g.args = []string{"bundle", "exec", "bridgetown", "build"}
	}
	return g, true
}

// isSite reports whether the image is to hold the site and nothing else.
func (p *Project) isSite() bool {
	_, generated := p.generator()
	return generated && len(p.declared) == 0 && !(p.has(rackFile) && p.served())
}

// siteAssets are the step that makes the site.
func (p *Project) siteAssets(g generator) (a assets) {
	step := plan.Command{Title: strings.Join(g.args[2:], " "), Args: g.args, Dir: p.dir, Env: g.env, Failures: p.leftOutFailures()}
	caches := make([]string, 0, len(g.caches))
	for _, name := range g.caches {
		caches = append(caches, p.in(name))
	}
	a.build = plan.Build{Steps: plan.Steps([]plan.Command{step}, Language), Caches: caches}
	a.notes.Decisions = []plan.Decision{{Subject: "site", Value: step.Title, Origin: g.gem + " is among the gems, and " + p.firstOf(g.markers...) + " is there"}}
	return a
}

// onlySite makes the plan one of an image with static files and without Ruby.
func (p *Project) onlySite(made plan.Plan) plan.Plan {
	g, _ := p.generator()
	made.Image.Processes = []plan.Process{{Type: "web", Default: true, Args: []string{plan.StaticServer, g.dir}, Dir: p.dir, Site: &site.Site{Pages: true}}}
	made.Image.Otherwise, made.Image.Needs, made.Image.Environment = nil, plan.Needs{}, plan.Environment{Path: made.Image.Environment.Path}
	made.Image.Source.Only, made.Image.Source.Folders, made.Image.Source.Slices = []string{p.in(g.dir)}, nil, nil
	made.Toolchains[0].Runtime.Files.Launch, made.Toolchains[0].Agent = nil, nil
	made.Installs[0].Launch.None = true
	made.Installs[0].Evaluation.Prove = plan.Command{}
	made.Decisions = append(made.Decisions, plan.Decision{Subject: "web", Value: "static files in " + p.in(g.dir), Origin: "what " + g.title + " makes"})
	return made
}
