package main

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// page is a Markdown file of the checkout, as HTML.
type page struct {
	// File is its path in the checkout, Address that in the site.
	File, Address, Title string
	Body                 template.HTML
	Headings             []heading
	sections             []section
	links                []link
}

// heading is one of the second level.
type heading struct{ ID, Text string }

// section is what is found by the search: the words below a heading.
type section struct {
	Page    string `json:"p"`
	Address string `json:"a"`
	Heading string `json:"h"`
	Words   string `json:"w"`
}

// link is what a page refers to, by its path in the checkout.
type link struct{ file, anchor string }

// address is where a file of the checkout is in the site: README.md is its first page, and what is in docs lies flat.
func address(file string) string {
	if file == "README.md" {
		return "index.html"
	}
	file = strings.TrimPrefix(file, "docs/")
	if name, found := strings.CutSuffix(file, ".md"); found {
		return strings.ToLower(name) + ".html"
	}
	return file
}

var markdown = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(html.WithUnsafe()),
)

// readPage reads a Markdown file.
func readPage(root, file string) (page, error) {
	source, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return page{}, err
	}
	p := page{File: file, Address: address(file)}
	document := markdown.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{}))))
	current := section{Address: p.Address}
	var words []string
	keep := func() {
		current.Words = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
		p.sections = append(p.sections, current)
		words = nil
	}
	err = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := n.(type) {
		case *ast.Heading:
			title, id := plain(node, source), attribute(node, "id")
			if node.Level == 1 && p.Title == "" {
				p.Title = title
			} else {
				keep()
				current = section{Address: p.Address + "#" + id, Heading: title}
			}
			if node.Level == 2 {
				p.Headings = append(p.Headings, heading{id, title})
			}
		case *ast.Link:
			node.Destination = []byte(p.rewrite(string(node.Destination)))
		case *ast.Image:
			node.Destination = []byte(p.rewrite(string(node.Destination)))
		case *ast.Text:
			words = append(words, string(node.Segment.Value(source)))
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			words = append(words, string(node.Lines().Value(source)))
		}
		return ast.WalkContinue, nil
	})
	keep()
	for i := range p.sections {
		p.sections[i].Page = p.Title
	}
	var out bytes.Buffer
	if err := errors.Join(err, markdown.Renderer().Render(&out, source, document)); err != nil {
		return page{}, fmt.Errorf("%s: %w", file, err)
	}
	// Tables and code are wider than a phone: they scroll by themselves.
	body := strings.NewReplacer("<table>", `<div class="wide"><table>`, "</table>", "</table></div>").Replace(out.String())
	p.Body = template.HTML(body)
	return p, nil
}

// rewrite gives the address in the site of what a page refers to, and notes it.
func (p *page) rewrite(destination string) string {
	if strings.Contains(destination, "://") || strings.HasPrefix(destination, "mailto:") {
		return destination
	}
	file, anchor, _ := strings.Cut(destination, "#")
	target := p.File
	if file != "" {
		target = path.Join(path.Dir(p.File), file)
	}
	p.links = append(p.links, link{target, anchor})
	to := address(target)
	if !strings.HasSuffix(target, ".md") && !strings.HasPrefix(target, "docs/") {
		to = repository + "/blob/main/" + target
	}
	if anchor != "" {
		to += "#" + anchor
	}
	return to
}

const repository = "https://github.com/gantry-buildpack/gantry"

// plain is a node's text.
func plain(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(child ast.Node, entering bool) (ast.WalkStatus, error) {
		if word, ok := child.(*ast.Text); ok && entering {
			out.Write(word.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

func attribute(n ast.Node, name string) string {
	value, _ := n.AttributeString(name)
	id, _ := value.([]byte)
	return string(id)
}

// anchors names headings as GitHub does, so that a link leads to the same place on both: https://github.com/gjtorikian/html-pipeline
type anchors struct{ used []string }

var unnamed = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)

// Generate is the anchor of a heading.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	name := strings.ReplaceAll(unnamed.ReplaceAllString(strings.ToLower(strings.TrimSpace(string(value))), ""), " ", "-")
	id := name
	for i := 1; slices.Contains(a.used, id); i++ {
		id = fmt.Sprintf("%s-%d", name, i)
	}
	a.used = append(a.used, id)
	return []byte(id)
}

// Put notes an anchor that a page gives itself.
func (a *anchors) Put(value []byte) { a.used = append(a.used, string(value)) }
