package compare_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/compare"
	"github.com/gantry-buildpack/gantry/internal/inspect/replay"
)

func normal(seed uint64, n int, mean, deviation float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	list := make([]float64, n)
	for i := range list {
		list[i] = mean + deviation*r.NormFloat64()
	}
	return list
}

// Of two samples of four that do not overlap, 2 of the 70 ways to divide eight values are as extreme: p is 0.029 exactly,
// and the asymptotic distribution is near that.
func TestKolmogorovSmirnov(t *testing.T) {
	g := NewWithT(t)
	distance, p := compare.KolmogorovSmirnov([]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8})
	g.Expect(distance).To(Equal(1.0))
	g.Expect(p).To(BeNumerically("~", 0.029, 0.02))
	distance, p = compare.KolmogorovSmirnov([]float64{1, 2, 3}, []float64{1, 2, 3})
	g.Expect(distance).To(BeZero())
	g.Expect(p).To(Equal(1.0))
	_, p = compare.KolmogorovSmirnov(nil, []float64{1})
	g.Expect(p).To(Equal(1.0))
	_, p = compare.KolmogorovSmirnov(normal(1, 50, 100, 5), normal(2, 50, 105, 5))
	g.Expect(p).To(BeNumerically("<", 0.01))
}

// Of samples from one distribution, about one in twenty may seem to differ.
func TestFalsePositives(t *testing.T) {
	g := NewWithT(t)
	wrong := 0
	for i := range uint64(1000) {
		if _, p := compare.KolmogorovSmirnov(normal(2*i, 50, 100, 5), normal(2*i+1, 50, 100, 5)); p < 0.05 {
			wrong++
		}
	}
	g.Expect(wrong).To(BeNumerically("~", 45, 25))
}

func measured(name string, values ...float64) replay.Measured {
	return replay.Measured{Name: name, Bytes: values, Objects: values, Microseconds: values, Processor: values}
}

func TestVerdicts(t *testing.T) {
	g := NewWithT(t)
	before := &replay.Result{Requests: []replay.Measured{
		measured("GET /same", normal(1, 50, 10_000, 50)...), measured("GET /more", normal(2, 50, 10_000, 50)...), measured("GET /less", normal(3, 50, 10_000, 50)...),
		measured("GET /little", normal(4, 50, 10_000, 2)...), measured("GET /gone", 1, 2),
	}}
	after := &replay.Result{Requests: []replay.Measured{
		measured("GET /same", normal(5, 50, 10_000, 50)...), measured("GET /more", normal(6, 50, 10_720, 50)...), measured("GET /less", normal(7, 50, 5_000, 50)...),
		// The test says that it differs, and it is too little to matter.
		measured("GET /little", normal(8, 50, 10_020, 2)...), measured("GET /new", 1, 2),
	}}
	list := compare.Results(before, after, compare.Allocations, 0.01)
	verdicts := map[string]compare.Verdict{}
	for _, c := range list {
		verdicts[c.Request] = c.Verdict
	}
	g.Expect(verdicts).To(Equal(map[string]compare.Verdict{
		"GET /same": compare.Same, "GET /more": compare.Grew, "GET /less": compare.Shrank, "GET /little": compare.Same, "GET /new": compare.Added, "GET /gone": compare.Removed,
	}))
	g.Expect(compare.Worse(list)).To(BeTrue())
	g.Expect(compare.Worse(list[:1])).To(BeFalse())
	var out bytes.Buffer
	g.Expect(compare.Text(list[1:2], compare.Allocations, &out)).To(Succeed())
	g.Expect(out.String()).To(Equal("allocations of GET /more grew by 7.0 %: 10.0 kB → 10.7 kB (p < 0.001, D = 1.00)\n"))
}

// timed is what a machine measures that needs so long for the reference: the application takes five times that.
func timed(seed uint64, reference float64) *replay.Result {
	r := measured("GET /", normal(seed, 50, 5*reference, reference/10)...)
	r.Reference = slices.Repeat([]float64{reference}, 50)
	return &replay.Result{Requests: []replay.Measured{r}}
}

// A machine that was slower the second time makes no application slower; one that was much slower tells nothing.
func TestTimes(t *testing.T) {
	slowed := timed(3, 400)
	for i := range slowed.Requests[0].Processor {
		slowed.Requests[0].Processor[i] *= 1.3
	}
	for name, c := range map[string]struct {
		before, after *replay.Result
		expected      string
	}{
		"the same":                {before: timed(1, 300), after: timed(2, 300), expected: "time of GET /: no difference"},
		"a slower machine":        {before: timed(1, 300), after: timed(2, 360), expected: "time of GET /: no difference"},
		"a faster machine":        {before: timed(1, 300), after: timed(2, 250), expected: "time of GET /: no difference"},
		"a slower application":    {before: timed(1, 400), after: slowed, expected: "time of GET / grew by 30.6 %: 1.99 ms → 2.60 ms (p < 0.001, D = 1.00)\n"},
		"another machine":         {before: timed(1, 300), after: timed(2, 468), expected: "time of GET / cannot be told: the same work took 1.56 times as long in the second measurement. Measure both again, one right after the other, on one machine.\n"},
		"a much faster machine":   {before: timed(1, 468), after: timed(2, 300), expected: "time of GET / cannot be told: the same work took 0.6"},
		"an earlier file, before": {before: &replay.Result{Requests: []replay.Measured{measured("GET /", normal(1, 50, 1500, 30)...)}}, after: timed(2, 300), expected: "time of GET /: no difference"},
		"an earlier file, after":  {before: timed(1, 300), after: &replay.Result{Requests: []replay.Measured{measured("GET /", normal(1, 50, 1500, 30)...)}}, expected: "time of GET /: no difference"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			list := compare.Results(c.before, c.after, compare.Time, compare.Time.Threshold())
			var out bytes.Buffer
			g.Expect(compare.Text(list, compare.Time, &out)).To(Succeed())
			g.Expect(out.String()).To(HavePrefix(c.expected))
			g.Expect(compare.Worse(list)).To(Equal(name == "a slower application"))
		})
	}
}
