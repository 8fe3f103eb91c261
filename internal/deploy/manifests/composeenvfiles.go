package manifests

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// addEnvFiles adds the variables of the files of env_file: each may refer to those of the shell, of the service and of the files before
// it. What the service sets itself stays.
func (c composed) addEnvFiles(w *Workload, entries []any) error {
	own := maps.Clone(w.Values)
	known := map[string]string{}
	var secrets []string
	for name, v := range own {
		if v.seen() {
			known[name] = v.Text
		}
		if v.Secret && v.Text != "" {
			secrets = append(secrets, v.Text)
		}
	}
	for _, entry := range entries {
		file, format := fmt.Sprint(entry), ""
		if object := table(entry); object != nil {
			file = fmt.Sprint(object["path"])
			format, _ = object["format"].(string)
		}
		named := c.interpolate(file)
		if !filepath.IsAbs(named.Text) {
			named.Text = filepath.Join(c.dir, named.Text)
		}
		text, err := os.ReadFile(named.Text)
		if err != nil || !named.seen() {
			if short, err := filepath.Rel(c.dir, named.Text); err == nil {
				file = short
			}
			if named.Secret {
				file = "that the shell names"
			}
			w.Unknown = append(w.Unknown, Unseen{From: "the file " + file})
			continue
		}
		if format == "raw" {
			for name, v := range DockerEnvFile(named.Text, text, nil).Values {
				known[name] = v.Text
			}
			continue
		}
		lookup := func(name string) (string, bool) {
			if value, set := c.shell[name]; set {
				secrets = append(secrets, value)
				return value, true
			}
			v, set := own[name]
			return v.Text, set && v.seen()
		}
		if err := dotenv.ParseWithFormat(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))), named.Text, known, lookup, ""); err != nil {
			return badEnvFile(named.Text, text, err)
		}
	}
	for name, value := range known {
		if _, set := own[name]; !set {
			secret := slices.ContainsFunc(secrets, func(part string) bool { return part != "" && strings.Contains(value, part) })
			w.Values[name] = Value{Text: value, Secret: secret}
		}
	}
	return nil
}
