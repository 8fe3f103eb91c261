package manifests

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
)

// addSecrets notes the files below /run/secrets: https://docs.docker.com/reference/compose-file/secrets/.
func (c composed) addSecrets(w *Workload, s map[string]any) {
	declared := table(c.model["secrets"])
	for _, entry := range items(s["secrets"]) {
		name, target := fmt.Sprint(entry), ""
		if object := table(entry); object != nil {
			name = fmt.Sprint(object["source"])
			target, _ = object["target"].(string)
		}
		if target == "" {
			target = name
		}
		if !path.IsAbs(target) {
			target = path.Join("/run/secrets", target)
		}
		if _, there := declared[name]; !there {
			w.Refused = append(w.Refused, c.refuses(*w, name, "is a secret that the file does not declare"))
			continue
		}
		w.Files[target] = c.secret(name, table(declared[name]))
	}
	w.Mounts = append(w.Mounts, "/run/secrets")
}

func (c composed) secret(name string, declared map[string]any) Value {
	hidden := Value{Secret: true, From: "the secret " + name}
	if variable, ok := declared["environment"].(string); ok {
		if value, set := c.shell[variable]; set {
			return Value{Text: value, Secret: true}
		}
		return hidden
	}
	file, ok := declared["file"].(string)
	if !ok {
		return hidden
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.dir, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return hidden
	}
	return Value{Text: string(text), Secret: true}
}
