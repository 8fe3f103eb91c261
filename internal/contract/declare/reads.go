package declare

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// reading is a place at which code reads or declares a variable; at is its offset in bytes.
type reading struct {
	variable contract.Variable
	at       int
	// declared: a schema in the code says what it must be.
	declared bool
}

// readers find the places of a file, by its ending.
var readers = map[string]func(text []byte) []reading{}

func init() {
	for _, ending := range []string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".astro"} {
		readers[ending] = readsOfScript
	}
	for _, ending := range []string{".rb", ".ru", ".rake", ".erb", ".yml", ".yaml"} {
		readers[ending] = readsOfRuby
	}
}

var (
	member = regexp.MustCompile(`\b(process\.env|import\.meta\.env|Bun\.env)(?:\??\.([A-Z][A-Z0-9_]+)\b|(?:\?\.)?\[["'` + "`" + `]([A-Z][A-Z0-9_]+)["'` + "`" + `]\])`)
	// destructured is what stands between the braces of "const { A, B: b = 1 } = process.env".
	destructured = regexp.MustCompile(`\{([^{}]*)\}\s*(?::[^=;]+)?=\s*(process\.env|import\.meta\.env|Bun\.env)\b`)
	// aliases are names for the whole environment.
	aliases  = regexp.MustCompile(`\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=\s*(?:process\.env|import\.meta\.env|Bun\.env)\s*(?:[;,\r\n]|$)`)
	property = regexp.MustCompile(`\b([A-Z][A-Z0-9_]+)\b(?:\s*:\s*\w+)?(\s*=)?`)
	fallback = regexp.MustCompile(`^(?:\s|\))*(?:\?\?=?|\|\||\?[^.])`)
	// bundlers define these on import.meta.env: https://vite.dev/guide/env-and-mode#built-in-constants.
	builtIn = []string{"MODE", "DEV", "PROD", "SSR", "BASE_URL"}

	// zod is "NAME: z.string().url().optional()": https://zod.dev/api.
	zod     = regexp.MustCompile(`\b([A-Z][A-Z0-9_]+)["']?\s*:\s*z\b((?:\s*\.\s*\w+(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?)+)`)
	zodCall = regexp.MustCompile(`\.\s*(\w+)(?:\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\))?`)
	// envalid is "NAME: str({ default: 'x' })": https://github.com/af/envalid#validator-types.
	envalid       = regexp.MustCompile(`\b([A-Z][A-Z0-9_]+)["']?\s*:\s*(?:\w+\.)?(str|bool|num|email|host|port|url|json)\(((?:[^()]|\([^()]*\))*)\)`)
	defaultOption = regexp.MustCompile("\\b(?:devD|d)efault\\s*:\\s*(?:['\"`]([^'\"`]*)['\"`]|([\\w.+-]+))")
	choices       = regexp.MustCompile(`\bchoices\s*:\s*\[([^\]]*)\]`)
	literal       = regexp.MustCompile("'([^']*)'|\"([^\"]*)\"|`([^`]*)`")
	// written is what stands behind a variable that code sets.
	written    = regexp.MustCompile(`^\s*=[^=]`)
	deleted    = regexp.MustCompile(`\bdelete\s*$`)
	scalarText = regexp.MustCompile("^\\s*(?:['\"`]([^'\"`]*)['\"`]|(-?[0-9][\\w.]*|true|false))\\s*$")

	ruby   = regexp.MustCompile(`\bENV(?:\[["']([A-Z][A-Z0-9_]+)["']\]|\.(fetch|dig|delete)(?:\s*\(\s*|\s+)["']([A-Z][A-Z0-9_]+)["'](\s*,|\s*\)?\s*(?:\{|do\b))?)`)
	rubyOr = regexp.MustCompile(`^(?:\s|\))*(?:\|\||\.presence\s*\|\||\?)`)
)

func read(name string, at int, optional bool) reading {
	v := Guess(name)
	v.Required = !optional
	return reading{variable: v, at: at}
}

// remark reports whether a line is a comment up to a place in it.
func remark(text []byte, at int, marks ...string) bool {
	line := bytes.TrimSpace(text[bytes.LastIndexByte(text[:at], '\n')+1 : at])
	return slices.ContainsFunc(marks, func(mark string) bool { return bytes.HasPrefix(line, []byte(mark)) })
}

func readsOfScript(text []byte) []reading {
	var list []reading
	for _, m := range member.FindAllSubmatchIndex(text, -1) {
		object := string(text[m[2]:m[3]])
		from, to := m[4], m[5]
		if from < 0 {
			from, to = m[6], m[7]
		}
		name := string(text[from:to])
		if written.Match(text[m[1]:]) || deleted.Match(text[max(0, m[0]-20):m[0]]) || remark(text, m[0], "//", "*", "/*") {
			continue
		}
		if object == "import.meta.env" && slices.Contains(builtIn, name) {
			continue
		}
		list = append(list, read(name, from, fallback.Match(text[m[1]:])))
	}
	for _, alias := range aliases.FindAllSubmatch(text, -1) {
		through := regexp.MustCompile(`\b` + regexp.QuoteMeta(string(alias[1])) + `\??\.([A-Z][A-Z0-9_]+)\b`)
		for _, m := range through.FindAllSubmatchIndex(text, -1) {
			// What is named so of something else is not the environment.
			if m[0] > 0 && text[m[0]-1] == '.' {
				continue
			}
			if !written.Match(text[m[1]:]) && !remark(text, m[0], "//", "*", "/*") {
				list = append(list, read(string(text[m[2]:m[3]]), m[2], fallback.Match(text[m[1]:])))
			}
		}
	}
	for _, m := range destructured.FindAllSubmatchIndex(text, -1) {
		inner := text[m[2]:m[3]]
		for _, p := range property.FindAllSubmatchIndex(inner, -1) {
			name := string(inner[p[2]:p[3]])
			before := bytes.TrimRight(inner[:p[0]], " \t\r\n")
			if len(before) > 0 && before[len(before)-1] != ',' || slices.Contains(builtIn, name) && string(text[m[4]:m[5]]) == "import.meta.env" {
				continue
			}
			list = append(list, read(name, m[2]+p[0], p[4] >= 0))
		}
	}
	return append(list, schemas(text)...)
}

// schemas are the variables that zod, t3-env or envalid check in a file that reads the environment.
func schemas(text []byte) []reading {
	var list []reading
	reads := bytes.Contains(text, []byte("process.env")) || bytes.Contains(text, []byte("import.meta.env")) || bytes.Contains(text, []byte("Bun.env")) ||
		bytes.Contains(text, []byte("runtimeEnv")) || bytes.Contains(text, []byte("createEnv"))
	if reads && bytes.Contains(text, []byte("zod")) {
		for _, m := range zod.FindAllSubmatchIndex(text, -1) {
			list = append(list, reading{fromZod(string(text[m[2]:m[3]]), string(text[m[4]:m[5]])), m[2], true})
		}
	}
	if bytes.Contains(text, []byte("envalid")) || bytes.Contains(text, []byte("cleanEnv")) {
		for _, m := range envalid.FindAllSubmatchIndex(text, -1) {
			list = append(list, reading{fromEnvalid(string(text[m[2]:m[3]]), string(text[m[4]:m[5]]), string(text[m[6]:m[7]])), m[2], true})
		}
	}
	return list
}

func fromZod(name, calls string) contract.Variable {
	guess := Guess(name)
	v := contract.Variable{Name: name, Required: true, Secret: guess.Secret, Phase: guess.Phase}
	for _, call := range zodCall.FindAllStringSubmatch(calls, -1) {
		switch method, argument := call[1], call[2]; method {
		case "url", "email":
			v.Type = method
		case "number":
			v.Type = "float"
		case "int":
			v.Type = "int"
		case "boolean", "stringbool":
			v.Type = "bool"
		case "json":
			v.Type = "json"
		case "enum":
			for _, value := range literal.FindAllStringSubmatch(argument, -1) {
				v.Values = append(v.Values, value[1]+value[2]+value[3])
			}
		case "optional", "nullish", "nullable":
			v.Required = false
		case "default", "prefault":
			v.Required = false
			v = withDefault(v, argument)
		}
	}
	return v
}

func fromEnvalid(name, validator, options string) contract.Variable {
	guess := Guess(name)
	v := contract.Variable{Name: name, Required: true, Secret: guess.Secret, Phase: guess.Phase}
	v.Type = map[string]string{"bool": "bool", "num": "float", "email": "email", "port": "port", "url": "url", "json": "json"}[validator]
	if found := choices.FindStringSubmatch(options); found != nil {
		for _, value := range literal.FindAllStringSubmatch(found[1], -1) {
			v.Values = append(v.Values, value[1]+value[2]+value[3])
		}
	}
	for _, found := range defaultOption.FindAllStringSubmatch(options, -1) {
		if strings.HasPrefix(found[0], "devDefault") {
			// It does not count in production.
			continue
		}
		v.Required = false
		if found[2] != "undefined" {
			v = withDefault(v, found[0][strings.IndexByte(found[0], ':')+1:])
		}
	}
	return v
}

// withDefault takes a literal as the default, where it is one of the variable's own.
func withDefault(v contract.Variable, argument string) contract.Variable {
	found := scalarText.FindStringSubmatch(argument)
	if found == nil || v.Secret || v.Phase == "build" {
		return v
	}
	value := found[1] + found[2]
	if value != "" && v.Accepts(value) && !contract.HasPassword(value) {
		v.Default = &value
	}
	return v
}

func readsOfRuby(text []byte) []reading {
	var list []reading
	for _, m := range ruby.FindAllSubmatchIndex(text, -1) {
		if remark(text, m[0], "#") {
			continue
		}
		if m[2] >= 0 {
			list = append(list, read(string(text[m[2]:m[3]]), m[2], rubyOr.Match(text[m[1]:])))
			continue
		}
		list = append(list, read(string(text[m[6]:m[7]]), m[6], m[8] >= 0 || string(text[m[4]:m[5]]) != "fetch"))
	}
	return list
}
