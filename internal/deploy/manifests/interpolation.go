package manifests

import (
	"errors"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
)

// interpolate replaces ${NAME} and its forms, as compose does: https://docs.docker.com/reference/compose-file/interpolation/. What comes from the
// shell is not shown.
func (c composed) interpolate(text string) Value {
	var v Value
	// $$ stands for a $, and refers to nothing.
	references := strings.ReplaceAll(text, "$$", "")
	lookup := func(name string) (string, bool) {
		value, set := c.shell[name]
		v.Secret = v.Secret || set
		// In ${NAME:-default} another value stands for it; alone, nothing does.
		if !set && regexp.MustCompile(`\$(?:`+regexp.QuoteMeta(name)+`\b|\{`+regexp.QuoteMeta(name)+`\})`).MatchString(references) {
			v.From = "the shell that starts compose"
		}
		return value, set
	}
	result, err := template.SubstituteWithOptions(text, lookup, template.WithoutLogging)
	if missing, is := errors.AsType[*template.MissingRequiredError](err); is {
		v.From = "the shell that starts compose, which must set " + missing.Variable
	} else if err != nil {
		v.From = "a text that compose does not understand"
	}
	if v.From == "" {
		v.Text = result
	}
	return v
}
