package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS []byte

//go:embed search.js
var searchJS []byte

// pages of the checkout that are not in docs.
var outside = []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"}

// group is a row of the README's table of pages: the navigation.
type group struct {
	Name  string
	Pages []entry
}

type entry struct{ Title, Address string }

// makeSite writes the site of a checkout. A link that leads nowhere is an error, and so is a page that nothing in the navigation leads to.
func makeSite(root, out string) error {
	pages, err := readPages(root)
	if err != nil {
		return err
	}
	navigation, err := readNavigation(root)
	if err != nil {
		return err
	}
	if err := errors.Join(checkLinks(root, pages), checkNavigation(navigation, pages)); err != nil {
		return err
	}
	layout, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sections []section
	for _, p := range pages {
		var text bytes.Buffer
		if err := layout.Execute(&text, map[string]any{"Page": p, "Navigation": navigation, "Source": repository + "/blob/main/" + p.File}); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, p.Address), text.Bytes(), 0o644); err != nil {
			return err
		}
		sections = append(sections, p.sections...)
	}
	index, err := json.Marshal(sections)
	if err != nil {
		return err
	}
	search := append(append([]byte("const sections = "), index...), ";\n"...)
	return errors.Join(
		os.WriteFile(filepath.Join(out, "page.css"), pageCSS, 0o644),
		os.WriteFile(filepath.Join(out, "search.js"), append(search, searchJS...), 0o644),
		copyFiles(filepath.Join(root, "docs"), out))
}

// readPages reads all pages, in the order of their files' names.
func readPages(root string) ([]page, error) {
	files := slices.Clone(outside)
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	for _, file := range docs {
		files = append(files, "docs/"+filepath.Base(file))
	}
	var pages []page
	for _, file := range files {
		p, readErr := readPage(root, file)
		err = errors.Join(err, readErr)
		pages = append(pages, p)
	}
	return pages, err
}

// navigationRow is a row of the README's last table: | Name | [Title](page.md), … |
var (
	navigationRow  = regexp.MustCompile(`(?m)^\| ([A-Z][a-z]+) \| (\[.*\]\(.*\)) \|$`)
	navigationLink = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
)

// readNavigation reads the README's table of pages.
func readNavigation(root string) ([]group, error) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, row := range navigationRow.FindAllStringSubmatch(string(readme), -1) {
		g := group{Name: row[1]}
		for _, found := range navigationLink.FindAllStringSubmatch(row[2], -1) {
			g.Pages = append(g.Pages, entry{found[1], address(found[2])})
		}
		groups = append(groups, g)
	}
	if len(groups) == 0 {
		return nil, errors.New("README.md has no table of pages")
	}
	return groups, nil
}

// checkLinks finds links to files and headings that do not exist.
func checkLinks(root string, pages []page) error {
	headings := map[string][]string{}
	for _, p := range pages {
		for _, s := range p.sections {
			_, anchor, _ := strings.Cut(s.Address, "#")
			headings[p.File] = append(headings[p.File], anchor)
		}
	}
	var err error
	for _, p := range pages {
		for _, l := range p.links {
			if _, statErr := os.Stat(filepath.Join(root, l.file)); statErr != nil {
				err = errors.Join(err, fmt.Errorf("%s refers to %s, which does not exist", p.File, l.file))
			} else if l.anchor != "" && !slices.Contains(headings[l.file], l.anchor) {
				err = errors.Join(err, fmt.Errorf("%s refers to %s#%s, and there is no such heading", p.File, l.file, l.anchor))
			}
		}
	}
	return err
}

// checkNavigation finds pages of docs that the navigation does not lead to.
func checkNavigation(navigation []group, pages []page) error {
	reached := map[string]bool{}
	for _, g := range navigation {
		for _, e := range g.Pages {
			reached[e.Address] = true
		}
	}
	var err error
	for _, p := range pages {
		if strings.HasPrefix(p.File, "docs/") && !reached[p.Address] {
			err = errors.Join(err, fmt.Errorf("README.md's table of pages lacks %s", p.File))
		}
	}
	return err
}

// copyFiles copies the pictures of the pages.
func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(file string, item fs.DirEntry, err error) error {
		if err != nil || item.IsDir() || strings.HasSuffix(file, ".md") {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
}
