// Command site makes the documentation's site and pictures: scripts/site.sh, scripts/pictures.sh.
//
//	site SOURCE FOLDER     the pages of a checkout as HTML, with a search, into FOLDER
//	site --terminal TITLE  a terminal's output, from standard input, as an SVG picture
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: site SOURCE FOLDER, or site --terminal TITLE")
		os.Exit(2)
	}
	var err error
	if os.Args[1] == "--terminal" {
		err = draw(os.Args[2])
	} else {
		err = makeSite(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

func draw(title string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(picture(title, string(text)))
	return err
}
