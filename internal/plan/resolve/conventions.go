package resolve

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/shlex"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/conventions"
	"github.com/gantry-buildpack/gantry/internal/source/dockerfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// slugIgnore is Heroku's list of what is removed before the build: https://devcenter.heroku.com/articles/slug-compiler#ignoring-files-with-slugignore.
const slugIgnore = ".slugignore"

// withConventions adds to a plan what variables and files of other platforms ask for, and answers those that have no effect.
func (a Application) withConventions(p plan.Plan, variables map[string]string) (plan.Plan, error) {
	p.Warnings = slices.Concat(p.Warnings, settings.Unheeded(slices.Collect(maps.Keys(variables))), conventions.Answers(a.source, variables))
	labels, err := givenLabels(variables)
	if err != nil {
		return p, err
	}
	if len(labels) > 0 {
		p.Image.Labels = withDefaults(labels, p.Image.Labels)
		p.Decisions = append(p.Decisions, plan.Decision{Subject: "labels", Value: problem.Some(slices.Sorted(maps.Keys(labels))), Origin: "from variables of the build"})
	}
	given, warnings := containerVariables(variables)
	p.Warnings = append(p.Warnings, warnings...)
	if len(given) > 0 {
		p.Image.Environment.Given = given
		var names []string
		for _, v := range given {
			names = append(names, v.Name)
		}
		slices.Sort(names)
		p.Decisions = append(p.Decisions, plan.Decision{Subject: "environment", Value: problem.Some(slices.Compact(names)), Origin: "from BPE_ variables of the build"})
	}
	text, found, err := a.source.Read(slugIgnore)
	if err != nil {
		return p, err
	}
	if found {
		if patterns := ignoreLines(string(text)); len(patterns) > 0 {
			p.Image.Source.Ignored = patterns
			p.Decisions = append(p.Decisions, plan.Decision{Subject: "removed", Value: problem.Some(patterns), Origin: "from " + slugIgnore + ", before the build"})
		}
	}
	decisions, err := a.ofDockerfile(p.System)
	if err != nil {
		return p, err
	}
	p.Decisions = append(p.Decisions, decisions...)
	for _, files := range []struct {
		setting settings.Setting
		target  *[]string
		subject string
	}{{a.settings.IncludeFiles, &p.Image.Source.Include, "only"}, {a.settings.ExcludeFiles, &p.Image.Source.Exclude, "left out"}} {
		if patterns := separated(files.setting.Value); len(patterns) > 0 {
			*files.target = patterns
			p.Decisions = append(p.Decisions, plan.Decision{Subject: files.subject, Value: problem.Some(patterns), Origin: "from " + files.setting.Origin})
		}
	}
	return p, nil
}

// ofDockerfile tells what to write for what a Dockerfile adds, which is not read by a build.
func (a Application) ofDockerfile(system plan.System) (list []plan.Decision, err error) {
	text, found, err := a.source.Read(dockerfile.Name)
	if err != nil || !found {
		return nil, err
	}
	adds := dockerfile.Read(text)
	if len(adds.Packages) > 0 && len(system.Packages) == 0 {
		list = append(list, plan.Decision{Subject: "hint", Value: "packages = [\"" + strings.Join(adds.Packages, "\", \"") + "\"] in project.toml",
			Origin: adds.PackagesAt.String() + " installs them, and is not read; leave out what only Docker's image lacks"})
	}
	if len(adds.Variables) > 0 {
		list = append(list, plan.Decision{Subject: "hint", Value: problem.Some(adds.Variables) + ": set where the image is deployed",
			Origin: adds.VariablesAt.String() + " sets them, and is not read; BPE_" + adds.Variables[0] + " of a build does the same"})
	}
	return list, nil
}

// separated gives the parts of a list that is separated by commas, or by colons as Paketo has it.
func separated(list string) []string {
	parts := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ':' || r == '\n' })
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}

// ignoreLines are the patterns of a file, without comments.
func ignoreLines(text string) (patterns []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, line)
		}
	}
	return patterns
}

// What variables that name labels begin with.
const (
	ociVariable    = "BP_OCI_"
	ociLabel       = "org.opencontainers.image."
	googleVariable = "GOOGLE_LABEL_"
	labelsVariable = "BP_IMAGE_LABELS"
)

// ociNames are the labels whose names are more than one word: https://github.com/opencontainers/image-spec/blob/main/annotations.md.
var ociNames = map[string]string{"REF_NAME": "ref.name", "BASE_NAME": "base.name", "BASE_DIGEST": "base.digest"}

// givenLabels are the labels that variables of the build ask for.
func givenLabels(variables map[string]string) (map[string]string, error) {
	labels := map[string]string{}
	for name, value := range variables {
		if rest, found := strings.CutPrefix(name, ociVariable); found && value != "" && rest != "" {
			key, several := ociNames[rest]
			if !several {
				key = strings.ToLower(rest)
			}
			labels[ociLabel+key] = value
		}
		if rest, found := strings.CutPrefix(name, googleVariable); found && rest != "" {
			labels["google."+strings.ReplaceAll(strings.ToLower(rest), "_", "-")] = value
		}
	}
	words, err := shlex.Split(withoutComments(variables[labelsVariable]))
	if err != nil {
		return nil, badLabels(err.Error())
	}
	for _, word := range words {
		key, value, found := strings.Cut(word, "=")
		if !found || key == "" {
			return nil, badLabels(fmt.Sprintf("%q is no label", word))
		}
		labels[key] = value
	}
	return labels, nil
}

// withoutComments has a # be one: shlex takes what is behind it for a comment.
func withoutComments(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		if strings.HasPrefix(word, "#") {
			words[i] = `\` + word
		}
	}
	return strings.Join(words, " ")
}

func badLabels(why string) error {
	return &problem.Problem{
		ID:    "settings/bad-value",
		Title: "the variable has a value that is not understood",
		Where: problem.Position{File: labelsVariable},
		Why:   why,
		Hints: []string{`Write labels as name=value, separated by spaces, in quotes where a value has one: team=shop note="two words".`},
	}
}

// containerVariable is the name of a variable of the environment-variables buildpack: https://github.com/paketo-buildpacks/environment-variables.
var containerVariable = regexp.MustCompile(`^BPE_(?:(APPEND|DEFAULT|DELIM|OVERRIDE|PREPEND)_)?([A-Za-z_][A-Za-z0-9_]*)$`)

// containerVariables are those of the container that variables of the build ask for, in the order of their names.
func containerVariables(variables map[string]string) (list []plan.Given, warnings []string) {
	for _, variable := range slices.Sorted(maps.Keys(variables)) {
		m := containerVariable.FindStringSubmatch(variable)
		if m == nil && strings.HasPrefix(variable, "BPE_") {
			warnings = append(warnings, variable+" has no effect: what is behind BPE_ is no name of a variable.")
		}
		if m == nil || m[1] == "DELIM" {
			continue
		}
		v := plan.Given{Name: m[2], How: strings.ToLower(m[1]), Value: variables[variable]}
		if v.How == "" {
			v.How = "override"
		}
		if v.How == "append" || v.How == "prepend" {
			v.Delimiter = variables["BPE_DELIM_"+v.Name]
			if strings.HasSuffix(v.Name, "PATH") && v.Delimiter == "" {
				v.Delimiter = ":"
			}
		}
		if v.Name == "PATH" && v.How == "override" {
			warnings = append(warnings, variable+" has no effect: it would take its own programs from the application. BPE_PREPEND_PATH and BPE_APPEND_PATH add folders.")
			continue
		}
		if v.Value != "" && (contract.SecretName(v.Name) || contract.HasPassword(v.Value)) {
			warnings = append(warnings, variable+" looks like a secret, and is in the image, where everybody reads it who has the image: set "+v.Name+" where the image is deployed.")
		}
		list = append(list, v)
	}
	return list, warnings
}
