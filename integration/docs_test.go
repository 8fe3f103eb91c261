package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// command is a line of a page that calls the tool gantry.
var command = regexp.MustCompile(`^    (?:[^|]* \| )?gantry [a-z]`)

// Every command of the tool gantry that the docs show is run as it stands there, on an application that has a contract.
// What makes manifests elsewhere (kustomize, kubectl) is replaced by the manifest.
func TestCommandsInTheDocs(t *testing.T) {
	p := newProject(t, map[string]string{
		"server.js":           "process.env.DATABASE_URL; process.env.OTHER_KEY\nrequire('http').createServer((q, r) => r.end()).listen(process.env.PORT)",
		"project.toml":        "[dev.gantry.drain]\ntimeout = \"30s\"\n[dev.gantry.config.DATABASE_URL]\ntype = \"url\"\nsecret = true\n",
		".env.example":        "# Signs\nSIGNING_KEY=canary\n",
		"deployment.yaml":     strings.Replace(deployment, "LOG_LEVEL, value: info", "DATABASE_URL, value: 'postgres://h/db'", 1),
		"compose.yaml":        "services: {app: {image: shop, environment: {DATABASE_URL: 'postgres://h/db'}}}\n",
		"production.env":      "DATABASE_URL=postgres://h/db\n",
		"slow.cpuprofile":     `{"nodes":[{"id":1,"callFrame":{"functionName":"(root)"}}],"samples":[1],"timeDeltas":[10]}`,
		"memory.heapprofile":  `{"head":{"callFrame":{"functionName":"(root)"}},"samples":[]}`,
		"repos.allocations":   `{"format":"gantry.ruby-profile/1","kind":"allocations","functions":[],"samples":[]}`,
		"before.json":         `{"format":"gantry.requests/1","requests":[{"name":"GET /","bytes":[1,2],"objects":[1,2]}]}`,
		"after.json":          `{"format":"gantry.requests/1","requests":[{"name":"GET /","bytes":[1,2],"objects":[1,2]}]}`,
		"before.heapsnapshot": emptySnapshot, "after.heapsnapshot": emptySnapshot,
	})
	p.build()
	name := runner{p, gantryTool(t)}.background("docs", "-e", "DATABASE_URL=postgres://h/db", "-p", fmt.Sprint(freePort(t)))
	tool, err := filepath.Abs("../build/gantry")
	p.Expect(err).NotTo(HaveOccurred())
	words := strings.NewReplacer(
		"my-app:1", p.last.Layout, "my-app:2", p.last.Layout, "--image my-app", "--image "+p.last.Layout,
		"kustomize build .", "cat deployment.yaml", "kubectl get deploy,cm -o json", "cat deployment.yaml",
		// Where it runs: here, in a container of gantry run.
		"deploy/web", "run://"+name, "docker://web", "run://"+name, "pod/web-5d4f", "run://"+name, "run://web", "run://"+name,
		" --open", "", "--for 30s", "--for 1s", "--for 5s", "--for 1s", "--for 10s", "--for 1s", "profile allocations", "profile heap", "console ", "--version #")
	ran := 0
	for _, page := range []string{"contract.md", "rollouts.md", "explain.md", "look-inside.md", "allocations.md", "settings.md"} {
		text, err := os.ReadFile(filepath.Join("../docs", page))
		p.Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(text)) {
			if !command.MatchString(line) {
				continue
			}
			cmd := exec.Command("sh", "-c", words.Replace(strings.TrimSpace(line)))
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(tool)+":"+os.Getenv("PATH"))
			cmd.Dir = p.dir
			out, err := cmd.CombinedOutput()
			p.Expect(err).NotTo(HaveOccurred(), "%s\n%s", line, out)
			p.Expect(string(out)).NotTo(ContainSubstring("canary"))
			p.Expect(out).NotTo(BeEmpty())
			ran++
		}
	}
	p.Expect(ran).To(BeNumerically(">=", 20))
}

const emptySnapshot = `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["object"]],"edge_fields":["type","name_or_index","to_node"]},
	"node_count":1,"edge_count":0},"nodes":[0,0,1,16,0],"edges":[],"strings":["Empty"]}`
