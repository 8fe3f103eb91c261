// Package secretfiles finds files of a source tree that hold secrets and belong in no image: keys, and what people keep for their own
// machine. It reads names and what Git ignores, and values of .env files; it prints none.
package secretfiles

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	ignore "github.com/sabhiram/go-gitignore"

	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// File is a file with secrets.
type File struct {
	Name string
	// Why says what makes it one, as in "is a key".
	Why string
	// Stays: it is in the image nevertheless, since Git does not ignore it and the application may read it there.
	Stays bool
}

// Options say which files count.
type Options struct {
	// EnvFiles: files such as .env count though Git does not ignore them. Some frameworks of Node.js read them in production.
	EnvFiles bool
	// Keep are names of files that the image is to have, with patterns of path.Match; Used are texts of commands: what they name is kept.
	Keep, Used []string
}

// depth is how many folders deep files are looked for, and skipped are folders of packages and of what is made.
const depth = 8

var skipped = []string{".git", "node_modules", "vendor", "tmp", "log", "dist", "build", "public", ".next"}

// always are keys, by pattern: https://guides.rubyonrails.org/security.html#custom-credentials.
var always = []string{"config/master.key", "config/credentials/*.key"}

// ignored are names of files that hold secrets where Git ignores them; one that is committed is for everybody who has the source. withKey are
// those that do so where a private key stands in them: others are certificates.
var (
	ignored = []string{"*.p12", "*.pfx", "*.jks", "*.keystore", ".netrc", ".pgpass", "*.kubeconfig", "kubeconfig"}
	withKey = []string{"*.pem", "*.key", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*service*account*.json", "*credential*.json", "*secret*.json", "*[-_]key.json"}
)

// figaro is where the gem of that name has variables: https://github.com/laserlemon/figaro#readme.
const figaro = "config/application.yml"

// Find gives the files, in the order of their names.
func Find(a app.App, o Options) []File {
	f := finder{a, o, map[string]*ignore.GitIgnore{}}
	var found []File
	// What cannot be read is no file of this kind: it is told where it is needed.
	_ = fs.WalkDir(a.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && entry != nil && entry.IsDir():
			return fs.SkipDir
		case err != nil:
			return nil
		case entry.IsDir() && (slices.Contains(skipped, entry.Name()) || strings.Count(name, "/") >= depth):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		if why := f.why(name); why != "" && !f.kept(name) {
			found = append(found, File{Name: name, Why: why})
		} else if why == "" && !f.kept(name) && isEnvFile(path.Base(name)) && f.hasSecrets(name) {
			found = append(found, File{Name: name, Why: "holds values that look like secrets", Stays: true})
		}
		return nil
	})
	return found
}

type finder struct {
	app.App
	Options
	// known are the rules of folders that have been asked for.
	known map[string]*ignore.GitIgnore
}

// rules are those of the .gitignore files of a folder and of those above it, the outermost first: https://git-scm.com/docs/gitignore.
func (f finder) rules(dir string) *ignore.GitIgnore {
	if f.known[dir] == nil {
		f.known[dir] = ignore.CompileIgnoreLines(f.lines(dir)...)
	}
	return f.known[dir]
}

func (f finder) lines(dir string) []string {
	text, _, _ := f.Read(path.Join(dir, ".gitignore"))
	own := fromRoot(dir, string(text))
	if dir == "." {
		return own
	}
	return slices.Concat(f.lines(path.Dir(dir)), own)
}

// fromRoot writes the rules of a folder as those of the root.
func fromRoot(dir, text string) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		rule, not := strings.CutPrefix(line, "!")
		switch {
		case rule == "" || strings.HasPrefix(line, "#"):
			continue
		case dir == ".":
		case strings.Contains(strings.TrimSuffix(rule, "/"), "/"):
			rule = "/" + dir + "/" + strings.TrimPrefix(rule, "/")
		default:
			rule = "/" + dir + "/**/" + rule
		}
		if not {
			rule = "!" + rule
		}
		lines = append(lines, rule)
	}
	return lines
}

func (f finder) why(name string) string {
	base := path.Base(name)
	switch {
	case !mayHold(base):
	case isRailsKey(name):
		return "is a key of Rails"
	case matches(ignored, base) && f.gitIgnores(name):
		return "is ignored by Git, and looks like a key"
	case matches(withKey, base) && f.gitIgnores(name) && f.hasKey(name):
		return "is ignored by Git, and holds a private key"
	case (name == figaro || path.Ext(base) == ".env" && base != ".env") && f.gitIgnores(name):
		return "is ignored by Git, and holds values of variables"
	case isEnvFile(base) && f.hasValues(name):
		if f.gitIgnores(name) {
			return "is ignored by Git, and holds values of variables"
		}
		if f.EnvFiles {
			return "holds values of variables"
		}
	}
	return ""
}

// mayHold is the short answer for most files of a source.
func mayHold(base string) bool {
	return base[0] == '.' || strings.HasPrefix(base, "id_") || base == "kubeconfig" || base == path.Base(figaro) ||
		slices.Contains([]string{".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kubeconfig", ".env", ".json"}, path.Ext(base))
}

// isRailsKey also finds those of an application in a folder.
func isRailsKey(name string) bool {
	at := strings.LastIndex("/"+name, "/config/")
	return at >= 0 && matches(always, name[at:])
}

// gitIgnores reports whether Git leaves a file alone that is not committed.
func (f finder) gitIgnores(name string) bool { return f.rules(path.Dir(name)).MatchesPath(name) }

// isEnvFile leaves out those that show which variables there are: .env.example and the like.
func isEnvFile(base string) bool {
	if base == ".envrc" || base != ".env" && !strings.HasPrefix(base, ".env.") {
		return base == ".envrc"
	}
	return !slices.Contains([]string{".example", ".sample", ".template", ".dist", ".defaults", ".schema", ".vault"}, path.Ext(base))
}

// hasValues reports whether a file sets a variable to more than nothing.
func (f finder) hasValues(name string) bool {
	text, _, err := f.Read(name)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		_, value, found := strings.Cut(line, "=")
		if found && !strings.HasPrefix(line, "#") && strings.Trim(value, ` "'`) != "" {
			return true
		}
	}
	return false
}

// secretName is what variables with secrets are called, and secretValue an address with a password.
var (
	secretName  = lazyregexp.New(`(?i)(?:^|_)(?:api|auth|access|secret|private|db)?(?:key|token|secret|password|passwd|pwd|credentials?)(?:_|$)`)
	secretValue = lazyregexp.New(`://[^/\s:@]*:[^/\s:@]+@`)
)

// hasSecrets reports whether a file gives a variable a value that looks like a secret; one for examples does not.
func (f finder) hasSecrets(name string) bool {
	text, _, err := f.Read(name)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		variable, value, found := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, ` "'`)
		if !found || strings.HasPrefix(variable, "#") || len(value) < 8 || strings.Contains(value, "${") {
			continue
		}
		if secretName().MatchString(strings.TrimSpace(strings.TrimPrefix(variable, "export "))) || secretValue().MatchString(value) {
			return true
		}
	}
	return false
}

// hasKey also takes what cannot be read for one.
func (f finder) hasKey(name string) bool {
	text, _, err := f.Read(name)
	return err != nil || strings.Contains(string(text), "PRIVATE KEY")
}

func (f finder) kept(name string) bool {
	if matches(f.Keep, name) || matches(f.Keep, path.Base(name)) {
		return true
	}
	return slices.ContainsFunc(f.Used, func(command string) bool {
		return slices.ContainsFunc(strings.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune(" \t='\";", r) }), func(word string) bool { return path.Clean(word) == name })
	})
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		is, err := path.Match(strings.TrimSpace(pattern), name)
		return err == nil && is
	})
}
