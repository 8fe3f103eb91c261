package manifests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	shellwords "github.com/mattn/go-shellwords"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// IsCompose reports whether a YAML file is one of docker compose, by its services, or by what it includes or changes.
func IsCompose(text []byte) bool {
	var file struct {
		Services map[string]yaml.Node
		Include  yaml.Node
		Kind     string
	}
	return yaml.Unmarshal(text, &file) == nil && file.Kind == "" && (len(file.Services) > 0 || file.Include.Kind == yaml.SequenceNode)
}

// ComposeFile is one of those that docker compose is given with -f.
type ComposeFile struct {
	Name    string
	Content []byte
}

// Compose reads the services of compose files, the later of which change the earlier: https://docs.docker.com/reference/compose-file/services/. environ
// are the variables of the shell; those of the file .env stand behind them. Services of all profiles are read.
func Compose(ctx context.Context, files []ComposeFile, environ []string) ([]Workload, error) {
	dir := filepath.Dir(files[0].Name)
	shell := types.NewMapping(environ)
	if text, err := os.ReadFile(filepath.Join(dir, ".env")); err == nil {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
		own, err := dotenv.UnmarshalBytesWithLookup(text, func(name string) (string, bool) { value, ok := shell[name]; return value, ok })
		if err != nil {
			return nil, badEnvFile(filepath.Join(dir, ".env"), text, err)
		}
		for name, value := range own {
			if _, set := shell[name]; !set {
				shell[name] = value
			}
		}
	}
	// The loader gets no variables: it would put them where it cannot be told any more where they come from.
	details := types.ConfigDetails{WorkingDir: dir, Environment: types.Mapping{}}
	for _, file := range files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: file.Name, Content: file.Content})
	}
	// What the library warns of is told by the findings.
	logrus.SetOutput(io.Discard)
	// Interpolation comes later, value by value: so it is known of each whether it depends on the shell.
	model, err := loader.LoadModelWithContext(ctx, details, func(o *loader.Options) {
		o.SkipInterpolation, o.SkipConsistencyCheck, o.SkipResolveEnvironment, o.SkipResolveLabels, o.SkipNormalization = true, true, true, true, true
		o.Profiles = []string{"*"}
		o.SetProjectName("gantry", false)
	})
	if err != nil {
		return nil, composeInvalid(files[0].Name, err)
	}
	if !interpolates(model) {
		return nil, composeInvalid(files[0].Name, errInterpolation)
	}
	c := composed{dir: dir, shell: shell, model: model, places: places(files)}
	var workloads []Workload
	for _, name := range slices.Sorted(maps.Keys(table(model["services"]))) {
		w, err := c.service(name, table(table(model["services"])[name]))
		if err != nil {
			return nil, err
		}
		workloads = append(workloads, w)
	}
	return workloads, nil
}

var errInterpolation = errors.New("a text has a $ that begins no reference; write $$ for a $ alone")

// interpolates reports whether compose understands all references to variables.
func interpolates(value any) bool {
	switch value := value.(type) {
	case string:
		_, err := template.SubstituteWithOptions(value, func(string) (string, bool) { return "x", true }, template.WithoutLogging)
		_, wrong := errors.AsType[*template.InvalidTemplateError](err)
		return !wrong
	case map[string]any:
		for _, inner := range value {
			if !interpolates(inner) {
				return false
			}
		}
	case []any:
		for _, inner := range value {
			if !interpolates(inner) {
				return false
			}
		}
	}
	return true
}

// composed are compose files, read together.
type composed struct {
	dir    string
	shell  types.Mapping
	model  map[string]any
	places map[string]string
}

func table(value any) map[string]any {
	found, _ := value.(map[string]any)
	return found
}

// places are where services stand, for people.
func places(files []ComposeFile) map[string]string {
	found := map[string]string{}
	for _, file := range files {
		var node yaml.Node
		if yaml.Unmarshal(file.Content, &node) != nil || len(node.Content) == 0 {
			continue
		}
		pairs(get(node.Content[0], "services"), func(key, _ *yaml.Node) {
			if found[key.Value] == "" {
				found[key.Value] = fmt.Sprintf("%s:%d", file.Name, key.Line)
			}
		})
	}
	return found
}

func (c composed) service(name string, s map[string]any) (Workload, error) {
	w := Workload{Name: "service " + name, Container: name, Where: c.places[name], Values: map[string]Value{}, Files: map[string]Value{}}
	w.Image = c.interpolate(fmt.Sprint(s["image"])).Text
	if s["image"] == nil {
		w.Image = ""
	}
	w.Command, w.Hidden = c.words(s["entrypoint"])
	args, hidden := c.words(s["command"])
	w.Args, w.Hidden = args, append(w.Hidden, hidden...)
	included := w.Where == ""
	for key, value := range variables(s["environment"]) {
		if value != nil {
			w.Values[key] = c.interpolate(*value)
		} else if given, set := c.shell[key]; set {
			w.Values[key] = Value{Text: given, Secret: true}
		} else {
			w.Values[key] = Value{From: "the shell that starts compose"}
		}
		if included && value != nil && strings.Contains(*value, "$") {
			// A file that is included has variables of its own: https://docs.docker.com/reference/compose-file/include/.
			w.Values[key] = Value{From: "the variables of an included file"}
		}
	}
	if err := c.addEnvFiles(&w, items(s["env_file"])); err != nil {
		return w, err
	}
	c.addSecrets(&w, s)
	for _, other := range names(s["depends_on"]) {
		if table(c.model["services"])[other] == nil {
			w.Refused = append(w.Refused, c.refuses(w, other, "is a service that the file does not have, and the service depends on it"))
		}
	}
	return w, nil
}

func (c composed) refuses(w Workload, name, what string) Finding {
	return Finding{Workload: w.Name, Where: w.Where, Name: name, Kind: "refused", What: what, Advice: "docker compose does not accept the file."}
}

// names are those of a list or of a mapping.
func names(value any) []string {
	found := slices.Collect(maps.Keys(table(value)))
	for _, item := range items(value) {
		if name, ok := item.(string); ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// items gives a list; a single value is one of one.
func items(value any) []any {
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		return value
	}
	return []any{value}
}

// variables reads a mapping, or a list of NAME=value; a name without a value is passed on from the shell.
func variables(value any) map[string]*string {
	found := map[string]*string{}
	for name, text := range table(value) {
		if text == nil {
			found[name] = nil
			continue
		}
		plain := fmt.Sprint(text)
		found[name] = &plain
	}
	if list, ok := value.([]any); ok {
		for _, item := range list {
			name, text, set := strings.Cut(fmt.Sprint(item), "=")
			found[name] = nil
			if set {
				found[name] = &text
			}
		}
	}
	return found
}

// words are those of an entrypoint or command, a list, or a text as a shell divides it, and those of them that must not be shown.
func (c composed) words(value any) (words, hidden []string) {
	switch value := value.(type) {
	case string:
		words, _ = shellwords.Parse(value)
	case []any:
		for _, item := range value {
			words = append(words, fmt.Sprint(item))
		}
	}
	for i, word := range words {
		v := c.interpolate(word)
		if words[i] = v.Text; v.Secret {
			hidden = append(hidden, v.Text)
		}
	}
	return words, hidden
}

var (
	lineNumber = regexp.MustCompile(`line (\d+)`)
	// schemaPlace is where compose's schema is broken: "services.web.ports".
	schemaPlace = regexp.MustCompile(`(?:services|networks|volumes|secrets|configs)(?:\.[\w-]+)+`)
)

// composeInvalid does not repeat what is in the file: it may hold secrets.
func composeInvalid(file string, err error) error {
	p := &problem.Problem{
		ID: "check/manifest-invalid", Title: filepath.Base(file) + " is not understood", Where: problem.Position{File: file},
		Why: "docker compose does not accept it", Hints: []string{"Try it with `docker compose -f " + filepath.Base(file) + " config`."},
	}
	if errors.Is(err, errInterpolation) {
		p.Why = err.Error()
	}
	if found := schemaPlace.FindString(err.Error()); found != "" {
		p.Why = "docker compose does not accept what stands at " + found
	}
	if found := lineNumber.FindStringSubmatch(err.Error()); found != nil {
		_, _ = fmt.Sscan(found[1], &p.Where.Line)
	}
	return p
}
