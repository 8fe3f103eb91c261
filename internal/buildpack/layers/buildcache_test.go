package layers

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// The oldest files of a cache go first.
func TestCachesAreBounded(t *testing.T) {
	g := NewWithT(t)
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	files := func() []cached {
		return []cached{{"old", 40, at(1)}, {"new", 50, at(3)}, {"middle", 30, at(2)}}
	}
	for limit, want := range map[int64][]string{1000: {"new", "middle", "old"}, 120: {"new", "middle", "old"}, 119: {"new", "middle"}, 50: {"new"}, 0: {}} {
		kept, left := within(files(), limit)
		names := []string{}
		for _, f := range kept {
			names = append(names, f.name)
		}
		g.Expect(names).To(Equal(want))
		g.Expect(left).To(Equal(3 - len(want)))
	}
}
