// Package aptfile reads which packages of the distribution an application asks for in the ways of Heroku: the file Aptfile
// (https://github.com/heroku/heroku-buildpack-apt) and a table of project.toml (https://github.com/heroku/buildpacks-deb-packages).
package aptfile

import (
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// File is the name of the file.
const File = "Aptfile"

// table is the table of project.toml.
const table = "com.heroku.buildpacks.deb-packages"

// Asked are packages that an application asks for.
type Asked struct {
	// Names are those of the packages, each perhaps with "=VERSION".
	Names []string
	// Where they are asked for; empty where none are.
	Where problem.Position
	// NotHonoured are what is asked for and cannot be had, for people.
	NotHonoured []string
}

// Read reads the table, or else the file.
func Read(a app.App) (Asked, error) {
	asked, err := readTable(a)
	if err != nil || asked.Where.File != "" {
		if a.Has(File) {
			asked.NotHonoured = append(asked.NotHonoured, File+" is not read: "+asked.Where.String()+" says which packages there are")
		}
		return asked, err
	}
	text, found, err := a.Read(File)
	if err != nil || !found {
		return Asked{}, err
	}
	asked.Where = problem.Position{File: File}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		n++
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, ":repo:") || strings.Contains(word, "://") || strings.HasSuffix(word, ".deb") {
				asked.NotHonoured = append(asked.NotHonoured, fmt.Sprintf("%s:%d: %s is not honoured: packages come from the distribution's own archive", File, n, strings.TrimSpace(line)))
				break
			}
			asked.Names = append(asked.Names, word)
		}
	}
	return asked, nil
}

// readTable reads what the table's key install has: names, or tables with a name.
func readTable(a app.App) (Asked, error) {
	other, where, err := projecttoml.Other(a, table)
	if err != nil || other == nil {
		return Asked{}, err
	}
	asked := Asked{Where: where}
	not := func(text string) {
		asked.NotHonoured = append(asked.NotHonoured, fmt.Sprintf("%s: %s", where, text))
	}
	list, isList := other["install"].([]any)
	if tables, are := other["install"].([]map[string]any); are {
		isList = true
		for _, table := range tables {
			list = append(list, table)
		}
	}
	if !isList && other["install"] != nil {
		not("install is not honoured: a list is expected")
	}
	for _, item := range list {
		switch item := item.(type) {
		case string:
			asked.Names = append(asked.Names, item)
		case map[string]any:
			name, _ := item["name"].(string)
			if name == "" {
				not("an entry of install without a name is not honoured")
				continue
			}
			asked.Names = append(asked.Names, name)
			if item["skip_dependencies"] == true {
				not("skip_dependencies of " + name + " is not honoured: a package gets what it depends on")
			}
			if item["force"] == true {
				not("force of " + name + " is not honoured: a package that the run image has is not installed again")
			}
		default:
			not(fmt.Sprintf("%v in install is not honoured: a name is expected", item))
		}
	}
	if other["sources"] != nil {
		not("sources is not honoured: packages come from the distribution's own archive")
	}
	return asked, nil
}
