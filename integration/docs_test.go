package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// Every command of the tool gantry that the docs show is run as it stands there, on an application that has a contract.
// What makes manifests elsewhere (kustomize, kubectl) is replaced by the manifest.
func TestCommandsInTheDocs(t *testing.T) {
	p := newProject(t, map[string]string{
		"server.js":           "process.env.DATABASE_URL; process.env.OTHER_KEY",
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
	tool, err := filepath.Abs("../build/gantry")
	p.Expect(err).NotTo(HaveOccurred())
	words := strings.NewReplacer(
		"build/gantry", tool, "my-app:1", p.last.Layout, "my-app:2", p.last.Layout, "--image my-app", "--image "+p.last.Layout,
		"kustomize build .", "cat deployment.yaml", "kubectl get deploy,cm -o json", "cat deployment.yaml",
		"docker exec web gantry profile heap", "cat memory.heapprofile")
	ran := 0
	for _, page := range []string{"contract.md", "rollouts.md", "explain.md", "look-inside.md", "allocations.md", "settings.md"} {
		text, err := os.ReadFile(filepath.Join("../docs", page))
		p.Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "    ") || !strings.Contains(line, "build/gantry") {
				continue
			}
			cmd := exec.Command("sh", "-c", words.Replace(strings.TrimSpace(line)))
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
