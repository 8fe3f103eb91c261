package profile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Report is Node.js' diagnostic report, https://nodejs.org/api/report.html, as tables.
type Report struct {
	Event   string
	Facts   [][2]string
	Stack   []string
	Spaces  []Space
	Handles []Handle
}

// Space is a part of JavaScript's heap, in bytes.
type Space struct {
	Name                      string
	Used, Available, Capacity int64
}

// Handle is a kind of what the event loop waits for.
type Handle struct {
	Kind          string
	Count, Active int
}

func readReport(text []byte) (*Report, error) {
	var d struct {
		Header struct {
			Event, Trigger, DumpEventTime, NodejsVersion, Arch, Platform, Host, OSName, OSRelease string
			ProcessID                                                                             int
			CommandLine                                                                           []string
		}
		JavascriptStack struct {
			Message string
			Stack   []string
		}
		JavascriptHeap struct {
			TotalMemory, UsedMemory, MemoryLimit, ExternalMemory int64
			HeapSpaces                                           map[string]struct{ Used, Available, Capacity int64 }
		}
		ResourceUsage struct {
			UserCPUSeconds, KernelCPUSeconds float64
		}
		Libuv []struct {
			Type     string
			IsActive bool `json:"is_active"`
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	r := &Report{Event: d.Header.Event}
	fact := func(name, value string) {
		if value != "" {
			r.Facts = append(r.Facts, [2]string{name, value})
		}
	}
	fact("Event", d.Header.Event)
	fact("Trigger", d.Header.Trigger)
	fact("Time", d.Header.DumpEventTime)
	fact("Node.js", strings.TrimSpace(d.Header.NodejsVersion+" "+d.Header.Platform+" "+d.Header.Arch))
	fact("Process", fmt.Sprintf("%d on %s", d.Header.ProcessID, d.Header.Host))
	fact("Command", strings.Join(d.Header.CommandLine, " "))
	fact("Heap", fmt.Sprintf("%s of at most %s used, %s outside of it", Size(d.JavascriptHeap.UsedMemory), Size(d.JavascriptHeap.MemoryLimit), Size(d.JavascriptHeap.ExternalMemory)))
	fact("CPU", fmt.Sprintf("%.1f s in the program, %.1f s in the kernel", d.ResourceUsage.UserCPUSeconds, d.ResourceUsage.KernelCPUSeconds))
	// A report that was asked for has the stack of asking.
	if d.JavascriptStack.Message != "" && d.JavascriptStack.Message != "No stack." && !strings.Contains(d.JavascriptStack.Message, "ERR_SYNTHETIC") {
		r.Stack = append(r.Stack, d.JavascriptStack.Message)
		r.Stack = append(r.Stack, d.JavascriptStack.Stack...)
	}
	for name, s := range d.JavascriptHeap.HeapSpaces {
		r.Spaces = append(r.Spaces, Space{name, s.Used, s.Available, s.Capacity})
	}
	slices.SortFunc(r.Spaces, func(a, b Space) int { return strings.Compare(a.Name, b.Name) })
	kinds := map[string]*Handle{}
	for _, h := range d.Libuv {
		if kinds[h.Type] == nil {
			kinds[h.Type] = &Handle{Kind: h.Type}
		}
		kinds[h.Type].Count++
		if h.IsActive {
			kinds[h.Type].Active++
		}
	}
	for _, h := range kinds {
		r.Handles = append(r.Handles, *h)
	}
	slices.SortFunc(r.Handles, func(a, b Handle) int { return strings.Compare(a.Kind, b.Kind) })
	return r, nil
}

// Size gives bytes for people: three digits and a unit of 1000.
func Size(bytes int64) string {
	value, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for ; (value >= 1000 || value <= -1000) && i < len(units)-1; i++ {
		value /= 1000
	}
	if i == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.3g %s", value, units[i])
}
