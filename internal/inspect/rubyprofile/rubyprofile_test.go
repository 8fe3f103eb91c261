package rubyprofile_test

import (
	"bytes"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
)

const lines = `f	1	Labels.for	/app/labels.rb	5
f	2	Array#map	<cfunc>	0
c	3	String
s	3	40	1	2:0 1:6
s	3	40	1	2:0 1:6
s	0	80	0	1:0
p	300
s	3	40	1	2:0 1:6
p	50
n
f	1	#<Class:0x00007f78f8219e40>#_app_views_repos_index_html_erb___2450187113371113376_8120	/app/index.html.erb	1
s	0	40	0	1:3
p	1
e	2000000	1500000	4	0	0
r	1	10	90000	GET ReposController#index
`

func TestFromLines(t *testing.T) {
	g := NewWithT(t)
	d, err := rubyprofile.FromLines(rubyprofile.Allocations, strings.NewReader(lines))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Functions).To(Equal([]rubyprofile.Function{
		{Name: "Labels.for", File: "/app/labels.rb", Line: 5}, {Name: "Array#map"}, {Name: "#<Class>#_app_views_repos_index_html_erb", File: "/app/index.html.erb", Line: 1},
	}))
	g.Expect(d.Samples).To(Equal([]rubyprofile.Sample{
		{Stack: []int{1, 0, 0, 6}, Class: 0, Request: 0, Objects: 250, Bytes: 10000},
		{Stack: []int{0, 0}, Class: -1, Request: -1, Objects: 100, Bytes: 8000},
		{Stack: []int{2, 3}, Class: -1, Request: -1, Objects: 1, Bytes: 40},
	}))
	g.Expect(d.Requests).To(Equal([]rubyprofile.Request{{Name: "GET ReposController#index", Count: 10, Microseconds: 90000}}))
	g.Expect(d.Calls(d.Samples[0])[0]).To(Equal(rubyprofile.Call{Function: rubyprofile.Function{Name: "Array#map"}, File: "/app/labels.rb", Line: 6}))
	g.Expect(d.Calls(d.Samples[1])[0].Line).To(Equal(5), "a line that Ruby does not know is the function's first")

	var out bytes.Buffer
	g.Expect(d.Write(&out)).To(Succeed())
	again, err := rubyprofile.Parse(out.Bytes())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(d))
}

func TestWhatIsNotWhole(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{text: "f	1	a	b	1\n", want: "unexpected EOF"},
		{text: "s	0	40	0	1:0\ne	1	1	0	0	0\n", want: "read what the process sent: a sample names a function that was not told"},
		{text: "x	1\n", want: "read what the process sent: a line has too few fields"},
	} {
		_, err := rubyprofile.FromLines(rubyprofile.CPU, strings.NewReader(c.text))
		NewWithT(t).Expect(err).To(MatchError(c.want))
	}
}

func FuzzFromLines(f *testing.F) {
	f.Add(lines)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := rubyprofile.FromLines(rubyprofile.Allocations, strings.NewReader(text))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := d.Write(&out); err != nil {
			t.Fatal(err)
		}
		if _, err := rubyprofile.Parse(out.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}
