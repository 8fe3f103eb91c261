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
		{"1.0", "1.0.0", 0}, {"1.0", "1.0.a", 1}, {"1.8.2", "0.0.0", 1}, {"1.8.2", "1.8.2.a", 1}, {"1.8.2.b", "1.8.2.a", 1}, {"1.8.2.a", "1.8.2", -1},
		{"1.8.2.a10", "1.8.2.a9", 1}, {"0.beta.1", "0.0.beta.1", 0}, {"0.0.beta", "0.0.beta.1", -1}, {"5.a", "5.0.0.rc2", -1}, {"5.x", "5.0.0.rc2", 1},
		{"3.10.0", "3.9.9", 1}, {"4.0.0-preview2", "4.0.0", -1}, {"4.0.0-preview2", "4.0.0.preview2", -1},
	} {
		NewWithT(t).Expect(version(t, c.a).Compare(version(t, c.b))).To(Equal(c.want), c.a+" "+c.b)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		requirement, version string
		want                 bool
	}{
		{"= 1.2", "1.2.0", true}, {"!= 1.2", "1.3", true}, {"~> 1.2", "1.9", true}, {"~> 1.2", "2.0", false}, {"~> 1.2.3", "1.2.9", true}, {"~> 1.2.3", "1.3", false},
		{"~> 1", "1.9.9", true}, {"~> 1", "2.0", false}, {">= 3.2, < 3.5", "3.4.5", true}, {">= 3.2, < 3.5", "3.5.0", false}, {"~> 3.3.0", "3.3.8", true},
		{"3.4.5", "3.4.5", true}, {"~> 3.4", "3.4.0.rc1", false}, {"~> 4.0.0.preview1", "4.0.0", true}, {">1.0,<=2", "2", true},
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
