package listens

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var (
	// called are the calls that open a port: those of Node.js' servers and of all frameworks that have their form.
	called = lazyregexp.New(`(\b[A-Za-z_$][\w$.]*|\))\s*\.listen\(`)
	// given are those that are given all in an object: Bun's, @hono/node-server's, hapi's, ws', and what Apollo Server is given as listen.
	given = lazyregexp.New(`\b(Bun\.serve|serve|[hH]api\.server|new\s+[hH]api\.Server|new\s+(?:WebSocket\.Server|WebSocketServer))\(\s*\{|\bstartStandaloneServer\([^{}]*\{[^{}]*\b(listen)\s*:\s*\{`)
	// servers are what makes them: a listen without arguments is one of a server only if that is seen.
	servers = lazyregexp.New(`\b(?:const|let|var)\s+([\w$]+)(?:\s*:[^=\n]+)?\s*=\s*(?:await\s+)?(?:new\s+)?(?:(?:https?|http2|net)\.)?(?:create(?:Secure)?Server|express|[fF]astify|Koa|restify\.createServer|[Pp]olka|NestFactory\.create(?:<[^>]*>)?|Elysia|App)\(`)
	// fastified are names that a file gives Fastify's servers.
	fastified = lazyregexp.New(`\b(?:const|let|var)\s+([\w$]+)(?:\s*:[^=\n]+)?\s*=\s*(?:await\s+)?(?:[fF]astify|require\(\s*['"]fastify['"]\s*\))(?:<[^>]*>)?\(`)
	nested    = lazyregexp.New(`\b(?:const|let|var)\s+([\w$]+)(?:\s*:[^=\n]+)?\s*=\s*(?:await\s+)?NestFactory\.create`)
	// parameters are those of functions: a name of one is nothing to be certain of.
	parameters = lazyregexp.New(`(?:\bfunction\b[^(]*\(([^()]*)\)|\(([^()]*)\)\s*(?::[^={]+)?=>)`)
	// listening are all calls and mentions of listen and serve, also those in forms that are not read.
	listening = lazyregexp.New(`\.\s*listen\b|[\w$]\.serve\b|\bserve\s*[(<]|\bexport\s+default\s*\{[^}]*\bport\b|\.lift\(`)
	word      = lazyregexp.New(`[A-Za-z_$][\w$]*`)
	// numbered are names that a file gives a number, once.
	numbered = lazyregexp.New(`\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)(?:\s*:\s*number)?\s*=\s*(\d+)\s*(?:;|,|\n|$)`)
	named    = lazyregexp.New(`\b(?:const|let|var)\s+([A-Za-z_$][\w$]*)(?:\s*:\s*string)?\s*=\s*['"]([\w.:\[\]-]+)['"]\s*(?:;|,|\n|$)`)
	// function is how a function begins.
	function = lazyregexp.New(`^(?:async\s*)?(?:function\b|\([^()]*\)\s*(?::[^=]+)?=>|[A-Za-z_$][\w$]*\s*=>)`)
	// fields are those of an object that is given to listen.
	portField = lazyregexp.New(`\bport['"]?\s*:\s*([^,}\n]+)`)
	portAlone = lazyregexp.New(`[{,]\s*port\s*[,}]`)
	hostField = lazyregexp.New(`\bhost(?:name)?['"]?\s*:\s*([^,}\n]+)`)
	hostAlone = lazyregexp.New(`[{,]\s*host\s*[,}]`)
	pathField = lazyregexp.New(`\bpath\s*:\s*['"]([^'"]+)['"]`)
	literal   = lazyregexp.New("^['\"`]([^'\"`$]+)['\"`]$")
)

// ofJavaScript gives the places in a file of Node.js or Bun.
func ofJavaScript(name string, text []byte) []Place {
	code := withoutComments(string(text))
	values := map[string]string{}
	for _, pattern := range []*regexp.Regexp{numbered(), named()} {
		for _, m := range pattern.FindAllStringSubmatch(code, -1) {
			// What is given another value later is nothing to be certain of.
			if !regexp.MustCompile(`(?:^|[^\w$.=!<>])` + regexp.QuoteMeta(m[1]) + `\s*(?:\|\|)?=[^=>]`).MatchString(strings.Replace(code, m[0], "", 1)) {
				values[m[1]] = m[2]
			}
		}
	}
	made := strings.Contains(code, "createServer(") || strings.Contains(code, "express()")
	for _, m := range parameters().FindAllStringSubmatch(code, -1) {
		for _, name := range word().FindAllString(m[1]+" "+m[2], -1) {
			delete(values, name)
		}
	}
	isServer := map[string]bool{"server": made, "this.server": made}
	for _, m := range servers().FindAllStringSubmatch(code, -1) {
		isServer[m[1]] = true
	}
	local := fastifies(code)
	var list []Place
	read := map[int]bool{}
	for _, m := range called().FindAllStringSubmatchIndex(code, -1) {
		receiver := code[m[2]:m[3]]
		read[m[1]-len("listen(")-1] = true
		arguments, whole := argumentsOf(code[m[1]:])
		if !whole {
			continue
		}
		p, ok := placeOf(arguments, isServer[receiver] || receiver == ")" && made, values)
		if !ok {
			continue
		}
		if local[receiver] && !p.named && portLike(arguments) {
			// https://fastify.dev/docs/latest/Reference/Server/#listen: without a host, it is localhost.
			p.Host, p.unnamed = "localhost", true
		}
		call, start := code[m[0]:m[1]], m[0]
		if receiver == ")" {
			// The call that makes the server is of any length.
			call, start = "….listen(", m[1]-len("listen(")
		}
		if before := strings.TrimRight(code[:m[0]], " \t\n{"); strings.HasSuffix(before, "else") || strings.HasSuffix(before, ":") || strings.HasSuffix(before, "?") {
			// Another branch may do something else.
			p.Place = Place{Variable: true}
		}
		p.Text, p.Where = shown(call, arguments), problem.At(name, text, start)
		list = append(list, p.Place)
	}
	for _, m := range given().FindAllStringSubmatchIndex(code, -1) {
		arguments, _ := argumentsOf(code[m[1]-1:])
		if len(arguments) == 0 {
			continue
		}
		kind := "listen"
		if m[2] >= 0 {
			kind = code[m[2]:m[3]]
		}
		p, ok := ofObject(arguments[0], values)
		bun := strings.HasSuffix(kind, "serve")
		if !ok && (strings.HasPrefix(kind, "new W") || bun && !strings.Contains(arguments[0], "fetch")) || bun && p.Socket != "" {
			continue
		}
		p.Text, p.Where = shown(kind+"(", arguments), problem.At(name, text, m[0])
		list = append(list, p.Place)
		read[m[0]] = true
	}
	for _, m := range listening().FindAllStringIndex(code, -1) {
		if !read[m[0]] && !slices.ContainsFunc(given().FindAllStringIndex(code, -1), func(g []int) bool { return g[0] <= m[0] && m[0] < g[1] }) {
			// What is not understood may be what listens at PORT.
			list = append(list, Place{Variable: true, Where: problem.At(name, text, m[0])})
		}
	}
	return list
}

// fastifies are the names of servers that listen on localhost where they are given no address.
func fastifies(code string) map[string]bool {
	names := map[string]bool{}
	for _, m := range fastified().FindAllStringSubmatch(code, -1) {
		names[m[1]] = true
	}
	if strings.Contains(code, "new FastifyAdapter(") {
		for _, m := range nested().FindAllStringSubmatch(code, -1) {
			names[m[1]] = true
		}
	}
	return names
}

// portLike reports whether what a server is given is a port, or all of its options: a name may stand for options with an address.
func portLike(arguments []string) bool {
	if len(arguments) == 0 {
		return false
	}
	first := arguments[0]
	return strings.HasPrefix(first, "{") || strings.Contains(first, "process.env") || strings.Trim(first, "0123456789") == "" || strings.HasSuffix(strings.ToLower(first), "port")
}

// found is a place as one call tells of it; named says that it names an address.
type found struct {
	Place
	named bool
}

// placeOf says what a call of listen opens; false where it opens no port, or that is not certain.
func placeOf(arguments []string, server bool, values map[string]string) (found, bool) {
	switch {
	case len(arguments) == 0:
		return found{Place: Place{Free: true}}, server
	case strings.HasPrefix(arguments[0], "{"):
		f, ok := ofObject(arguments[0], values)
		return f, ok || server
	case callback(arguments[0]):
		return found{Place: Place{Free: true}}, server
	}
	host := ""
	if len(arguments) > 1 && !callback(arguments[1]) {
		host = arguments[1]
	}
	return found{opened(arguments[0], host, values), host != ""}, true
}

// ofObject says what is opened by an object with the fields port, host (or hostname) and path; false where it has none of them.
func ofObject(object string, values map[string]string) (found, bool) {
	if m := pathField().FindStringSubmatch(object); m != nil && strings.HasPrefix(m[1], "/") {
		return found{Place: Place{Socket: m[1]}, named: true}, true
	}
	port, host := field(object, portField(), portAlone(), "port"), field(object, hostField(), hostAlone(), "host")
	if port == "" {
		f := found{Place: opened("unknown", host, values), named: host != "" || strings.Contains(object, "...")}
		return f, host != ""
	}
	return found{opened(port, host, values), host != "" || strings.Contains(object, "...")}, true
}

// opened says what a port and an address are, as they are written.
func opened(port, host string, values map[string]string) (p Place) {
	if h := valueOf(host, values); loopback(h) {
		p.Host = h
	}
	text := valueOf(port, values)
	number, err := strconv.Atoi(text)
	switch {
	case err == nil && number == 0:
		p.Free = true
	case err == nil && number > 0 && number < 1<<16:
		p.Port = number
	case literal().MatchString(strings.TrimSpace(port)) && strings.HasPrefix(text, "/") && strings.HasSuffix(text, ".sock"):
		p.Socket = text
	default:
		p.Variable = true
	}
	return p
}

// valueOf gives what a name or a text stands for, where the file tells.
func valueOf(text string, values map[string]string) string {
	text = strings.TrimSpace(text)
	if v, known := values[text]; known {
		return v
	}
	if m := literal().FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return text
}

func field(object string, pattern, alone *regexp.Regexp, name string) string {
	if m := pattern.FindStringSubmatch(object); m != nil {
		return m[1]
	}
	if alone.MatchString(object) {
		return name
	}
	return ""
}

// callback reports whether an argument is a function.
func callback(argument string) bool {
	return function().MatchString(argument)
}
