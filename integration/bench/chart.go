package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// chart draws, for every row with a rival, how many times better Gantry is, as an SVG picture. The scale is logarithmic:
// twice as good is as far from equal as half as good.
func (b *bench) chart() string {
	const left, width, height, gap = 260, 420, 18, 8
	var bars strings.Builder
	y, most := 40, 2.0
	for _, r := range b.rows {
		if r.Ratio != nil {
			most = max(most, *r.Ratio)
		}
	}
	for _, r := range b.rows {
		if r.Ratio == nil {
			continue
		}
		length := 0.0
		if *r.Ratio > 1 {
			length = width * math.Log(*r.Ratio) / math.Log(most)
		}
		fmt.Fprintf(&bars, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+13, html.EscapeString(r.Name))
		fmt.Fprintf(&bars, `<rect x="%d" y="%d" width="%.1f" height="%d" rx="2"><title>%s</title></rect>`, left, y, max(2, length), height, html.EscapeString(r.What))
		fmt.Fprintf(&bars, `<text x="%.1f" y="%d">%.1f ×</text>`, left+max(2, length)+6, y+13, *r.Ratio)
		bars.WriteByte('\n')
		y += height + gap
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 %d" font-family="sans-serif" font-size="12">
<style>svg { background: #fff; fill: #222 } rect { fill: #2f6fb0 } @media (prefers-color-scheme: dark) { svg { background: #16181c; fill: #ddd } rect { fill: #6aa7e8 } }</style>
<text x="%d" y="22" font-size="14">How many times better than the rival (logarithmic)</text>
%s</svg>
`, y+10, left, bars.String())
}
