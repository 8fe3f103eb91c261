package htmlreport_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
)

var update = flag.Bool("update", false, "write the screenshots of the docs")

// browser opens a page in a headless Chromium, and collects what it complains of and what it asks the network for.
func browser(t *testing.T, p htmlreport.Page) (ctx context.Context, complaints func() []string) {
	g := NewWithT(t)
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	if program == "" {
		t.Skip("not tested in a browser: there is no chromium on PATH")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	out, err := os.Create(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(p.HTML(out)).To(Succeed())
	g.Expect(out.Close()).To(Succeed())

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 900), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	var lock sync.Mutex
	var list []string
	g.Expect(chromedp.Listen(ctx, func(event any) {
		lock.Lock()
		defer lock.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			list = append(list, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			list = append(list, "console: "+string(e.Type))
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "file://"+file) && !strings.HasPrefix(e.Request.URL, "data:") {
				list = append(list, "request: "+e.Request.URL)
			}
		}
	})).To(Succeed())
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	_, err = chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (cdp.Empty, error) {
		_, err := cdp.Call(ctx, target, runtime.Enable, cdp.Empty{})
		return cdp.Empty{}, errors.Join(err, second(cdp.Call(ctx, target, network.Enable, network.EnableParams{})))
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(chromedp.Do(ctx, chromedp.Navigate("file://"+file))).To(Succeed())
	return ctx, func() []string {
		lock.Lock()
		defer lock.Unlock()
		return list
	}
}

func second[T any](_ T, err error) error { return err }

// text gives what a part of the page says.
func text(t *testing.T, ctx context.Context, selector string) string {
	out, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out
}

func screenshot(t *testing.T, ctx context.Context, name string) {
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(len(picture)).To(BeNumerically(">", 10_000), "something is drawn")
	if *update {
		NewWithT(t).Expect(os.WriteFile(filepath.Join("../../../docs/images", name), picture, 0o644)).To(Succeed())
	}
}

// large is a CPU profile of a million samples, with as many functions as a real application has.
func large() string {
	var nodes, samples, deltas strings.Builder
	nodes.WriteString(`{"id":1,"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"children":[2,3]},{"id":2,"callFrame":{"functionName":"(idle)","url":"","lineNumber":-1}}`)
	names := []string{"handle", "route", "render", "query", "serialize", "parseBody", "authorize", "formatPrice"}
	files := []string{"/workspace/src/server.ts", "/workspace/node_modules/express/lib/router/index.js", "/workspace/src/views/order.ts", "/workspace/node_modules/pg/lib/client.js", "node:internal/streams"}
	const count = 20_000
	for id := 3; id < count; id++ {
		var children []string
		for _, child := range []int{id*2 - 2, id*2 - 1} {
			if child > id && child < count {
				children = append(children, fmt.Sprint(child))
			}
		}
		fmt.Fprintf(&nodes, `,{"id":%d,"callFrame":{"functionName":%q,"url":"file://%s","lineNumber":%d},"children":[%s]}`,
			id, names[id%len(names)], files[id%len(files)], id%400, strings.Join(children, ","))
	}
	for i := range 1_000_000 {
		if i > 0 {
			samples.WriteByte(',')
			deltas.WriteByte(',')
		}
		fmt.Fprint(&samples, 2+(i*i)%(count-2))
		deltas.WriteString("100")
	}
	return `{"nodes":[` + nodes.String() + `],"startTime":0,"endTime":1,"samples":[` + samples.String() + `],"timeDeltas":[` + deltas.String() + `]}`
}

func capture(t *testing.T, name, content string) *profile.Capture {
	c, err := profile.Read(name, strings.NewReader(content))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return c
}

// The page of a million samples: it is drawn, zooms by click and key, finds, sorts, and asks nobody for anything.
func TestFlameGraph(t *testing.T) {
	g := NewWithT(t)
	ctx, complaints := browser(t, htmlreport.Of(capture(t, "slow.cpuprofile", large())))
	g.Expect(text(t, ctx, "h1")).To(Equal("CPU profile: slow.cpuprofile"))
	g.Expect(text(t, ctx, "#facts")).To(ContainSubstring("Samples\n1000000"))
	g.Expect(text(t, ctx, "#status")).To(HavePrefix("all "))
	screenshot(t, ctx, "report-cpu.png")

	// The second row has what was called first: it fills nearly the whole width.
	g.Expect(second(chromedp.Run(ctx, chromedp.Evaluate[any](`{ const box = document.getElementById('canvas').getBoundingClientRect()
		document.getElementById('canvas').dispatchEvent(new MouseEvent('click', { clientX: box.left + 40, clientY: box.top + 50, bubbles: true })) }`)))).To(Succeed())
	zoomed := text(t, ctx, "#status")
	g.Expect(zoomed).To(MatchRegexp(`^\w+ — /workspace/|node:`))
	g.Expect(text(t, ctx, "#reset")).To(Equal("Show all (Esc)"))
	g.Expect(chromedp.Do(ctx, chromedp.Focus(chromedp.CSS("#canvas")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))).To(Succeed())
	g.Expect(text(t, ctx, "#status")).NotTo(Equal(zoomed))
	g.Expect(chromedp.Do(ctx, chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape))).To(Succeed())

	g.Expect(chromedp.Do(ctx, chromedp.KeyEvent("/"), chromedp.KeyEvent("express"))).To(Succeed())
	g.Expect(text(t, ctx, "#matched")).To(MatchRegexp(`^\d+ functions, \d+\.\d %$`))

	// A click on a column's name sorts by it.
	first := chromedp.Evaluate[string](`document.querySelector('tbody td.number').textContent`)
	before, err := chromedp.Run(ctx, first)
	g.Expect(err).NotTo(HaveOccurred())
	column := chromedp.Click(chromedp.CSS("th.number button"))
	g.Expect(chromedp.Do(ctx, column, column)).To(Succeed())
	after, err := chromedp.Run(ctx, first)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(after).NotTo(Equal(before))
	g.Expect(complaints()).To(BeEmpty())
}

func TestPagesOfOtherCaptures(t *testing.T) {
	const heap = `{"head":{"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"selfSize":0,"children":[
		{"callFrame":{"functionName":"remember","url":"file:///workspace/src/cache.ts","lineNumber":11},"selfSize":%d,"children":[]},
		{"callFrame":{"functionName":"parse","url":"file:///workspace/node_modules/qs/lib/parse.js","lineNumber":40},"selfSize":%d,"children":[]}]},"samples":[]}`
	before, after := capture(t, "before", fmt.Sprintf(heap, 1_000_000, 500_000)), capture(t, "after", fmt.Sprintf(heap, 9_000_000, 400_000))
	diff, err := htmlreport.Diff(before, after)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	report := capture(t, "report.json", `{"header":{"event":"Allocation failed - JavaScript heap out of memory","trigger":"OOMError","nodejsVersion":"v24.18.0","commandLine":["node","</script><script>console.log(1)</script>"]},
		"javascriptStack":{"message":"Error: <b>no</b>","stack":["at a (b.js:1:2)"]},"javascriptHeap":{"usedMemory":1,"memoryLimit":2,"heapSpaces":{"old_space":{"used":1000000}}},"libuv":[{"type":"tcp","is_active":true}]}`)
	for name, c := range map[string]struct {
		page htmlreport.Page
		want []string
	}{
		"a heap profile": {page: htmlreport.Of(after), want: []string{"remember", "9.00 MB", "qs"}},
		"two":            {page: diff, want: []string{"+8.00 MB", "-100 kB"}},
		"a report":       {page: htmlreport.Of(report), want: []string{"OOMError", "</script><script>console.log(1)</script>", "Error: <b>no</b>", "old_space", "1.00 MB"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ctx, complaints := browser(t, c.page)
			body := text(t, ctx, "body")
			for _, want := range c.want {
				g.Expect(body).To(ContainSubstring(want))
			}
			if name == "two" {
				screenshot(t, ctx, "report-diff.png")
			}
			g.Expect(chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#theme")))).To(Succeed())
			g.Expect(complaints()).To(BeEmpty())
		})
	}
}

// The text says the same, in a terminal.
func TestText(t *testing.T) {
	g := NewWithT(t)
	var out strings.Builder
	g.Expect(htmlreport.Of(capture(t, "after.heapprofile", `{"head":{"callFrame":{"functionName":"(root)"},"children":[{"callFrame":{"functionName":"remember","url":"file:///workspace/src/cache.ts","lineNumber":11},"selfSize":9000000}]},"samples":[{}]}`)).Text(&out)).To(Succeed())
	g.Expect(out.String()).To(Equal(`Heap profile: after.heapprofile
  Allocated and in use  9 MB
  Samples               1

Functions
  Function  Where                       Self   Self %  Total  Total %
  remember  /workspace/src/cache.ts:12  9 MB  100.0 %   9 MB  100.0 %

Packages
  Package                    Self   Self %  Total  Total %
  application: src/cache.ts  9 MB  100.0 %   9 MB  100.0 %
`))
}
