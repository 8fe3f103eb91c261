package rubyprofile_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
)

const lines = `f	1	Labels.for	/app/labels.rb	5
f	2	Array#map	<cfunc>	0
c	3	String
k	1	2:0 1:6
k	2	1:0
s	3	2	200	8000	20000	32000000	1	1
s	0	1	100	8000	10000	64000000	0	2
s	3	1	50	2000	2500	4000000	1	1
n
f	1	#<Class:0x00007f78f8219e40>#_app_views_repos_index_html_erb___2450187113371113376_8120	/app/index.html.erb	1
k	1	1:3
s	0	1	1	40	1	1600	0	1
e	2000000	1500000	4	0	0	SEEN	0
r	1	10	90000	GET ReposController#index
`

func TestFromLines(t *testing.T) {
	g := NewWithT(t)
	d, err := rubyprofile.FromLines(rubyprofile.Allocations, strings.NewReader(strings.Replace(lines, "SEEN", "351", 1)))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.Functions).To(Equal([]rubyprofile.Function{
		{Name: "Labels.for", File: "/app/labels.rb", Line: 5}, {Name: "Array#map"}, {Name: "#<Class>#_app_views_repos_index_html_erb", File: "/app/index.html.erb", Line: 1},
	}))
	g.Expect(d.Taken).To(Equal(5))
	told := func(d *rubyprofile.Document) (list []string) {
		for _, s := range d.Samples {
			list = append(list, fmt.Sprint(s.Stack, s.Class, s.Request, s.Objects, s.Bytes, s.Squares, s.ByteSquares))
		}
		return list
	}
	g.Expect(told(d)).To(Equal([]string{"[1 0 0 6] 0 0 250 10000 22500 3.6e+07", "[0 0] -1 -1 100 8000 10000 6.4e+07", "[2 3] -1 -1 1 40 1 1600"}))
	g.Expect(rubyprofile.Error(250, 22500)).To(BeNumerically("~", 1.96*150/250))
	counted, err := rubyprofile.FromLines(rubyprofile.Allocations, strings.NewReader(strings.Replace(lines, "SEEN", "702", 1)))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(told(counted)).To(Equal([]string{"[1 0 0 6] 0 0 500 20000 90000 1.44e+08", "[0 0] -1 -1 200 16000 40000 2.56e+08", "[2 3] -1 -1 2 80 4 6400"}), "the samples stand for all that was counted")
	g.Expect(d.Requests).To(Equal([]rubyprofile.Request{{Name: "GET ReposController#index", Count: 10, Microseconds: 90000}}))
	g.Expect(d.Calls(d.Samples[0])[0]).To(Equal(rubyprofile.Call{Function: rubyprofile.Function{Name: "Array#map"}, File: "/app/labels.rb", Line: 6}))
	g.Expect(d.Calls(d.Samples[1])[0].Line).To(Equal(5), "a line that Ruby does not know is the function's first")

	var out bytes.Buffer
	g.Expect(d.Write(&out)).To(Succeed())
	again, err := rubyprofile.Parse(out.Bytes())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(told(again)).To(Equal(told(d)))
	g.Expect(again.Seen).To(Equal(int64(351)))
}

func TestWhatIsNotWhole(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{text: "f	1	a	b	1\n", want: "unexpected EOF"},
		{text: "k	1	1:0\ne	1	1	0	0	0	1	0\n", want: "read what the process sent: a stack names a function that was not told"},
		{text: "s	0	1	1	40	1	1600	0	1\n", want: "read what the process sent: a sample names a stack that was not told"},
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
