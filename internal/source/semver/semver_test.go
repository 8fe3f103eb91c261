package semver_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// The table was written by node-semver (testdata/generate.js): what npm accepts, Gantry accepts, and nothing else.
func TestAgreesWithNodeSemver(t *testing.T) {
	var table struct {
		Versions, Sorted []string
		Cases            []struct {
			Range string
			Valid bool
			Match []string
		}
	}
	content, err := os.ReadFile("testdata/node-semver.json")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(json.Unmarshal(content, &table)).To(Succeed())

	for _, c := range table.Cases {
		t.Run(c.Range, func(t *testing.T) {
			g := NewWithT(t)
			r, err := semver.ParseRange(c.Range)
			if !c.Valid {
				g.Expect(err).To(HaveOccurred())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			matched := []string{}
			for _, text := range table.Versions {
				v, err := semver.Parse(text)
				g.Expect(err).NotTo(HaveOccurred())
				if r.Matches(v) {
					matched = append(matched, text)
				}
			}
			g.Expect(matched).To(Equal(c.Match))
		})
	}

	t.Run("order", func(t *testing.T) {
		sorted := slices.Clone(table.Versions)
		slices.SortStableFunc(sorted, func(a, b string) int {
			v, _ := semver.Parse(a)
			w, _ := semver.Parse(b)
			return v.Compare(w)
		})
		NewWithT(t).Expect(sorted).To(Equal(table.Sorted))
	})
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"v1.2.3":             "1.2.3",
		"1.2.3-rc.1+build.5": "1.2.3-rc.1",
		" 1.2.3 ":            "1.2.3",
	} {
		v, err := semver.Parse(text)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), text)
		NewWithT(t).Expect(v.String()).To(Equal(want))
	}
	for _, text := range []string{"", "1", "1.2", "01.2.3", "1.2.3-01", "1.2.3.4", "9007199254740992.0.0"} {
		_, err := semver.Parse(text)
		NewWithT(t).Expect(err).To(HaveOccurred(), text)
	}
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"^1.2.3-beta || 2 - 3", "~> 1.x", ">=", "9007199254740993"} {
		f.Add(seed)
	}
	v, _ := semver.Parse("1.2.3")
	f.Fuzz(func(_ *testing.T, text string) {
		if r, err := semver.ParseRange(text); err == nil {
			r.Matches(v)
		}
	})
}
