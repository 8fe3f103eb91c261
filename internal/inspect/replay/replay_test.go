package replay_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/replay"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func TestParseList(t *testing.T) {
	g := NewWithT(t)
	list, err := replay.ParseList("requests.txt", strings.NewReader(`# what people ask for most
GET /repos
GET https://shop.example/repos?page=2 HTTP/1.1
accept: text/html

### order
POST /orders
Content-Type: application/json

{"item": 1,

 "note": "# no remark"}

###
GET /repos
`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(list).To(Equal([]replay.Request{
		{Name: "GET /repos", Method: "GET", Path: "/repos", Headers: map[string]string{}},
		{Name: "GET /repos?page=2", Method: "GET", Path: "/repos?page=2", Headers: map[string]string{"Accept": "text/html"}},
		{Name: "order", Method: "POST", Path: "/orders", Headers: map[string]string{"Content-Type": "application/json"}, Body: "{\"item\": 1,\n\n \"note\": \"# no remark\"}"},
		{Name: "GET /repos (2)", Method: "GET", Path: "/repos", Headers: map[string]string{}},
	}))
}

func TestListsThatAreNone(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{text: "# nothing\n", want: "requests.txt: there is no request in it: a request is a line such as GET /repos [requests/none]"},
		{text: "GET /\n\nFETCH /x\n", want: `requests.txt:3: the line "FETCH /x" is not understood: a request is a line such as GET /repos, then headers such as Accept: text/html; a body needs a header Content-Type before it [requests/not-understood]`},
	} {
		_, err := replay.ParseList("requests.txt", strings.NewReader(c.text))
		NewWithT(t).Expect(problem.As(err).Error()).To(Equal(c.want))
	}
}

func TestMedian(t *testing.T) {
	g := NewWithT(t)
	var values []float64
	for i := range 100 {
		values = append(values, float64(100-i))
	}
	median, low, high := replay.Median(values)
	g.Expect([]float64{median, low, high}).To(Equal([]float64{50.5, 41, 60}))
	median, low, high = replay.Median([]float64{7})
	g.Expect([]float64{median, low, high}).To(Equal([]float64{7, 7, 7}))
}

func FuzzParseList(f *testing.F) {
	f.Add("GET /a\nAccept: b\n\n###x\nPOST /\nContent-Type: y\n\nbody")
	f.Add("### \n//\r\nGET\t/ HTTP/1.1\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := replay.ParseList("x", strings.NewReader(text))
		if (err == nil) != (len(list) > 0) {
			t.Fatal(list, err)
		}
		for _, r := range list {
			if !strings.HasPrefix(r.Path, "/") || r.Name == "" {
				t.Fatal(r)
			}
		}
	})
}
