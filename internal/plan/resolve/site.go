package resolve

import (
	"cmp"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/sitefiles"
)

// withSites writes down, for each process that serves static files, what settings and the files of other platforms say of it.
func (a Application) withSites(p plan.Plan, given Given, declared contract.Contract) (plan.Plan, error) {
	served := func(q plan.Process) bool { return q.Site != nil }
	if !slices.ContainsFunc(p.Image.Processes, served) {
		for _, name := range slices.Sorted(maps.Keys(given.Variables)) {
			if strings.HasPrefix(name, "BP_WEB_SERVER") || strings.HasPrefix(name, "BP_STATIC_") && name != "BP_STATIC_DIR" {
				p.Warnings = append(p.Warnings, name+" has no effect: no process serves files. BP_STATIC_DIR names the folder of files to serve.")
			}
		}
	}
	processes := slices.Clone(p.Image.Processes)
	for i, process := range processes {
		if process.Site == nil {
			continue
		}
		said, err := sitefiles.Find(a.source, process.Dir)
		if err != nil {
			return p, err
		}
		s := a.siteOf(*process.Site, said.Site, process.Type, declared)
		p.Warnings = append(p.Warnings, said.Warnings...)
		if len(said.From) > 0 {
			p.Decisions = append(p.Decisions, plan.Decision{Subject: "site", Value: s.String(), Origin: "from " + strings.Join(said.From, ", ")})
		}
		if s.BasicAuth {
			p.Image.Needs.Variables = append(p.Image.Needs.Variables,
				plan.Variable{Name: "BASIC_AUTH_USERNAME", Description: "the name that the site asks for"},
				plan.Variable{Name: "BASIC_AUTH_PASSWORD", Description: "the password that the site asks for", Secret: true})
		}
		if path.Clean(process.Args[1]) == "." {
			// What steers a build, or a server, is not for everybody.
			p.Image.Source.Remove = unique(append(slices.Clone(p.Image.Source.Remove), sitefiles.NotServed(path.Clean(cmp.Or(process.Dir, ".")))...))
		}
		if dir := path.Join(process.Dir, process.Args[1]); s.ConfigPath != "" && a.source.Has(path.Join(dir, s.ConfigPath)) {
			p.Warnings = append(p.Warnings, path.Join(dir, s.ConfigPath)+" is not served: the container's variables are at that path, as "+a.settings.SiteConfig.Origin+" says.")
		}
		processes[i].Site = &s
		if s.IsZero() {
			continue
		}
		text, err := json.Marshal(s)
		if err != nil {
			return p, err
		}
		name := "site-" + process.Type + ".json"
		p.Image.Environment.Files = withDefaults(map[string]string{name: string(text)}, p.Image.Environment.Files)
		processes[i].Args = append(slices.Clone(process.Args), path.Join(plan.FilesDir, name))
	}
	p.Image.Processes = processes
	return p, nil
}

// unique leaves out what is there twice.
func unique(names []string) (list []string) {
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// siteOf adds what files and settings say to what the plan of the language says.
func (a Application) siteOf(s, said site.Site, process string, declared contract.Contract) site.Site {
	pages, start := s.Pages, s.Start
	s = said
	s.Pages, s.Start = pages, start
	if v := a.settings.SinglePage; v.Value != "" {
		s.Pages = v.Value != "true"
		if s.Pages {
			// A Staticfile's pushstate is a rule.
			s.Redirects = slices.DeleteFunc(slices.Clone(s.Redirects), func(r site.Redirect) bool { return r.From.Path == "/*" && r.To == "/index.html" && r.Status == 200 })
		}
		if v.Value == "true" && s.Start == "" {
			s.Start = "index.html"
		}
	}
	s.ForceHTTPS = s.ForceHTTPS || a.settings.ForceHTTPS.Value == "true"
	if v := a.settings.SiteConfig; v.Value != "" {
		s.ConfigPath = "/" + strings.TrimPrefix(v.Value, "/")
		for _, variable := range declared.For(process).Variables {
			if !variable.Secret && !contract.SecretName(variable.Name) && !slices.ContainsFunc(variable.RenamedFrom, contract.SecretName) {
				s.Config = append(s.Config, variable.Name)
			}
		}
	}
	return s
}
