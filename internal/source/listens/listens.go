// Package listens finds where an application listens, as far as its source tells for certain: a platform gives each container a PORT, and asks for
// answers there, from outside.
package listens

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Place is a place in the source that opens a port.
type Place struct {
	// Port is the number that is written there; 0 where any free one is taken. Free says which of both.
	Port int
	Free bool
	// Host is the address, when it is one that only the container itself reaches; empty for all others.
	Host string
	// unnamed says that Host is what the framework takes when no address is named.
	unnamed bool
	// Socket is the path of a Unix socket, in place of a port.
	Socket string
	// Variable says that the port comes from PORT, or from where the source does not tell.
	Variable bool
	// Text is the call, as it is written, and Where its place.
	Text  string
	Where problem.Position
}

// loopback are addresses that nobody reaches from outside: RFC 6890.
func loopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1" || host == "[::1]"
}

// signs are in each text that opens a port: most files have none, and are passed over in no time.
var signs = [][]byte{[]byte("listen"), []byte("serve("), []byte("Server("), []byte(".server("), []byte("export default"), []byte(".lift(")}

// Find gives the places in files of JavaScript, in the order of their names.
func Find(a app.App, files map[string]bool) []Place {
	var list []Place
	for _, name := range slices.Sorted(maps.Keys(files)) {
		// What cannot be read is not certain.
		text, _, _ := a.Read(name)
		if slices.ContainsFunc(signs, func(sign []byte) bool { return bytes.Contains(text, sign) }) {
			list = append(list, ofJavaScript(name, text)...)
		}
	}
	return list
}

// Doubts tell what of the places certainly keeps a platform from reaching the application. Where one of several opens the port that it is told to,
// the others are for something else.
func Doubts(places []Place) []Place {
	reached := func(p Place) bool { return p.Variable && p.Host == "" }
	if slices.ContainsFunc(places, reached) {
		return nil
	}
	return places
}

// String says what is wrong with a place, and what to write there.
func (p Place) String() string {
	number := cmp.Or(p.Port, 8080)
	read := fmt.Sprintf("process.env.PORT || %d", number)
	ruby := strings.HasSuffix(p.Where.File, ".rb")
	if ruby {
		read = fmt.Sprintf(`ENV.fetch("PORT", %d) on 0.0.0.0`, number)
	}
	where := p.Where.String() + " has " + p.Text + ": "
	switch {
	case p.Socket != "":
		return where + "the application listens on a socket in the file system, and a platform asks at PORT: listen on PORT, as " + read
	case p.Host != "":
		open := "listen on 0.0.0.0, or leave the address out"
		switch {
		case ruby:
			open = "listen on 0.0.0.0, as " + read
		case p.unnamed:
			open = "name the address 0.0.0.0, as host: '0.0.0.0'"
		}
		return where + "only the container itself reaches " + p.Host + ", and nothing from outside does: " + open
	case p.Free:
		return where + "without a port it listens on any that is free, and a platform asks at PORT: name it, as " + read
	}
	return where + fmt.Sprintf("the port is always %d, and most platforms say by PORT which one they ask at: let it be read, as %s", p.Port, read)
}
