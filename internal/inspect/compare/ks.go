// Package compare tells whether two measurements of the same requests differ, and by how much.
package compare

import (
	"math"
	"slices"
)

// KolmogorovSmirnov is the two-sample test: distance is the largest difference between the two empirical distribution
// functions, and p the probability of at least that much if both samples came from one distribution. p is that of the
// asymptotic distribution with Stephens' correction for small samples (Press et al., Numerical Recipes, 14.3); values that
// occur several times make it too large, never too small.
func KolmogorovSmirnov(a, b []float64) (distance, p float64) {
	if len(a) == 0 || len(b) == 0 {
		return 0, 1
	}
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		at := min(a[i], b[j])
		for i < len(a) && a[i] <= at {
			i++
		}
		for j < len(b) && b[j] <= at {
			j++
		}
		distance = max(distance, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n := math.Sqrt(float64(len(a)) * float64(len(b)) / float64(len(a)+len(b)))
	return distance, kolmogorov((n + 0.12 + 0.11/n) * distance)
}

// kolmogorov is the probability that Kolmogorov's statistic is larger than x.
func kolmogorov(x float64) float64 {
	if x < 0.2 {
		// The series converges slowly here, and its value is 1 to 15 digits.
		return 1
	}
	sum, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		term := math.Exp(-2 * k * k * x * x)
		sum += sign * term
		if sign = -sign; term < 1e-16 {
			break
		}
	}
	return min(1, max(0, 2*sum))
}
