package compare

import "github.com/gantry-buildpack/gantry/internal/inspect/replay"

// steady is how much slower or faster a machine may have been in one measurement than in the other for times to be
// compared: what is beyond hits an application's work and that of the reference differently.
const steady = 1.25

// speed is how long work that is always the same took in a measurement, in microseconds: 0 when that is not known.
func speed(r *replay.Result) float64 {
	var references []float64
	for _, one := range r.Requests {
		references = append(references, one.Reference...)
	}
	median, _, _ := replay.Median(references)
	return median
}

// atSpeed gives a request's processor times as they would be on a machine that needs so long for the reference.
func atSpeed(r replay.Measured, speed float64) []float64 {
	if len(r.Reference) != len(r.Processor) || speed == 0 {
		return r.Processor
	}
	values := make([]float64, len(r.Processor))
	for i, v := range r.Processor {
		values[i] = v / max(r.Reference[i], 1) * speed
	}
	return values
}
