package integration

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"

	gantry "github.com/gantry-buildpack/gantry"
)

// checkout is a clone of HEAD with the files of the working tree, committed: a release is made of a commit.
func checkout(t *testing.T) string {
	g := NewWithT(t)
	dir := filepath.Join(t.TempDir(), "gantry")
	script := `git clone -q .. "$0" && cd .. && git ls-files -z -c -o --exclude-standard | while IFS= read -r -d '' f; do if [ -e "$f" ]; then cp -P --parents "$f" "$0/"; fi; done &&
		cd "$0" && git add -A && (git diff --cached --quiet || git -c user.name=test -c user.email=test@example.com commit -qm "the working tree")`
	out, err := exec.Command("bash", "-c", script, dir).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	return dir
}

// closedRegistry is a registry that asks for a name and a password.
func closedRegistry(t *testing.T, user, password string) string {
	open := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// shop is an application with a contract, and manifests that fit it.
func shop(t *testing.T) *project {
	p := newProject(t, map[string]string{
		"server.js":        "require('http').createServer((q, r) => r.end('shop')).listen(process.env.PORT)\n",
		"deploy/web.yaml":  strings.Replace(deployment, "LOG_LEVEL, value: info", "DATABASE_URL, value: 'postgres://h/db'", 1),
		"deploy/notes.txt": "no manifest\n",
	})
	settings := "[dev.gantry.config.DATABASE_URL]\ntype = \"url\"\n"
	if registry := os.Getenv("GANTRY_NPM_REGISTRY"); registry != "" {
		settings += "[[io.buildpacks.build.env]]\nname = \"BP_NPM_REGISTRY\"\nvalue = \"" + registry + "\"\n"
	}
	p.write("project.toml", settings)
	return p
}

// npmProgram installs a program of the npm registry, and names the file that Node.js runs.
func npmProgram(t *testing.T, name, version, file string) string {
	dir := t.TempDir()
	out, err := exec.Command("npm", "install", "--prefix", dir, "--no-audit", "--no-fund", name+"@"+version).CombinedOutput()
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), string(out))
	return filepath.Join(dir, "node_modules", name, file)
}

// A release is the same bytes wherever it is made, signed, and refused when a byte of it changes; what CI installs from it builds, publishes and checks.
func TestRelease(t *testing.T) {
	g := NewWithT(t)
	source := checkout(t)
	key := filepath.Join(t.TempDir(), "key.pem")
	public := key + ".pub"
	out, err := exec.Command("sh", "-c", `openssl ecparam -name prime256v1 -genkey -noout -out "$0" && openssl ec -in "$0" -pubout -out "$0.pub"`, key).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	release := func(arguments ...string) (string, error) {
		cmd := exec.Command("scripts/release.sh", arguments...)
		cmd.Dir = source
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	text, err := release("9.9.9")
	g.Expect(err).To(HaveOccurred())
	g.Expect(text).To(HavePrefix("release.sh: buildpack.toml says version "))
	version := strings.Fields(text[len("release.sh: buildpack.toml says version "):])[0]
	version = strings.TrimSuffix(version, ":")

	g.Expect(os.WriteFile(filepath.Join(source, "stray"), nil, 0o644)).To(Succeed())
	text, err = release(version)
	g.Expect(err).To(HaveOccurred())
	g.Expect(text).To(Equal("release.sh: there are changes that are not committed: a release is made of HEAD\n"))
	g.Expect(os.Remove(filepath.Join(source, "stray"))).To(Succeed())

	text, err = release(version, "--quick", "--key", key)
	g.Expect(err).NotTo(HaveOccurred(), text)
	g.Expect(text).To(And(MatchRegexp(`Reproduced   the same \d+ files, byte for byte`), ContainSubstring("Signature    right, of the checksums and of the provenance")))
	files := filepath.Join(source, "build/release", version)
	for _, platform := range []string{"linux-amd64", "linux-arm64", "darwin-arm64"} {
		out, err := exec.Command("tar", "-tzf", filepath.Join(files, "gantry-"+version+"-"+platform+".tar.gz")).CombinedOutput()
		g.Expect(err).NotTo(HaveOccurred(), string(out))
		g.Expect(string(out)).To(And(ContainSubstring("gantry/gantry\n"), ContainSubstring("gantry/man/gantry-profile-cpu.1\n"), ContainSubstring("gantry/completions/gantry.zsh\n"),
			ContainSubstring("gantry/bill-of-materials.cdx.json\n"), ContainSubstring("gantry/kubectl-gantry\n")))
	}
	bill, err := os.ReadFile(filepath.Join(files, "gantry-"+version+".cdx.json"))
	g.Expect(err).NotTo(HaveOccurred())
	var cdx struct {
		Metadata   struct{ Component struct{ Version string } }
		Components []struct{ Purl string }
	}
	g.Expect(json.Unmarshal(bill, &cdx)).To(Succeed())
	g.Expect(cdx.Metadata.Component.Version).To(Equal(version))
	g.Expect(cdx.Components).To(ContainElement(HaveField("Purl", HavePrefix("pkg:golang/github.com/google/go-containerregistry@"))))

	text, err = release("--verify", files, "--key", public)
	g.Expect(err).NotTo(HaveOccurred(), text)
	t.Run("another key", func(t *testing.T) {
		g := NewWithT(t)
		other := filepath.Join(t.TempDir(), "other.pem")
		out, err := exec.Command("sh", "-c", `openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out "$0"`, other).CombinedOutput()
		g.Expect(err).NotTo(HaveOccurred(), string(out))
		text, err := release("--verify", files, "--key", other)
		g.Expect(err).To(HaveOccurred())
		g.Expect(text).To(HaveSuffix("release.sh: SHA256SUMS is not signed by this key\n"))
	})
	t.Run("GitHub", func(t *testing.T) { onGitHub(t, source, files, version) })
	t.Run("GitLab", func(t *testing.T) { onGitLab(t, files, version) })
	t.Run("a file more", func(t *testing.T) {
		g := NewWithT(t)
		stray := filepath.Join(files, "more.tar.gz")
		g.Expect(os.WriteFile(stray, nil, 0o644)).To(Succeed())
		text, err := release("--verify", files)
		g.Expect(err).To(HaveOccurred())
		g.Expect(text).To(Equal("release.sh: SHA256SUMS does not list: more.tar.gz\n"))
		g.Expect(os.Remove(stray)).To(Succeed())
	})
	t.Run("a changed byte", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(os.WriteFile(filepath.Join(files, "notes.md"), []byte("other notes"), 0o644)).To(Succeed())
		text, err := release("--verify", files, "--key", public)
		g.Expect(err).To(HaveOccurred())
		g.Expect(text).To(ContainSubstring("notes.md: FAILED"))
	})
}

// releases serves a release's files where GitHub does.
func releases(t *testing.T, files, version string) string {
	server := httptest.NewServer(http.StripPrefix("/v"+version+"/", http.FileServer(http.Dir(files))))
	t.Cleanup(server.Close)
	return server.URL
}

// The action's steps, as GitHub runs them: a release is installed, the image published, the manifests checked, and the pull request gets one comment.
func onGitHub(t *testing.T, source, files, version string) {
	g := NewWithT(t)
	p := shop(t)
	image := localRegistry(t) + "/team/shop:1"
	work := t.TempDir()
	bin := t.TempDir()
	// GitHub's own tool: it notes what it is asked for.
	g.Expect(os.WriteFile(filepath.Join(bin, "gh"), []byte("#!/bin/sh\necho \"$*\" >>\"$RUNNER_TEMP/gh\"\n"), 0o755)).To(Succeed())
	step := func(script string, env ...string) (string, error) {
		cmd := exec.Command(filepath.Join(source, ".github/action", script))
		cmd.Dir = p.dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(work, "gantry/bin")+":"+bin+":"+os.Getenv("PATH"), "RUNNER_TEMP="+work, "GITHUB_ACTION_PATH="+source, "GITHUB_PATH="+filepath.Join(work, "path"),
			"GITHUB_OUTPUT="+filepath.Join(work, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(work, "summary"), "GANTRY_RELEASES="+releases(t, files, version), "CI=true")
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	read := func(file string) string {
		text, err := os.ReadFile(filepath.Join(work, file))
		g.Expect(err).NotTo(HaveOccurred())
		return string(text)
	}
	out, err := step("install.sh", "VERSION="+version)
	g.Expect(err).NotTo(HaveOccurred(), out)
	g.Expect(out).To(ContainSubstring("gantry " + version))
	g.Expect(read("path")).To(Equal(filepath.Join(work, "gantry/bin") + "\n"))

	out, err = step("build.sh", "APP=.", "IMAGE="+image, "PUBLISH=true", "BUILD_ENV=BP_LOG_LEVEL=info\n")
	g.Expect(err).NotTo(HaveOccurred(), out)
	tag, err := name.ParseReference(image, name.Insecure)
	g.Expect(err).NotTo(HaveOccurred())
	pushed, err := remote.Head(tag)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(read("output")).To(Equal("image=" + strings.TrimSuffix(image, ":1") + "@" + pushed.Digest.String() + "\n"))

	out, err = step("check.sh", "MANIFESTS=deploy/*.yaml", "COMPARE_WITH=")
	g.Expect(err).NotTo(HaveOccurred(), out)
	out, err = step("report.sh", "IMAGE="+image, "COMMENT=true", "PULL_REQUEST=7")
	g.Expect(err).NotTo(HaveOccurred(), out)
	g.Expect(read("gh")).To(Equal("pr comment 7 --edit-last --create-if-none --body-file " + work + "/gantry/report.md\n"))
	g.Expect(read("summary")).To(And(HavePrefix("### Gantry: `"+image+"`\n"), MatchRegexp(`\| Image \| [\d.]+ MB, sha256:`), ContainSubstring("<summary>Configuration</summary>")))

	p.write("deploy/web.yaml", deployment)
	out, err = step("check.sh", "MANIFESTS=deploy/*.yaml", "COMPARE_WITH=")
	g.Expect(err).To(HaveOccurred())
	g.Expect(out).To(MatchRegexp(`(?m)^::error file=deploy/web.yaml,line=\d+.*DATABASE_URL`))
	out, err = step("check.sh", "MANIFESTS=deploy/*.yaml nowhere/*.yaml", "COMPARE_WITH=")
	g.Expect(err).To(HaveOccurred())
	g.Expect(out).To(Equal("::error::no file matches nowhere/*.yaml\n"))
	out, err = step("build.sh", "APP=.", "IMAGE="+image, "PUBLISH=False", "BUILD_ENV=\n\nEMPTY=\nWITH_WORDS=a b=c\n")
	g.Expect(err).NotTo(HaveOccurred(), out)
	g.Expect(strings.Count(read("output"), "\n")).To(Equal(1))
	out, err = step("build.sh", "APP=.", "IMAGE=x\nother=y", "PUBLISH=false", "BUILD_ENV=")
	g.Expect(err).To(HaveOccurred())
	g.Expect(out).To(Equal("::error::image is no reference\n"))
	out, err = step("install.sh", "VERSION=0.0.1")
	g.Expect(err).To(HaveOccurred())
	g.Expect(out).To(ContainSubstring("404"))
}

// The pipeline of GitLab, run by another program that reads its files: its schema is checked, and the job builds, publishes and checks.
func onGitLab(t *testing.T, files, version string) {
	if runtime.GOARCH != "amd64" {
		t.Skip("not tested with GitLab's pipeline: its archive is for amd64")
	}
	g := NewWithT(t)
	runner := npmProgram(t, "gitlab-ci-local", "4.60.0", "src/index.js")
	p := shop(t)
	home, address := t.TempDir(), closedRegistry(t, "gitlab-ci-token", "canary-password")
	pipeline, err := os.ReadFile("../deploy/ci/gitlab.yml")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.MkdirAll(filepath.Join(home, "bin"), 0o755)).To(Succeed())
	// The job's container installs packages with apt-get; rsync would copy the source into that container.
	for _, program := range []string{"apt-get", "rsync"} {
		g.Expect(os.WriteFile(filepath.Join(home, "bin", program), []byte("#!/bin/sh\n"), 0o755)).To(Succeed())
	}
	p.write(".gitlab-ci.yml", strings.NewReplacer("https://github.com/gantry-buildpack/gantry/releases/download", releases(t, files, version), "/usr/local/bin", filepath.Join(home, "bin")).Replace(string(pipeline)))
	p.write(".gitignore", ".gitlab-ci-local\n.gantry\n")
	run := func(script string) (string, error) {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = p.dir
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Dir(homeFolder()), "PATH="+filepath.Join(home, "bin")+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("git init -q -b main . && git remote add origin git@gitlab.com:team/shop.git && git add -A && git -c user.name=t -c user.email=t@example.com commit -qm first")
	g.Expect(err).NotTo(HaveOccurred(), out)
	out, err = run("node " + runner + " --force-shell-executor --shell-isolation=false build-image --variable CI_REGISTRY=" + address + " --variable CI_REGISTRY_IMAGE=" + address + "/team/shop " +
		"--variable CI_REGISTRY_USER=gitlab-ci-token --variable CI_REGISTRY_PASSWORD=canary-password --variable CI=true")
	g.Expect(err).NotTo(HaveOccurred(), out)
	g.Expect(out).To(And(ContainSubstring("json schema validated"), ContainSubstring("Pushed to"), ContainSubstring("Nothing keeps this deployment from starting.")))
	repository, err := name.NewRepository(address+"/team/shop", name.Insecure)
	g.Expect(err).NotTo(HaveOccurred())
	tags, err := remote.List(repository, remote.WithAuth(&authn.Basic{Username: "gitlab-ci-token", Password: "canary-password"}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(tags).To(HaveLen(1))

	// A job may not have the name of one of GitLab's words.
	p.write(".gitlab-ci.yml", strings.Replace(string(pipeline), "\nbuild-image:", "\nimage:", 1))
	out, err = run("node " + runner + " --preview")
	g.Expect(err).To(HaveOccurred(), out)
	g.Expect(out).To(ContainSubstring("Invalid .gitlab-ci.yml configuration!"))
}

// actionlint reads workflows, in the Go module of the tools.
func actionlint(t *testing.T, dir string) (string, error) {
	cmd := exec.Command("go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The workflows are valid, and so is the recipe for GitHub, with this action's own inputs.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	out, err := actionlint(t, "..")
	g.Expect(err).NotTo(HaveOccurred(), out)

	recipe, err := os.ReadFile("../deploy/ci/github.yml")
	g.Expect(err).NotTo(HaveOccurred())
	version := regexp.MustCompile(`(?m)^version = "(.*)"`).FindStringSubmatch(string(gantry.BuildpackTOML))[1]
	g.Expect(string(recipe)).To(ContainSubstring("gantry-buildpack/gantry@v" + version + "\n"))
	own := strings.Replace(string(recipe), "gantry-buildpack/gantry@v"+version, "./", 1)
	for name, c := range map[string]struct{ workflow, says string }{
		"the recipe":       {own, ""},
		"an unknown input": {strings.Replace(own, "manifests:", "manifest:", 1), `input "manifest" is not defined in action "Build with Gantry"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			g.Expect(os.MkdirAll(filepath.Join(dir, ".github/workflows"), 0o755)).To(Succeed())
			g.Expect(os.WriteFile(filepath.Join(dir, ".github/workflows/image.yml"), []byte(c.workflow), 0o644)).To(Succeed())
			action, err := os.ReadFile("../action.yml")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(action)).To(ContainSubstring("default: " + version + "\n"))
			g.Expect(os.WriteFile(filepath.Join(dir, "action.yml"), action, 0o644)).To(Succeed())
			out, err := exec.Command("git", "init", "-q", dir).CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(out))
			said, err := actionlint(t, dir)
			if c.says == "" {
				g.Expect(err).NotTo(HaveOccurred(), said)
				return
			}
			g.Expect(err).To(HaveOccurred())
			g.Expect(said).To(ContainSubstring(c.says))
		})
	}
}

// The page shows the recipes as they are, and names every input of the action.
func TestRecipesInTheDocs(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	page, err := os.ReadFile("../docs/ci.md")
	g.Expect(err).NotTo(HaveOccurred())
	recipes, err := filepath.Glob("../deploy/ci/*")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(recipes)).To(BeNumerically(">=", 6))
	for _, recipe := range recipes {
		text, err := os.ReadFile(recipe)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(page)).To(ContainSubstring("\n"+string(text)+"```\n"), "docs/ci.md does not show "+recipe+" as it is")
		if strings.HasSuffix(recipe, ".json") {
			g.Expect(json.Valid(text)).To(BeTrue(), recipe)
		} else if recipe != "../deploy/ci/Tiltfile" {
			var document any
			g.Expect(yaml.Unmarshal(text, &document)).To(Succeed(), recipe)
		}
	}
	action, err := os.ReadFile("../action.yml")
	g.Expect(err).NotTo(HaveOccurred())
	var described struct {
		Inputs map[string]struct{ Description string }
	}
	g.Expect(yaml.Unmarshal(action, &described)).To(Succeed())
	for input := range described.Inputs {
		if input != "token" {
			g.Expect(string(page)).To(ContainSubstring("\n| `"+input+"` | "), "docs/ci.md does not name the input "+input)
		}
	}
}

// One truth for the version: what is copied from docs and manifests names this one.
func TestVersionInTheDocs(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	version := regexp.MustCompile(`(?m)^version = "(.*)"`).FindStringSubmatch(string(gantry.BuildpackTOML))[1]
	named := regexp.MustCompile(`gantry(?:-tool)?[:@]v?(\d+\.\d+\.\d+)|GANTRY_VERSION: (\d+\.\d+\.\d+)|gantry-(\d+\.\d+\.\d+)-linux`)
	found := 0
	for _, pattern := range []string{"../README.md", "../SECURITY.md", "../docs/*.md", "../deploy/*/*"} {
		files, err := filepath.Glob(pattern)
		g.Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			text, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			for _, match := range named.FindAllStringSubmatch(string(text), -1) {
				g.Expect(strings.Join(match[1:], "")).To(Equal(version), file+": "+match[0])
				found++
			}
		}
	}
	g.Expect(found).To(BeNumerically(">=", 8))
}

// The pictures of terminals show what the commands print: only numbers may differ.
func TestPicturesAreTrue(t *testing.T) {
	g := NewWithT(t)
	out := t.TempDir()
	cmd := exec.Command("../scripts/pictures.sh", out)
	cmd.Env = os.Environ()
	if registry := os.Getenv("GANTRY_NPM_REGISTRY"); registry != "" {
		cmd.Env = append(cmd.Env, "BP_NPM_REGISTRY="+registry)
	}
	text, err := cmd.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(text))
	// Times, sizes, digests and what a profile finds second are of one run.
	// A process that serves a request at that moment runs, and waits else.
	masks := strings.NewReplacer("&#39;", "'", "  runs   ", "  waits  ", "  runs", "  waits")
	words := regexp.MustCompile(`<tspan[^>]*>([^<]*)</tspan>`)
	number := regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f.,]*( [mμn]?s\b| [kM]?B\b| %)?`)
	space := regexp.MustCompile(`\s+`)
	read := func(file string) string {
		svg, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		var out []string
		for _, line := range strings.Split(string(svg), "\n") {
			said := ""
			for _, match := range words.FindAllStringSubmatch(line, -1) {
				said += match[1]
			}
			said = space.ReplaceAllString(number.ReplaceAllString(masks.Replace(said), "#"), " ")
			// Of a profile, the function that takes the time; the others change from run to run. A registry is one's own.
			if strings.HasSuffix(said, "# #") && !strings.Contains(said, "priceOf") || strings.HasPrefix(said, " Download") {
				continue
			}
			out = append(out, strings.TrimSpace(said))
		}
		return strings.Join(out, "\n")
	}
	for _, name := range []string{"build", "check", "inside"} {
		g.Expect(read(filepath.Join("../docs/images", "terminal-"+name+".svg"))).To(Equal(read(filepath.Join(out, "terminal-"+name+".svg"))),
			"docs/images/terminal-"+name+".svg is out of date: scripts/pictures.sh")
	}
}

// The steps of the Tekton task, as its containers run them: the image is published with its digest as a result, and a build that fails fails the step.
func TestTektonSteps(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("../deploy/ci/tekton.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	var task struct {
		Spec struct {
			Steps []struct{ Name, Script string }
		}
	}
	g.Expect(yaml.Unmarshal(text, &task)).To(Succeed())
	g.Expect(task.Spec.Steps).To(HaveLen(2))
	p := shop(t)
	work := t.TempDir()
	step := func(number int, arguments ...string) (string, error) {
		file := filepath.Join(work, task.Spec.Steps[number].Name)
		g.Expect(os.WriteFile(file, []byte(strings.ReplaceAll(task.Spec.Steps[number].Script, "/tmp/log", filepath.Join(work, "log"))), 0o755)).To(Succeed())
		cmd := exec.Command(file, arguments...)
		cmd.Dir, cmd.Env = p.dir, append(os.Environ(), "PATH="+filepath.Dir(gantryTool(t))+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	image, result := localRegistry(t)+"/team/shop:1", filepath.Join(work, "digest")
	out, err := step(0, ".", image, filepath.Join(work, "cache"), result)
	g.Expect(err).NotTo(HaveOccurred(), out)
	digest, err := os.ReadFile(result)
	g.Expect(err).NotTo(HaveOccurred())
	reference, err := name.ParseReference(image, name.Insecure)
	g.Expect(err).NotTo(HaveOccurred())
	pushed, err := remote.Head(reference)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(digest)).To(Equal(pushed.Digest.String()))
	out, err = step(1, image, "deploy/web.yaml")
	g.Expect(err).NotTo(HaveOccurred(), out)
	p.write("deploy/web.yaml", deployment)
	out, err = step(1, image, "deploy/web.yaml")
	g.Expect(err).To(HaveOccurred(), out)

	p.write("package.json", `{"scripts": {"build": "exit 3", "start": "node server.js"}}`)
	out, err = step(0, ".", image, filepath.Join(work, "cache"), result)
	g.Expect(err).To(HaveOccurred())
	g.Expect(out).To(ContainSubstring("[run/failed]"))
}
