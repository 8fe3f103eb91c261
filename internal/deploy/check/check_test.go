package check_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/deploy/check"
)

// application writes a folder.
func application(t *testing.T, files map[string]string) string {
	g, dir := NewWithT(t), t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
	}
	return dir
}

func run(t *testing.T, o check.Options) (string, int) {
	var out bytes.Buffer
	o.Out = &out
	code, err := check.Run(t.Context(), o)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out.String(), code
}

const shop = `
[dev.gantry.config.DATABASE_URL]
type = "url"
secret = true
processes = ["web", "worker"]
[dev.gantry.config.MODE]
values = ["free", "paid"]
[dev.gantry.config.QUEUE]
processes = ["worker"]
`

// What people read, whole.
func TestTheReport(t *testing.T) {
	g := NewWithT(t)
	dir := application(t, map[string]string{
		"server.js": "", "Procfile": "web: node server.js\nworker: node server.js\n", "project.toml": shop,
		"deploy.yaml": `
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers:
        - {name: migrate, image: "shop:1", command: [launcher], args: [node, migrate.js]}
        - {name: wait, image: busybox}
      containers:
        - name: app
          image: shop:1
          env: [{name: MODE, value: trial}, {name: DATABASE_URL, valueFrom: {secretKeyRef: {name: db, key: url}}}]
---
kind: Deployment
metadata: {name: worker}
spec: {template: {spec: {containers: [{name: app, image: "shop:1", command: [wroker], env: [{name: RETRIES, value: 5}]}]}}}
`,
	})
	out, code := run(t, check.Options{App: dir, Files: []string{filepath.Join(dir, "deploy.yaml")}})
	g.Expect(code).To(Equal(1))
	g.Expect(strings.ReplaceAll(out, dir+"/", "")).To(Equal(`Deployment web, init container migrate (deploy.yaml:8)
  a command of its own, which starts whatever is set: node migrate.js
Deployment web, container app (deploy.yaml:11)
  Wrong                MODE is "trial"; expected is one of free, paid
                       Correct its value in the deployment.
  Cannot be seen here  DATABASE_URL comes from the Secret db; its value cannot be seen here
                       It is checked when the container starts.
  process web: 2 of 2 required variables set; 1 cannot be judged here
Deployment worker, container app (deploy.yaml:17)
  No such process      wroker is not a process type of the image
                       Did you mean worker? The image's process types are web, worker.
  Not accepted         RETRIES is a number, and Kubernetes accepts texts only (deploy.yaml:17)
                       Quote it.
  not checked further

Not checked
  Deployment web, init container wait: it runs another image

This deployment would not start.
`))
}

// The contract is what the image would have: with what the language needs. A folder that holds no application is an error.
func TestTheContractOfAFolder(t *testing.T) {
	g := NewWithT(t)
	for _, dir := range []string{filepath.Join(t.TempDir(), "gone"), t.TempDir()} {
		_, err := check.Run(t.Context(), check.Options{App: dir, Out: &bytes.Buffer{}})
		g.Expect(err).To(HaveOccurred())
		g.Expect(check.Init(dir, "", nil, &bytes.Buffer{})).NotTo(Succeed())
		g.Expect(check.Export(t.Context(), "", dir, "env", "app", nil, &bytes.Buffer{})).NotTo(Succeed())
	}
	rails := application(t, map[string]string{
		"Gemfile": "source 'https://rubygems.org'\nruby '3.4.10'\ngem 'rails'\ngem 'pg'\n", "config/application.rb": "", "config.ru": "run Rails.application", "bin/rails": "",
		"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n    pg (1.6.0)\n    rails (8.0.2)\n      railties (= 8.0.2)\n    railties (8.0.2)\n    puma (6.6.0)\n\nPLATFORMS\n  ruby\n  x86_64-linux\n\nDEPENDENCIES\n  pg\n  puma\n  rails\n\nRUBY VERSION\n   ruby 3.4.10\n\nBUNDLED WITH\n   2.6.9\n",
		"web.env":      "DATABSE_URL=postgres://h/db\n",
	})
	out, code := run(t, check.Options{App: rails, Files: []string{filepath.Join(rails, "web.env")}})
	g.Expect(code).To(Equal(1))
	g.Expect(out).To(ContainSubstring("SECRET_KEY_BASE"))
}

// A process type among the arguments starts nothing: that is told, and the check is of what really starts.
func TestATypeAsAnArgument(t *testing.T) {
	g := NewWithT(t)
	dir := application(t, map[string]string{"server.js": "", "Procfile": "web: node server.js\nworker: node server.js\n", "project.toml": "[dev.gantry.config.QUEUE]\nprocesses = [\"worker\"]\n",
		"pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: jobs}\nspec:\n  containers:\n    - {name: app, image: shop, args: [worker]}\n"})
	out, code := run(t, check.Options{App: dir, Files: []string{filepath.Join(dir, "pod.yaml")}})
	g.Expect(code).To(Equal(0), out)
	g.Expect(out).To(And(ContainSubstring("Perhaps not meant    worker is an argument of the process web here, and a process type of the image\n"), ContainSubstring("To start it, give Kubernetes command: [worker], or Compose entrypoint: worker.")))
}

// --strict is of use in a shell and in CI: what these set is nobody's mistake.
func TestStrictWithThisEnvironment(t *testing.T) {
	g := NewWithT(t)
	dir := application(t, map[string]string{"server.js": "", "project.toml": "[dev.gantry.config.MODE]\nvalues = [\"free\"]\n"})
	ambient := []string{"MODE=free", "HOME=/root", "SHLVL=1", "_=/bin/env", "LS_COLORS=x", "LC_ALL=C", "XDG_RUNTIME_DIR=/x", "SSH_AUTH_SOCK=/x", "GITHUB_SHA=x", "RUNNER_OS=Linux", "CI=true", "CI_JOB_ID=1", "BUILDKITE_BUILD_ID=1",
		"npm_config_registry=x", "CLOUD_SDK_VERSION=1", "PIP_CERT=x", "https_proxy=x", "TERM_PROGRAM=x", "DBUS_SESSION_BUS_ADDRESS=x", "PWD=/", "OLDPWD=/"}
	out, code := run(t, check.Options{App: dir, Environ: ambient, Strict: true})
	g.Expect(out).To(Equal("this environment\n  process web: 1 of 1 required variable set\n\nNothing keeps this deployment from starting.\n"))
	g.Expect(code).To(Equal(0))
	out, code = run(t, check.Options{App: dir, Environ: append(ambient, "MODEE=x"), Strict: true})
	g.Expect(code).To(Equal(1))
	g.Expect(out).To(ContainSubstring("Not declared         MODEE is set, and the application does not declare it\n                       Did you mean MODE?\n"))
	g.Expect(out).To(HaveSuffix("\nNothing that is seen keeps this deployment from starting; --strict wants all to be declared and seen.\n"))
}

// No form of output shows a secret. One is planted in each kind of input, as a whole value and as a part of one, in variables that pass and in
// variables that fail.
func TestNoSecretLeaves(t *testing.T) {
	g := NewWithT(t)
	const canary = "CANARY-4711"
	dir := application(t, map[string]string{
		"server.js": "", "project.toml": "[dev.gantry.config]\nMODE = {values = [\"a\"]}\nURL = {type = \"url\"}\nPW = {secret = true}\nNUMBER = {type = \"int\"}\nAPI_TOKEN = {type = \"int\"}\n[[dev.gantry.config-group]]\nall-or-none = [\"MODE\", \"URL\"]\n",
		"app.json": `{"env": {"MASTER_KEY": "` + canary + `", "SESSION_SECRET": {"value": "` + canary + `"}, "DB": {"value": "postgres://u:` + canary + `@h/db"}}}`,
		"k.yaml": "kind: Secret\nmetadata: {name: s}\nstringData: {PW: " + canary + ", MODE: " + canary + "}\n---\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: c\n      image: i\n      env:\n" +
			"        - {name: PW, valueFrom: {secretKeyRef: {name: s, key: PW}}}\n        - {name: MODE, value: $(PW)}\n        - {name: NUMBER, value: 'x$(MODE)'}\n        - {name: URL, value: 'x$(PW)'}\n        - {name: API_TOKEN, value: " + canary + "}\n        - {name: OTHER, value: $(PW)}\n",
		"volume.yaml":  "kind: Secret\nmetadata: {name: s}\nstringData: {PW: " + canary + "}\n---\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - {name: c, image: i, env: [{name: MODE_FILE, value: /s/PW}, {name: NUMBER_FILE, value: /s/PW}], volumeMounts: [{name: v, mountPath: /s}]}\n  volumes: [{name: v, secret: {secretName: s}}]\n",
		"compose.yaml": "services: {web: {image: i, environment: {PW: '${PW}', MODE: '${PW}', NUMBER: 'x${PW:-d}', URL: $PW, API_TOKEN: " + canary + "}, secrets: [db]}}\nsecrets: {db: {environment: PW}}\n",
		"key.env":      "PW=" + canary + "\nMODE=" + canary + "\nNUMBER=x" + canary + "\nKEY=-----BEGIN PRIVATE KEY-----\n" + canary + "=\n-----END PRIVATE KEY-----\n",
		"broken.env":   "PW=x\n" + canary + "! = 1\n",
		"broken.yaml":  "kind: Pod\n  " + canary + ": [\n",
		"number.yaml":  "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i, env: [{name: PW, value: 4711}]}]}\n",
	})
	for _, file := range []string{"k.yaml", "volume.yaml", "compose.yaml", "key.env", "broken.env", "broken.yaml", "number.yaml", ""} {
		for _, format := range []check.Options{{}, {JSON: true}, {GitHub: true}, {Strict: true}, {EnvFormat: "docker"}} {
			var out bytes.Buffer
			o := format
			o.App, o.Out = dir, &out
			o.Environ = []string{"PW=" + canary, "MODE=" + canary, "NUMBER=<" + canary + ">"}
			if file != "" {
				o.Files = []string{filepath.Join(dir, file)}
			}
			_, err := check.Run(t.Context(), o)
			text := out.String()
			if err != nil {
				text += err.Error()
			}
			g.Expect(text).NotTo(BeEmpty())
			g.Expect(text).NotTo(ContainSubstring("4711"), file)
		}
	}
	for _, format := range []string{"json-schema", "types", "env", "env-schema", "configmap", "markdown"} {
		var out bytes.Buffer
		g.Expect(check.Export(t.Context(), "", dir, format, "app", nil, &out)).To(Succeed())
		g.Expect(out.String()).NotTo(ContainSubstring("4711"), format)
		g.Expect(out.String()).To(ContainSubstring("MASTER_KEY"), format)
	}
}

func TestDeployHints(t *testing.T) {
	g := NewWithT(t)
	dir := application(t, map[string]string{"server.js": "", "Procfile": "web: node server.js\nworker: node server.js\n", "project.toml": shop + "[dev.gantry.drain]\ntimeout = \"40s\"\n"})
	var out bytes.Buffer
	g.Expect(check.DeployHints(dir, 5*time.Second, nil, &out)).To(Succeed())
	g.Expect(out.String()).To(ContainSubstring("terminationGracePeriodSeconds: 50\n"))
	g.Expect(out.String()).To(ContainSubstring(`            - { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: app, key: DATABASE_URL } } } # required; a URL` + "\n"))
	g.Expect(out.String()).NotTo(ContainSubstring("QUEUE"), "web does not need it")
	g.Expect(out.String()).To(And(ContainSubstring("      securityContext:\n        runAsNonRoot: true\n        seccompProfile: { type: RuntimeDefault }\n"),
		ContainSubstring("            readOnlyRootFilesystem: true\n            capabilities: { drop: [ALL] }\n"), ContainSubstring("            - { name: tmp, mountPath: /tmp }\n"), ContainSubstring("maxSurge: 1\n"), ContainSubstring("            - { name: PORT, value: \"8080\" }   # ")))
	var manifest any
	g.Expect(yaml.Unmarshal(out.Bytes(), &manifest)).To(Succeed())

	// Names of volumes are labels, and each there once.
	many := application(t, map[string]string{"server.js": "mkdirSync('public/uploads'); mkdirSync('public_uploads'); mkdirSync('" + strings.Repeat("long/", 20) + "')\n"})
	out.Reset()
	g.Expect(check.DeployHints(many, 0, nil, &out)).To(Succeed())
	seen := map[string]bool{}
	for _, match := range regexp.MustCompile(`\{ name: ([^,]+), emptyDir`).FindAllStringSubmatch(out.String(), -1) {
		g.Expect(match[1]).To(MatchRegexp(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`))
		g.Expect(seen[match[1]]).To(BeFalse(), match[1])
		seen[match[1]] = true
	}
	g.Expect(seen).To(HaveLen(4))

	// A database in a file outlives its pod, and is never open twice.
	data := application(t, map[string]string{"server.js": "new Database('data/shop.db')\nfs.mkdirSync('uploads')\n"})
	out.Reset()
	g.Expect(check.DeployHints(data, 0, nil, &out)).To(Succeed())
	g.Expect(out.String()).To(And(ContainSubstring("    type: Recreate "), Not(ContainSubstring("maxSurge")),
		ContainSubstring("        - { name: data, persistentVolumeClaim: { claimName: app-data } }   # "), ContainSubstring("        - { name: uploads, emptyDir: {} }   # ")))
	g.Expect(yaml.Unmarshal(out.Bytes(), &manifest)).To(Succeed())
	g.Expect(check.DeployHints(dir, -time.Second, nil, &out)).To(MatchError("a delay cannot be negative [check/delay]"))
}
