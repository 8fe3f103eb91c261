package htmlreport_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
)

// axe-core, which looks for what keeps people from using a page: https://github.com/dequelabs/axe-core.
const (
	axeVersion   = "4.14.1"
	axeIntegrity = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

// axe gives its script, from the npm registry.
var axe = sync.OnceValues(func() (string, error) {
	registry := strings.TrimSuffix(cmp.Or(os.Getenv("GANTRY_NPM_REGISTRY"), "https://registry.npmjs.org"), "/")
	response, err := http.Get(fmt.Sprintf("%s/axe-core/-/axe-core-%s.tgz", registry, axeVersion))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	archive, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	sum := sha512.Sum512(archive)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != axeIntegrity {
		return "", fmt.Errorf("axe-core %s is %s, and not %s", axeVersion, got, axeIntegrity)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			return "", err
		}
		if header.Name == "package/axe.min.js" {
			script, err := io.ReadAll(files)
			return string(script), err
		}
	}
})

// finding is a rule that a page breaks.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML string }
}

// examine runs axe-core in a page, and gives what it finds.
func examine(t *testing.T, ctx context.Context) []finding {
	g := NewWithT(t)
	script, err := axe()
	if err != nil {
		t.Skipf("not examined by axe-core, which cannot be had: %v", err)
	}
	const start = `; window.found = ''; axe.run(document, { resultTypes: ['violations'] }).then(r => { window.found = JSON.stringify(r.violations) }, e => { window.found = 'failed: ' + e }); ''`
	g.Expect(second(chromedp.Run(ctx, chromedp.Evaluate[any](script+start)))).To(Succeed())
	var text string
	g.Eventually(func() string {
		text, err = chromedp.Run(ctx, chromedp.Evaluate[string]("window.found"))
		g.Expect(err).NotTo(HaveOccurred())
		return text
	}, 30*time.Second, 50*time.Millisecond).ShouldNot(BeEmpty())
	var list []finding
	g.Expect(json.Unmarshal([]byte(text), &list)).To(Succeed(), text)
	return list
}

// phone makes the page as small as a phone's.
func phone(ctx context.Context) error {
	_, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (cdp.Empty, error) {
		return cdp.Empty{}, second(cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 375, Height: 740, DeviceScaleFactor: 2, Mobile: true}))
	})
	return err
}

// Every kind of page can be used by everybody: on a desktop and on a phone, light and dark, axe-core finds nothing, and nothing is wider than the
// screen.
func TestEverybodyCanUseThePages(t *testing.T) {
	const heap = `{"head":{"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"selfSize":0,"children":[
		{"callFrame":{"functionName":"remember","url":"file:///workspace/src/a/long/way/down/in/the/tree/cache.ts","lineNumber":11},"selfSize":%d,"children":[]}]},"samples":[]}`
	before, after := capture(t, "before", fmt.Sprintf(heap, 1_000_000)), capture(t, "after", fmt.Sprintf(heap, 9_000_000))
	diff, err := htmlreport.Diff(before, after)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	snapshot := capture(t, "a.heapsnapshot", `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["object"]],"edge_fields":["type","name_or_index","to_node"]},
		"node_count":1,"edge_count":0},"nodes":[0,0,1,16,0],"edges":[],"strings":["Order"]}`)
	report := capture(t, "report.json", `{"header":{"event":"x","trigger":"Exception","nodejsVersion":"v24.18.0","commandLine":["node","/workspace/dist/apps/a-very-long-name-of-an-application/main.js"]},
		"javascriptStack":{"message":"Error: no","stack":["at placeOrder (/workspace/src/a/long/way/down/in/the/tree/orders.ts:1:2)"]},"javascriptHeap":{"usedMemory":1,"memoryLimit":2,"heapSpaces":{"old_space":{"used":1000000}}},"libuv":[{"type":"tcp","is_active":true}]}`)
	timeline := htmlreport.Page{Title: "Timeline of a build", Facts: [][2]string{{"Took", "1 s"}}, Timeline: &htmlreport.Timeline{Total: 1000, Rows: []htmlreport.Bar{
		{Subject: "Build", Name: "npm run build", Start: 1, Took: 500, Critical: true}, {Subject: "Layer", Name: "modules", Start: 500, Took: 400, Background: true}, {Subject: "Packages", Name: "600 installed", Start: 0, Took: 990},
	}}}
	distributions := htmlreport.Page{Title: "Comparison", Distributions: []htmlreport.Distribution{{Title: "GET /", Kind: "bytes", Before: []float64{1, 2, 3}, After: []float64{2, 3, 4}}}}
	for name, page := range map[string]htmlreport.Page{
		"a profile": htmlreport.Of(capture(t, "slow.cpuprofile", small)), "two profiles": diff, "a snapshot": htmlreport.Of(snapshot), "a report": htmlreport.Of(report), "a timeline": timeline, "distributions": distributions,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ctx, complaints := browser(t, page)
			for _, screen := range []string{"desktop", "phone"} {
				if screen == "phone" {
					g.Expect(phone(ctx)).To(Succeed())
				}
				for _, theme := range []string{"light", "dark"} {
					g.Expect(second(chromedp.Run(ctx, chromedp.Evaluate[any](`if (!document.documentElement.dataset.theme) document.documentElement.dataset.theme = 'dark'; while (document.documentElement.dataset.theme !== '`+theme+`') document.getElementById('theme').click(); ''`)))).To(Succeed())
					for _, f := range examine(t, ctx) {
						t.Errorf("%s, %s: %s (%s): %s\n%v", screen, theme, f.ID, f.Impact, f.Help, f.Nodes)
					}
				}
				width, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(width).To(BeNumerically("<=", 0), screen+": something is wider than the screen")
			}
			if name == "a profile" {
				screenshot(t, ctx, "report-phone.png")
			}
			g.Expect(complaints()).To(BeEmpty())
		})
	}
}

// small is a profile of a few functions.
const small = `{"nodes":[{"id":1,"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"children":[2]},{"id":2,"callFrame":{"functionName":"handle","url":"file:///workspace/src/server.ts","lineNumber":3},"children":[3,4]},
	{"id":3,"callFrame":{"functionName":"query","url":"file:///workspace/node_modules/pg/lib/client.js","lineNumber":40}},{"id":4,"callFrame":{"functionName":"render","url":"file:///workspace/src/views/order.ts","lineNumber":7}}],
	"startTime":0,"endTime":1,"samples":[2,3,3,4,4,4],"timeDeltas":[100,100,100,100,100,100]}`
