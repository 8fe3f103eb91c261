package manifests_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
)

// compose writes files and reads those whose names are given.
func compose(t *testing.T, files map[string]string, names, environ []string) (map[string]manifests.Workload, error) {
	g, dir := NewWithT(t), t.TempDir()
	for name, text := range files {
		g.Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)).To(Succeed())
	}
	var given []manifests.ComposeFile
	for _, name := range names {
		given = append(given, manifests.ComposeFile{Name: filepath.Join(dir, name), Content: []byte(files[name])})
	}
	list, err := manifests.Compose(t.Context(), given, environ)
	found := map[string]manifests.Workload{}
	for _, w := range list {
		found[w.Container] = w
	}
	return found, err
}

func TestCompose(t *testing.T) {
	text := func(value string) manifests.Value { return manifests.Value{Text: value} }
	shell := manifests.Value{From: "the shell that starts compose"}
	for name, c := range map[string]struct {
		files   map[string]string
		names   []string
		environ []string
		want    map[string]manifests.Value
		unknown []manifests.Unseen
		command []string
		args    []string
	}{
		"a mapping":       {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: x, N: 5, T: true, P: }}}"}, want: map[string]manifests.Value{"A": text("x"), "N": text("5"), "T": text("true"), "P": shell}},
		"a list":          {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: [A=x=y, P]}}"}, environ: []string{"P=given"}, want: map[string]manifests.Value{"A": text("x=y"), "P": {Text: "given", Secret: true}}},
		"an alias":        {files: map[string]string{"c.yaml": "x-env: &env {A: x}\nservices: {web: {image: i, environment: *env}}"}, want: map[string]manifests.Value{"A": text("x")}},
		"a merge key":     {files: map[string]string{"c.yaml": "x-env: &env {A: x, B: b}\nservices: {web: {image: i, environment: {<<: *env, B: c}}}"}, want: map[string]manifests.Value{"A": text("x"), "B": text("c")}},
		"merged services": {files: map[string]string{"c.yaml": "x-base: &base {image: i, environment: {A: x}}\nservices: {web: {<<: *base}}"}, want: map[string]manifests.Value{"A": text("x")}},
		"extends":         {files: map[string]string{"c.yaml": "services: {base: {image: i, environment: {A: x, B: b}}, web: {extends: base, environment: {B: c}}}"}, want: map[string]manifests.Value{"A": text("x"), "B": text("c")}},
		"extends another file": {files: map[string]string{"c.yaml": "services: {web: {extends: {file: b.yaml, service: base}}}", "b.yaml": "services: {base: {image: i, environment: {A: x}}}"},
			names: []string{"c.yaml"}, want: map[string]manifests.Value{"A": text("x")}},
		"two files": {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: x, B: b}}}", "o.yaml": "services: {web: {environment: [B=c]}}"}, names: []string{"c.yaml", "o.yaml"},
			want: map[string]manifests.Value{"A": text("x"), "B": text("c")}},
		"a default":                   {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: '${X:-d}', B: '${X-}', C: '$X', D: 'a${X}b', E: '$$X'}}}"}, want: map[string]manifests.Value{"A": text("d"), "B": text(""), "C": shell, "D": shell, "E": text("$X")}},
		"a nested default":            {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: '${X:-${Y:-z}}', B: '${X:-$Y}'}}}"}, want: map[string]manifests.Value{"A": text("z"), "B": shell}},
		"the shell's own":             {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: '${X:-d}', B: '${X:+set}'}}}"}, environ: []string{"X=canary"}, want: map[string]manifests.Value{"A": {Text: "canary", Secret: true}, "B": {Text: "set", Secret: true}}},
		"required of the shell":       {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: '${X:?must be set}'}}}"}, want: map[string]manifests.Value{"A": {From: "the shell that starts compose, which must set X"}}},
		"the file .env":               {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: '${X}'}}}", ".env": "X=\"of the file\"\n"}, names: []string{"c.yaml"}, want: map[string]manifests.Value{"A": {Text: "of the file", Secret: true}}},
		"env_file":                    {files: map[string]string{"c.yaml": "services: {web: {image: i, env_file: [a.env, {path: b.env, required: false}], environment: {B: over}}}", "a.env": "A='x'\nB=b\nC=\"l1\nl2\" # c\nexport D=${A}1\n"}, names: []string{"c.yaml"}, want: map[string]manifests.Value{"A": text("x"), "B": text("over"), "C": text("l1\nl2"), "D": text("x1")}, unknown: []manifests.Unseen{{From: "the file b.env"}}},
		"an entrypoint and a command": {files: map[string]string{"c.yaml": "services: {web: {image: i, entrypoint: launcher, command: [worker, '${V:-x}']}}"}, want: map[string]manifests.Value{}, command: []string{"launcher"}, args: []string{"worker", "x"}},
		"a command in words":          {files: map[string]string{"c.yaml": "services: {web: {image: i, command: sh -c 'a b'}}"}, want: map[string]manifests.Value{}, args: []string{"sh", "-c", "a b"}},
		"files that refer to each other and to the service": {files: map[string]string{"c.yaml": "services: {web: {image: i, env_file: [a.env, b.env], environment: {BASE: base}}}", "a.env": "A=x\n", "b.env": "\ufeffB=${A}1\nC=$BASE/db\nBASE=other\nA.B-C=1\n"}, names: []string{"c.yaml"},
			want: map[string]manifests.Value{"A": text("x"), "B": text("x1"), "C": text("base/db"), "BASE": text("base"), "A.B-C": text("1")}},
		"escapes before a reference": {files: map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: '$${A} ${A:-b}', B: '$$X${X:-}'}}}"}, want: map[string]manifests.Value{"A": text("${A} b"), "B": text("$X")}},
		"a service of another file": {files: map[string]string{"c.yaml": "include: [i.yaml]\nservices: {other: {image: i}}", "i.yaml": "services: {web: {image: i, environment: {A: '${A:-b}', B: b}}}"}, names: []string{"c.yaml"},
			want: map[string]manifests.Value{"A": {From: "the variables of an included file"}, "B": text("b")}},
		"a profile, ports, a network": {files: map[string]string{"c.yaml": "services: {web: {image: 'i:${TAG}', profiles: [debug], ports: ['${PORT}:80'], environment: {A: x}, networks: [n], depends_on: [db]}, db: {image: p}}\nnetworks: {n: {}}\nvolumes: {v: {}}"}, want: map[string]manifests.Value{"A": text("x")}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			names := c.names
			if names == nil {
				names = []string{"c.yaml"}
			}
			found, err := compose(t, c.files, names, c.environ)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found["web"].Values).To(Equal(c.want))
			g.Expect(found["web"].Unknown).To(Equal(c.unknown))
			g.Expect(found["web"].Command).To(Equal(c.command))
			g.Expect(found["web"].Args).To(Equal(c.args))
		})
	}
}

func TestSecretsOfCompose(t *testing.T) {
	g := NewWithT(t)
	found, err := compose(t, map[string]string{
		"c.yaml": "services: {web: {image: i, secrets: [db, {source: key, target: k}, gone], depends_on: [nobody], environment: {A_FILE: /run/secrets/db, B_FILE: /run/secrets/k, URL_FILE: /run/secrets/other}}}\n" +
			"secrets: {db: {file: db.txt}, key: {environment: KEY}, unused: {external: true}}",
		"db.txt": "canary\n",
	}, []string{"c.yaml"}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	lines := tell(check(several, found["web"]))
	g.Expect(lines).To(Equal([]string{
		"refused gone: is a secret that the file does not declare", "refused nobody: is a service that the file does not have, and the service depends on it",
		"unverifiable B: comes from the file /run/secrets/k", "dangling URL: is to be read from /run/secrets/other, which no volume holds",
		"malformed A: is not what it must be; expected is one of x, y",
	}))
	_, err = compose(t, map[string]string{"c.yaml": "services: {web: {image: i, environment: {A: {canary: 1}}}}"}, []string{"c.yaml"}, nil)
	g.Expect(err).To(MatchError(MatchRegexp(`c\.yaml is not understood: docker compose does not accept what stands at services\.web\.environment\S* \[check/manifest-invalid\]$`)))
}

// What compose refuses, wherever it stands; what must not be shown of a command.
func TestWhatComposeRefuses(t *testing.T) {
	g := NewWithT(t)
	for _, text := range []string{"services: {web: {image: i, environment: {A: '${A:0:3}'}}}", "services: {web: {image: i, labels: {a: '${'}}}"} {
		_, err := compose(t, map[string]string{"c.yaml": text}, []string{"c.yaml"}, nil)
		g.Expect(err).To(MatchError(MatchRegexp(`docker compose does not accept it|begins no reference`)), text)
	}
	found, err := compose(t, map[string]string{"c.yaml": "services: {web: {image: i, entrypoint: [sh, -c], command: ['curl ${API}']}, other: {image: i, entrypoint: '${API}'}}", ".env": "API=CANARY\n"}, []string{"c.yaml"}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	for _, w := range found {
		for _, word := range append(w.Command, w.Args...) {
			g.Expect(w.Show(word)).NotTo(ContainSubstring("CANARY"))
		}
	}
}

// A file of variables is read as its consumer reads it; a line that is not understood is told of by its number alone.
func TestEnvFiles(t *testing.T) {
	g := NewWithT(t)
	const text = "\ufeffA=\"x\"\nB='y' # c\nexport P=5\nQ: 6\nMULTI=\"a\nb\"\nKEY=-----BEGIN PRIVATE KEY-----\nMIIEcanaryABC==\n-----END PRIVATE KEY-----\nAFTER=1\n"
	w, err := manifests.EnvFile("production.env", []byte(text), nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Values).To(Equal(map[string]manifests.Value{"A": {Text: "x"}, "B": {Text: "y"}, "P": {Text: "5"}, "Q": {Text: "6"}, "MULTI": {Text: "a\nb"}, "AFTER": {Text: "1"}}))
	g.Expect(tell(check(contract.Contract{}, w))).To(Equal([]string{"refused line 7: is not understood: a value of several lines begins there, without quotes"}))

	w = manifests.DockerEnvFile("production.env", []byte("A=\"x\"\n # c\n#B=1\nC\nD\nmy canary=1\nE= y \n"), func(name string) (string, bool) { return "given", name == "C" })
	g.Expect(w.Values).To(Equal(map[string]manifests.Value{"A": {Text: `"x"`}, "C": {Text: "given", Secret: true}, "E": {Text: " y "}}))
	g.Expect(tell(check(contract.Contract{}, w))).To(Equal([]string{"refused line 6: is not understood: docker run does not accept white space in a name, or none"}))
	found := check(contract.Contract{Variables: []contract.Variable{{Name: "A", Values: []string{"x"}}}}, w)
	g.Expect(tell(found)).To(ContainElement(`malformed A: is "\"x\""; expected is one of x`), "docker keeps the quotes, and the container refuses")

	w, err = manifests.EnvFile("production.env", []byte("MODE=<${PW}>\nA=${B:-x}\n"), func(name string) (string, bool) { return "canary", name == "PW" })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Values).To(Equal(map[string]manifests.Value{"MODE": {Text: "<canary>", Secret: true}, "A": {Text: "x"}}))

	for broken, line := range map[string]string{"A=1\nB='canary\n": "2", "A=1\nthis is canary\n": "2", "canary!=1\n": "1"} {
		_, err := manifests.EnvFile("production.env", []byte(broken), nil)
		g.Expect(err).To(MatchError("production.env:"+line+": production.env is not understood: a line is neither a comment nor NAME=value, or a quote is not closed [check/env-file-invalid]"), broken)
	}
	w, err = manifests.EnvFile("production.env", []byte("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9eyJjYW5hcnkiOiJjYW5hcnkifQcanary=x\n"), nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(tell(check(several, w))).To(ContainElement("refused line 1: is not understood: what stands there is not the name of a variable"))
	g.Expect(slices.Collect(func(yield func(string) bool) {
		for name := range w.Values {
			yield(name)
		}
	})).To(BeEmpty())
}
