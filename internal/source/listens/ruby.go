package listens

import (
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var (
	// pumaPort and pumaBind are lines of config/puma.rb: https://puma.io/puma/Puma/DSL.html.
	pumaPort = lazyregexp.New(`(?m)^[ \t]*port[ (]+(\S[^#\n]*)`)
	pumaBind = lazyregexp.New(`(?m)^[ \t]*bind[ (]+(\S[^#\n]*)`)
	// sinatraSet are settings of Sinatra: https://sinatrarb.com/configuration.html.
	sinatraSet  = lazyregexp.New(`(?m)^[ \t]*set[ (]+:(port|bind)\s*,\s*['"]?([\w.:]+)['"]?\s*\)?\s*$`)
	boundTo     = lazyregexp.New(`^['"](?:tcp|ssl)://([^:/'"]+|\[[^\]]+\]):(\d+)`)
	boundSocket = lazyregexp.New(`^['"]unix://([^?'"#]+)`)
	rubyNumber  = lazyregexp.New(`^(\d+)\s*\)?\s*$`)
)

// pumaFile is read by Puma itself, wherever it is started.
const pumaFile = "config/puma.rb"

// Puma gives the places in a configuration of Puma. What is in a block or behind a condition is not certain.
func Puma(a app.App) (list []Place) {
	text, found, err := a.Read(pumaFile)
	if err != nil || !found || strings.Contains(string(text), "=begin") {
		return nil
	}
	for _, m := range pumaPort().FindAllSubmatchIndex(text, -1) {
		p := Place{Variable: true}
		if n := rubyNumber().FindSubmatch(text[m[2]:m[3]]); n != nil {
			number, _ := strconv.Atoi(string(n[1]))
			p = Place{Port: number}
		}
		list = append(list, at(p, pumaFile, text, m))
	}
	for _, m := range pumaBind().FindAllSubmatchIndex(text, -1) {
		list = append(list, at(bound(string(text[m[2]:m[3]])), pumaFile, text, m))
	}
	if strings.Contains(string(text), "PORT") {
		list = append(list, Place{Variable: true})
	}
	return list
}

// Sinatra gives the places in an application of Sinatra that is started as a file.
func Sinatra(a app.App, name string) (list []Place) {
	text, found, err := a.Read(name)
	if err != nil || !found || !strings.Contains(string(text), "sinatra") || strings.Contains(string(text), "configure") || strings.Contains(string(text), "PORT") {
		return nil
	}
	for _, m := range sinatraSet().FindAllSubmatchIndex(text, -1) {
		value := string(text[m[4]:m[5]])
		number, err := strconv.Atoi(value)
		switch {
		case string(text[m[2]:m[3]]) == "port" && err == nil:
			list = append(list, at(Place{Port: number}, name, text, m))
		case string(text[m[2]:m[3]]) == "bind" && loopback(value):
			list = append(list, at(Place{Host: value, Variable: true}, name, text, m))
		}
	}
	return list
}

// bound says what a line "bind" opens.
func bound(address string) Place {
	if m := boundSocket().FindStringSubmatch(address); m != nil {
		return Place{Socket: m[1]}
	}
	m := boundTo().FindStringSubmatch(address)
	if m == nil {
		return Place{Variable: true}
	}
	number, _ := strconv.Atoi(m[2])
	p := Place{Port: number}
	if loopback(m[1]) {
		p.Host = m[1]
	}
	return p
}

func at(p Place, name string, text []byte, m []int) Place {
	start := m[0] + len(text[m[0]:m[1]]) - len(strings.TrimLeft(string(text[m[0]:m[1]]), " \t"))
	p.Text, p.Where = strings.TrimSpace(string(text[start:m[1]])), problem.At(name, text, start)
	return p
}
