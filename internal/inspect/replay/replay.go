// Package replay measures what requests to a Rack application allocate, and how long they take: the application is
// booted once, and requests are sent to it inside of its own process, over and over.
package replay

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"regexp"
	"strings"
	"sync"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Request is one request of a list.
type Request struct {
	Name    string            `json:"name"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// maxList bounds a list, in bytes.
const maxList = 16 << 20

// Both are compiled when they are needed: this package is part of every container's first process.
var (
	// start is a request's first line; an address may be whole, as editors write it, and its host does not count.
	start = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)[ \t]+(?:https?://[^/ \t]+)?(/?\S*)(?:[ \t]+HTTP/[0-9.]+)?[ \t]*$`)
	})
	// header is a line "Name: value": RFC 9110, 5.1.
	header = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$") })
)

// ParseList reads a list of requests, in the form of .http files of editors (the HTTP Request in Editor specification): a line
// "METHOD /path", lines "Name: value", and a body behind an empty line where a header Content-Type says that there is one.
// "###" divides requests, with a name behind it or none; where none has a body, they may simply follow each other.
// Lines that begin with # or // are remarks.
func ParseList(file string, in io.Reader) ([]Request, error) {
	p := parser{file: file}
	lines := bufio.NewScanner(io.LimitReader(in, maxList))
	lines.Buffer(make([]byte, 64<<10), maxList)
	for lines.Scan() {
		p.number++
		if err := p.line(strings.TrimSuffix(lines.Text(), "\r")); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, problem.Unreadable("read "+file, err)
	}
	p.end()
	if len(p.list) == 0 {
		return nil, p.wrong(0, "requests/none", "there is no request in it", "a request is a line such as GET /repos")
	}
	names := map[string]int{}
	for i := range p.list {
		r := &p.list[i]
		if r.Name == "" {
			r.Name = r.Method + " " + r.Path
		}
		if names[r.Name]++; names[r.Name] > 1 {
			r.Name = fmt.Sprintf("%s (%d)", r.Name, names[r.Name])
		}
	}
	return p.list, nil
}

// parser reads a list line by line.
type parser struct {
	file   string
	number int
	list   []Request
	now    *Request
	name   string
	body   []string
	inBody bool
}

func (p *parser) line(text string) error {
	trimmed := strings.TrimSpace(text)
	if rest, divides := strings.CutPrefix(trimmed, "###"); divides {
		p.end()
		p.name = strings.TrimSpace(rest)
		return nil
	}
	if p.inBody {
		p.body = append(p.body, text)
		return nil
	}
	switch {
	case trimmed == "":
		p.inBody = p.now != nil && (p.now.Headers["Content-Type"] != "" || p.now.Headers["Content-Length"] != "")
	case strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "//"):
	case start().MatchString(trimmed):
		p.end()
		m := start().FindStringSubmatch(trimmed)
		p.now = &Request{Name: p.name, Method: m[1], Path: "/" + strings.TrimPrefix(m[2], "/"), Headers: map[string]string{}}
		p.name = ""
	case p.now != nil && header().MatchString(trimmed):
		m := header().FindStringSubmatch(trimmed)
		p.now.Headers[textproto.CanonicalMIMEHeaderKey(m[1])] = m[2]
	default:
		return p.wrong(p.number, "requests/not-understood", fmt.Sprintf("the line %q is not understood", text),
			"a request is a line such as GET /repos, then headers such as Accept: text/html; a body needs a header Content-Type before it")
	}
	return nil
}

func (p *parser) end() {
	if p.now != nil {
		p.now.Body = strings.TrimRight(strings.Join(p.body, "\n"), "\n")
		delete(p.now.Headers, "Content-Length")
		p.list = append(p.list, *p.now)
	}
	p.now, p.body, p.inBody = nil, nil, false
}

func (p *parser) wrong(line int, id, title, why string) error {
	return &problem.Problem{
		ID:    id,
		Title: title,
		Where: problem.Position{File: p.file, Line: line},
		Why:   why,
		Hints: []string{"A list is shown at " + problem.Page("allocations.md")},
	}
}
