package observe_test

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
)

func TestPeriod(t *testing.T) {
	from := time.Date(2026, 11, 29, 23, 59, 58, 500e6, time.UTC)
	took := observe.Period{From: from, To: from.Add(4 * time.Second)}
	inside := from.Add(3 * time.Second)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.ModTime = inside
	_ = w.Close()
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"nothing":                 {text: "const x = 1"},
		"ISO 8601":                {text: `built: "` + inside.Format(time.RFC3339Nano) + `"`, want: true},
		"ISO 8601 at the start":   {text: from.Format(time.RFC3339), want: true},
		"ISO 8601 with a space":   {text: from.Format(time.DateTime), want: true},
		"ISO 8601 in a zone":      {text: inside.In(time.FixedZone("", 3600)).Format(time.RFC3339), want: true},
		"ISO 8601 far away":       {text: from.In(time.FixedZone("", 14*3600)).Format(time.RFC3339), want: true},
		"Ruby's":                  {text: inside.Format("2006-01-02 15:04:05 -0700"), want: true},
		"another time of the day": {text: from.Add(-time.Hour).Format(time.RFC3339)},
		"the day alone":           {text: "2026-11-29"},
		"to the minute":           {text: from.Format("2006-01-02 15:04"), want: true},
		"another minute":          {text: from.Add(-2 * time.Minute).Format("2006-01-02 15:04")},
		"of date":                 {text: inside.Format("Mon Jan _2 15:04:05 MST 2006"), want: true},
		"of mail":                 {text: inside.Format("Mon, 02 Jan 2006 15:04:05 -0700"), want: true},
		"digits":                  {text: "v" + inside.Format("20060102150405"), want: true},
		"digits with a T":         {text: inside.Format("20060102T150405Z"), want: true},
		"with slashes":            {text: from.Format("02/01/2006 15:04:05"), want: true},
		"toLocaleString":          {text: from.Format("1/2/2006, 3:04:05 PM"), want: true},
		"ctime":                   {text: from.Format(time.ANSIC), want: true},
		"JavaScript's":            {text: inside.Format("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"), want: true},
		"HTTP's":                  {text: "Date: " + inside.Format("Mon, 02 Jan 2006 15:04:05 GMT"), want: true},
		"seconds":                 {text: strconv.FormatInt(inside.Unix(), 10), want: true},
		"milliseconds":            {text: "t=" + strconv.FormatInt(inside.UnixMilli(), 10) + ";", want: true},
		"microseconds":            {text: strconv.FormatInt(inside.UnixMicro(), 10), want: true},
		"Ruby's seconds":          {text: strconv.FormatFloat(float64(inside.UnixMilli())/1000, 'f', 3, 64), want: true},
		"part of a number":        {text: "9" + strconv.FormatInt(inside.Unix(), 10)},
		"a longer number":         {text: strconv.FormatInt(inside.Unix(), 10) + "77"},
		"other seconds":           {text: strconv.FormatInt(inside.Unix()+60, 10)},
		"gzip":                    {text: zipped.String(), want: true},
		"many beginnings":         {text: "2026-11-29 2026-11-29T 17963 2026-11-29T23:59:59Z", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(took.In([]byte(c.text))).To(Equal(c.want))
		})
	}
}

func FuzzPeriod(f *testing.F) {
	f.Add([]byte("2026-11-29T23:59:59Z"))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00"))
	took := observe.Period{From: time.Unix(1796000000, 0), To: time.Unix(1796000004, 0)}
	f.Fuzz(func(_ *testing.T, text []byte) { took.In(text) })
}
