package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/buildpack/pipeline"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// shop builds an application whose steps are shell scripts that really run.
type shop struct {
	*WithT
	source, layers string
	steps          []plan.Command
	build          plan.Build
	env            map[string]string
	remove         []string
	traffic        func() (observe.Traffic, error)
	sight          observe.Sight
	blind          bool
	// app is the folder of the last build, log its output.
	app, log string
}

func newShop(t *testing.T, scripts ...string) *shop {
	s := &shop{WithT: NewWithT(t), source: t.TempDir(), env: map[string]string{}}
	work := t.TempDir()
	s.layers, s.app = filepath.Join(work, "layers"), filepath.Join(work, "app")
	for _, dir := range []string{s.layers, filepath.Join(work, "home"), filepath.Join(work, "tmp")} {
		s.Expect(os.Mkdir(dir, 0o755)).To(Succeed())
	}
	s.traffic = func() (observe.Traffic, error) { return observe.Traffic{}, nil }
	for n, script := range scripts {
		s.steps = append(s.steps, plan.Command{Title: fmt.Sprintf("step %d", n+1), Args: []string{"/bin/sh", "-c", script}})
	}
	return s
}

func (s *shop) write(name, text string) {
	file := filepath.Join(s.source, name)
	s.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
	s.Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
}

// run builds once, from a new copy of the source, and gives what failed.
func (s *shop) run() error {
	// All but the layers is new in each build.
	s.Expect(os.RemoveAll(s.app)).To(Succeed())
	for _, dir := range []string{"home", "tmp"} {
		s.Expect(os.RemoveAll(filepath.Join(s.layers, "..", dir))).To(Succeed())
		s.Expect(os.Mkdir(filepath.Join(s.layers, "..", dir), 0o755)).To(Succeed())
	}
	s.Expect(copyTree(s.source, s.app)).To(Succeed())
	var out bytes.Buffer
	p := plan.Plan{Build: s.build, Image: plan.Image{Processes: []plan.Process{{Type: "web", Default: true, Args: []string{"/bin/true"}}}}}
	p.Build.Steps = plan.Steps(s.steps)
	p.Image.Source.Remove = s.remove
	b := pipeline.Builder{
		Environ: []string{"HOME=" + filepath.Join(s.layers, "../home"), "TMPDIR=" + filepath.Join(s.layers, "../tmp"), "PATH=/usr/bin:/bin"}, Log: buildlog.New(&out, false), Traffic: s.traffic,
		Sees: func(source observe.Source) (observe.Sight, error) {
			if s.blind {
				return observe.Blind, observe.ErrBlind
			}
			if s.sight != "" {
				return s.sight, nil
			}
			return source.Sees()
		},
		Resolve: func(app.App, resolve.Given, resolve.Target, time.Time) (resolve.Resolved, error) {
			return resolve.Resolved{Plan: p}, nil
		},
	}
	buildpack := filepath.Join(s.layers, "../buildpack")
	s.Expect(os.MkdirAll(filepath.Join(buildpack, "bin"), 0o755)).To(Succeed())
	s.Expect(os.WriteFile(filepath.Join(buildpack, "bin/gantry"), nil, 0o755)).To(Succeed())
	result, err := b.Build(context.Background(), libcnb.BuildContext{
		ApplicationPath: s.app, Layers: libcnb.Layers{Path: s.layers}, Buildpack: libcnb.Buildpack{Path: buildpack}, Platform: libcnb.Platform{Environment: s.env},
	})
	s.log = out.String()
	for _, l := range result.Layers {
		var text bytes.Buffer
		s.Expect(toml.NewEncoder(&text).Encode(l)).To(Succeed())
		s.Expect(os.WriteFile(filepath.Join(s.layers, l.Name+".toml"), text.Bytes(), 0o644)).To(Succeed())
	}
	return err
}

// ran are the numbers of the steps that ran.
func (s *shop) ran() (numbers []int) {
	for n := range s.steps {
		if strings.Contains(s.log, fmt.Sprintf("Build       step %d (", n+1)) {
			numbers = append(numbers, n+1)
		}
	}
	return numbers
}

// state describes all that is in a folder.
func (s *shop) state(dir string) (list []string) {
	s.Expect(filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		name, _ := filepath.Rel(dir, file)
		text := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			text, err = os.Readlink(file)
			list = append(list, fmt.Sprint(name, " -> ", text))
			return err
		case info.Mode().IsRegular():
			content, err := os.ReadFile(file)
			list = append(list, fmt.Sprintf("%s %s %q", name, info.Mode(), content))
			return err
		}
		list = append(list, fmt.Sprint(name, " ", info.Mode()))
		return err
	})).To(Succeed())
	slices.Sort(list)
	return list
}

// copyTree copies a tree with its modes and links, as a checkout would have them.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		info, err := entry.Info()
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, content, info.Mode().Perm()); err != nil {
			return err
		}
		return os.Chmod(target, info.Mode().Perm())
	})
}

// randomScripts read by patterns, by names that may not be there, through links, by being executed; they rename, link, replace, append and
// remove, make empty folders, files of other modes, links of all kinds, and the second of them reads what the first makes.
var randomScripts = []string{
	`mkdir -p out && cat src/*.txt > out/all 2>/dev/null; if [ -e conf ]; then cp conf out/conf; fi; [ ! -x src/tool ] || ./src/tool > out/tool; echo "$FLAVOUR" > out/flavour`,
	`wc -c < out/all > out/size; cat link/a.txt > out/linked 2>/dev/null || true; mkdir -p out/empty/deep; umask 077; echo secret > out/private; chmod 755 out/size; ln -s /etc/hostname out/abs; ln -s ../src out/rel`,
	`mv data/moved out/moved 2>/dev/null; ln data/linked out/hard 2>/dev/null; rm -f src/b.txt; echo more >> src/a.txt; [ ! -d data/dir ] || { rm -rf data/dir && echo file > data/dir; }; true`,
	`find . -name '*.md' | sort > out/found; cp -r data out/data 2>/dev/null; head -c 3 out/private > out/three; true`,
}

// randomEdit changes a source in one way.
func randomEdit(s *shop, r *rand.Rand) {
	files := []string{"src/a.txt", "src/b.txt", "src/c.txt", "conf", "src/tool", "data/moved", "data/linked", "data/dir/x", "README.md", "docs/guide.md", "unread.bin"}
	name := files[r.IntN(len(files))]
	file := filepath.Join(s.source, name)
	switch r.IntN(9) {
	case 0, 1, 2:
		s.write(name, fmt.Sprintf("#!/bin/sh\necho %d\n", r.IntN(3)))
	case 3:
		_ = os.Remove(file)
	case 4:
		_ = os.Chmod(file, []fs.FileMode{0o644, 0o755}[r.IntN(2)])
	case 5:
		_ = os.Rename(file, filepath.Join(s.source, files[r.IntN(len(files))]))
	case 6:
		link := filepath.Join(s.source, "link")
		_ = os.Remove(link)
		s.Expect(os.Symlink([]string{"src", "data", "nowhere"}[r.IntN(3)], link)).To(Succeed())
	case 7:
		s.env["FLAVOUR"] = []string{"plain", "sweet"}[r.IntN(2)]
	case 8:
		_ = os.Chtimes(file, time.Now(), time.Now().Add(time.Duration(r.IntN(1000)-500)*time.Hour))
	}
}

// Whatever is edited: a step that is reused has made what a build without a cache makes. Most steps are reused where nothing of theirs changed.
func TestReusedStepsMakeWhatCleanOnesDo(t *testing.T) {
	for name, sight := range map[string]observe.Sight{"by opens": observe.Opens, "by access times": observe.Accesses} {
		t.Run(name, func(t *testing.T) { reusedLikeClean(t, sight) })
	}
}

func reusedLikeClean(t *testing.T, sight observe.Sight) {
	t.Parallel()
	reused, rounds := 0, 200
	if sight == observe.Accesses {
		rounds = 60
	}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := newShop(t, randomScripts...)
		s.sight = sight
		if sight == observe.Accesses {
			// Who only looks at the size of a file does not read it.
			s.steps[1].Args[2] = strings.Replace(s.steps[1].Args[2], "wc -c < out/all", "cat out/all | wc -c", 1)
		}
		for _, name := range []string{"src/a.txt", "src/b.txt", "conf", "data/moved", "data/linked", "data/dir/x", "README.md", "unread.bin"} {
			s.write(name, name)
		}
		for range rounds / 4 {
			randomEdit(s, r)
			s.Expect(s.run()).To(Succeed(), s.log)
			reused += len(s.steps) - len(s.ran())
			clean := newShop(t, randomScripts...)
			clean.source, clean.env, clean.sight, clean.steps = s.source, s.env, sight, s.steps
			clean.Expect(clean.run()).To(Succeed())
			s.Expect(s.state(s.app)).To(Equal(clean.state(clean.app)), "seed %d\n%s", seed, s.log)
		}
	}
	NewWithT(t).Expect(reused).To(BeNumerically(">", rounds), "of %d", rounds*len(randomScripts))
	t.Logf("%d rounds, %d of %d steps reused", rounds, reused, rounds*len(randomScripts))
}
