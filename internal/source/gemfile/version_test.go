package gemfile_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

func version(t *testing.T, text string) gemfile.Version {
	v, err := gemfile.Parse(text)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return v
}

// The cases are those of RubyGems' own tests (test_gem_version.rb, test_gem_requirement.rb).
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{a: "1.0", b: "1.0.0", want: 0}, {a: "1.0", b: "1.0.a", want: 1}, {a: "1.8.2", b: "0.0.0", want: 1}, {a: "1.8.2", b: "1.8.2.a", want: 1}, {a: "1.8.2.b", b: "1.8.2.a", want: 1}, {a: "1.8.2.a", b: "1.8.2", want: -1},
		{a: "1.8.2.a10", b: "1.8.2.a9", want: 1}, {a: "0.beta.1", b: "0.0.beta.1", want: 0}, {a: "0.0.beta", b: "0.0.beta.1", want: -1}, {a: "5.a", b: "5.0.0.rc2", want: -1}, {a: "5.x", b: "5.0.0.rc2", want: 1},
		{a: "3.10.0", b: "3.9.9", want: 1}, {a: "4.0.0-preview2", b: "4.0.0", want: -1}, {a: "4.0.0-preview2", b: "4.0.0.preview2", want: -1},
	} {
		NewWithT(t).Expect(version(t, c.a).Compare(version(t, c.b))).To(Equal(c.want), c.a+" "+c.b)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		requirement, version string
		want                 bool
	}{
		{requirement: "= 1.2", version: "1.2.0", want: true}, {requirement: "!= 1.2", version: "1.3", want: true}, {requirement: "~> 1.2", version: "1.9", want: true}, {requirement: "~> 1.2", version: "2.0", want: false}, {requirement: "~> 1.2.3", version: "1.2.9", want: true}, {requirement: "~> 1.2.3", version: "1.3", want: false},
		{requirement: "~> 1", version: "1.9.9", want: true}, {requirement: "~> 1", version: "2.0", want: false}, {requirement: ">= 3.2, < 3.5", version: "3.4.5", want: true}, {requirement: ">= 3.2, < 3.5", version: "3.5.0", want: false}, {requirement: "~> 3.3.0", version: "3.3.8", want: true},
		{requirement: "3.4.5", version: "3.4.5", want: true}, {requirement: "~> 3.4", version: "3.4.0.rc1", want: false}, {requirement: "~> 4.0.0.preview1", version: "4.0.0", want: true}, {requirement: ">1.0,<=2", version: "2", want: true},
	} {
		r, err := gemfile.ParseRequirement(c.requirement)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(r.Matches(version(t, c.version))).To(Equal(c.want), c.requirement+" "+c.version)
	}
	for _, wrong := range []string{"", "=> 1", "latest", "1..2", "~>", "1,", "1.0+x"} {
		_, err := gemfile.ParseRequirement(wrong)
		NewWithT(t).Expect(err).To(HaveOccurred(), wrong)
	}
}

func FuzzRequirement(f *testing.F) {
	f.Add("~> 3.3, >= 3.3.1", "3.4.0-preview1")
	f.Fuzz(func(t *testing.T, requirement, text string) {
		r, err := gemfile.ParseRequirement(requirement)
		if err != nil {
			return
		}
		if v, err := gemfile.Parse(text); err == nil {
			r.Matches(v)
		}
	})
}
