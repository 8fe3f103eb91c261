package lockfile_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// What npm has left out of a lockfile for this platform is noticed, and never what is for other platforms.
func TestVariantsThatAreMissing(t *testing.T) {
	for name, c := range map[string]struct {
		optional, there string
		libc            string
		want            string
	}{
		"sharp":             {optional: "@img/sharp-darwin-arm64 @img/sharp-linux-x64 @img/sharp-linuxmusl-x64", there: "@img/sharp-darwin-arm64", want: "@img/sharp-linux-x64"},
		"sharp on musl":     {optional: "@img/sharp-darwin-arm64 @img/sharp-linux-x64 @img/sharp-linuxmusl-x64", there: "@img/sharp-darwin-arm64 @img/sharp-linux-x64", libc: "musl", want: "@img/sharp-linuxmusl-x64"},
		"Rollup":            {optional: "@rollup/rollup-win32-x64-msvc @rollup/rollup-linux-x64-gnu @rollup/rollup-linux-x64-musl", there: "@rollup/rollup-win32-x64-msvc", want: "@rollup/rollup-linux-x64-gnu"},
		"sass-embedded":     {optional: "sass-embedded-darwin-x64 sass-embedded-linux-musl-x64 sass-embedded-linux-x64", there: "sass-embedded-darwin-x64", want: "sass-embedded-linux-x64"},
		"@parcel/watcher":   {optional: "@parcel/watcher-darwin-x64 @parcel/watcher-linux-x64-glibc", there: "@parcel/watcher-darwin-x64", want: "@parcel/watcher-linux-x64-glibc"},
		"all there":         {optional: "@esbuild/linux-x64 @esbuild/darwin-arm64", there: "@esbuild/linux-x64 @esbuild/darwin-arm64"},
		"only this one":     {optional: "@esbuild/linux-x64 @esbuild/darwin-arm64", there: "@esbuild/linux-x64"},
		"none is installed": {optional: "@esbuild/linux-x64 @esbuild/darwin-arm64"},
		"another processor": {optional: "@esbuild/linux-arm64 @esbuild/darwin-arm64", there: "@esbuild/darwin-arm64"},
		"no variants":       {optional: "fsevents bufferutil", there: "bufferutil"},
	} {
		t.Run(name, func(t *testing.T) {
			var optional, packages []string
			for pkg := range strings.FieldsSeq(c.optional) {
				optional = append(optional, fmt.Sprintf("%q: \"1\"", pkg))
			}
			for pkg := range strings.FieldsSeq(c.there) {
				packages = append(packages, fmt.Sprintf("%q: {\"version\": \"1.0.0\", \"optional\": true}", "node_modules/"+pkg))
			}
			packages = append(packages, fmt.Sprintf(`"node_modules/a": {"version": "1.0.0", "optionalDependencies": {%s}}`, strings.Join(optional, ", ")))
			text := fmt.Sprintf(`{"packages": {%s}}`, strings.Join(packages, ", "))
			on := lockfile.Platform{OS: "linux", CPU: "x64", Libc: "glibc"}
			if c.libc != "" {
				on.Libc = c.libc
			}
			g := lockfile.Read("package-lock.json", []byte(text), nil, on)
			var want []lockfile.Lacking
			if c.want != "" {
				want = []lockfile.Lacking{{By: "node_modules/a", Name: c.want}}
			}
			NewWithT(t).Expect(g.Lacks).To(Equal(want))
		})
	}
}
