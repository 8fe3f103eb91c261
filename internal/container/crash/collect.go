package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// Collector turns what processes leave in a folder into records.
type Collector struct {
	// Reports is the folder; empty: nothing is left anywhere.
	Reports string
	Store   Store
	// Redactor gives what takes secrets out of a record; it is called once, when there is a first record.
	Redactor func() redact.Redactor
	// Limit is the container's memory in bytes, 0 for no limit.
	Limit func() int64
	// Program is the number of the application's own process, 0 when it is not known: others are its children.
	Program int
	// Kills counts the processes of the container that the kernel has ended for want of memory.
	Kills func() int
	// Log is told of every crash.
	Log io.Writer

	redactor func() redact.Redactor
	// collecting is held while files are taken and read.
	collecting sync.Mutex
	lock       sync.Mutex
	latest     []Record
	kills      int
}

// settle is how long a runtime may take to finish writing: into its report, and into the log.
const settle = 200 * time.Millisecond

// Watch collects whenever a file in the folder is complete, and whenever the kernel has ended a process of the container:
// a crash of one worker is told while the others run. It returns at once.
func (c *Collector) Watch() {
	c.redactor = sync.OnceValue(c.Redactor)
	c.kills = c.Kills()
	if c.Reports == "" {
		return
	}
	// What an earlier start of the container left is kept, and is not this one's end.
	c.Collect()
	c.lock.Lock()
	c.latest = nil
	c.lock.Unlock()
	watch(c.Reports, func() {
		time.Sleep(settle)
		c.Collect()
		c.collectKills()
	})
}

// Collect makes records of all that there is. What cannot be read is dropped when its process has ended, and the log is
// told. Nothing in the folder is trusted: the application can write there.
func (c *Collector) Collect() {
	if c.Reports == "" {
		return
	}
	// Who comes second waits for the first, and then finds what that has made of the files.
	c.collecting.Lock()
	defer c.collecting.Unlock()
	entries, _ := os.ReadDir(c.Reports)
	// What a process says of its own end comes before what its parent knows.
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int {
		return rank(a.Name()) - rank(b.Name())
	})
	for _, entry := range entries {
		left, ok := leftBy(entry.Name())
		if !ok {
			continue
		}
		text, err := c.claim(entry.Name(), left.pid)
		if text == nil && err == nil {
			continue
		}
		var record Record
		if err == nil {
			record, err = left.read(c.secretless(left, text))
		}
		switch {
		case err != nil:
			c.say("what process %d left of its end cannot be read, and is dropped: %v", left.pid, err)
		case record.Kind == "":
		default:
			if record.Time = time.Now(); record.PID == 0 {
				record.PID = left.pid
			}
			c.keep(record)
		}
	}
}

// claim takes a file out of the folder, where its process can no longer change it, and gives what it holds. It gives nothing when the
// file is gone, or when its process is still writing.
func (c *Collector) claim(name string, pid int) ([]byte, error) {
	file := filepath.Join(c.Reports, name)
	taken := filepath.Join(c.Reports, ".taken-"+name)
	if os.Rename(file, taken) != nil {
		return nil, nil
	}
	text, err := readRegular(taken)
	if err == nil && strings.HasSuffix(name, ".json") && !json.Valid(text) {
		if _, gone := os.Stat("/proc/" + strconv.Itoa(pid)); gone == nil {
			_ = os.Rename(taken, file)
			return nil, nil
		}
	}
	return text, errors.Join(err, os.RemoveAll(taken))
}

// secretless gives a file's text without secrets, before it is divided into lines: a key may have several.
func (c *Collector) secretless(l left, text []byte) []byte {
	if l.json {
		if clean, err := c.redact().JSON(text); err == nil {
			return clean
		}
		// Its reader says what is wrong with it.
		return text
	}
	return []byte(c.redact().Text(string(text)))
}

func (c *Collector) redact() redact.Redactor {
	if c.redactor == nil {
		return c.Redactor()
	}
	return c.redactor()
}

// RubyReport is the name of the file that Ruby leaves in the folder; it puts the process's number into it.
const RubyReport = "ruby-%p.crash"

// left is a file of the folder.
type left struct {
	pid  int
	json bool
	read func([]byte) (Record, error)
}

// leftBy tells what a file is by its name: exception-PID.json, child-PID-PARENT.json, Ruby's ruby-PID.crash, or Node.js'
// report.DATE.TIME.PID.THREAD.NUMBER.json. Others, such as memory-PID.json, are no crash.
func leftBy(name string) (left, bool) {
	if digits, ok := cutBoth(name, "ruby-", ".crash"); ok {
		pid, err := strconv.Atoi(digits)
		return left{pid: pid, read: FromRuby}, err == nil
	}
	if digits, ok := cutBoth(name, "exception-", ".json"); ok {
		pid, err := strconv.Atoi(digits)
		return left{pid: pid, json: true, read: FromException}, err == nil
	}
	if digits, ok := cutBoth(name, "child-", ".json"); ok {
		_, parent, _ := strings.Cut(digits, "-")
		pid, err := strconv.Atoi(parent)
		return left{pid: pid, json: true, read: FromChild}, err == nil
	}
	if fields := strings.Split(name, "."); len(fields) == 7 && fields[0] == "report" && fields[6] == "json" {
		pid, err := strconv.Atoi(fields[3])
		return left{pid: pid, json: true, read: FromReport}, err == nil
	}
	return left{}, false
}

func rank(name string) int {
	if strings.HasPrefix(name, "child-") {
		return 1
	}
	return 0
}

func cutBoth(name, prefix, suffix string) (string, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, suffix)
}

// collectKills makes a record of a process that the kernel has ended for want of memory, and that no other process has
// told of: the application itself goes on, without one of its workers.
func (c *Collector) collectKills() {
	now := c.Kills()
	c.lock.Lock()
	more := now - c.kills
	c.kills = now
	for _, r := range c.latest {
		if r.Kind == ContainerLimit && time.Since(r.Time) < recent {
			more--
		}
	}
	c.lock.Unlock()
	if more > 0 {
		c.keep(Record{Time: time.Now(), Kind: ContainerLimit, Message: fmt.Sprintf("the kernel ended a process of the container: its memory of %s was used up", mebibytes(c.Limit()))})
	}
}

// outOfMemory is part of what Node.js writes when it ends since its heap is full: "FATAL ERROR: Reached heap limit Allocation failed -
// JavaScript heap out of memory".
const outOfMemory = "JavaScript heap out of memory"

// Killed makes a record of a process that a signal ended, unless it left one itself. output is what the program wrote last
// to its standard error.
func (c *Collector) Killed(pid int, command string, kind Kind, message, output string) {
	c.Collect()
	if r := c.Last(); r != nil && r.PID == pid {
		return
	}
	r := Record{Time: time.Now(), Kind: kind, PID: pid, Command: command, Message: message}
	r.addOutput(c.redact().Text(output))
	if kind == Signal && strings.Contains(output, outOfMemory) {
		// Its report was not written, or not to the end: the memory for that may have been missing.
		r.Kind, r.Message = HeapLimit, "the application's heap was full"
	}
	c.keep(r)
}

// Last gives the record of this start's last crash, nil when there was none.
func (c *Collector) Last() *Record {
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(c.latest) == 0 {
		return nil
	}
	return &c.latest[len(c.latest)-1]
}

// recent is how long a record stands for the same end, seen a second time: by its parent, and by itself.
const recent = 5 * time.Second

func (c *Collector) keep(r Record) {
	if c.Reports != "" {
		memory := filepath.Join(c.Reports, fmt.Sprintf("memory-%d.json", r.PID))
		if text, err := readRegular(memory); err == nil {
			r.addMemory(text)
			_ = os.Remove(memory)
		}
	}
	r.Memory.Limit = c.Limit()
	if r.child && r.Kind == Signal && r.signal == syscall.SIGKILL {
		// Whoever sends this signal knows why; the kernel does it for want of memory.
		if c.Kills() <= c.kills {
			return
		}
		r.Kind = ContainerLimit
		r.Message = fmt.Sprintf("the kernel ended a child process, %d: the container's memory of %s was used up", r.PID, mebibytes(r.Memory.Limit))
	}
	if c.Program != 0 && r.PID != c.Program {
		child := fmt.Sprintf("a child process, %d,", r.PID)
		r.Message = strings.NewReplacer("the application ended", child+" ended", "the application's heap", "the heap of "+child, "ended the application", "ended "+strings.TrimSuffix(child, ",")).Replace(r.Message)
	}
	r = r.without(c.redact()).bounded()
	c.lock.Lock()
	for _, other := range c.latest {
		if r.child && other.PID == r.PID && r.Time.Sub(other.Time) < recent {
			c.lock.Unlock()
			return
		}
	}
	c.latest = append(c.latest[max(0, len(c.latest)-MaxRecords):], r)
	c.lock.Unlock()
	name, err := c.Store.Save(r)
	if r.Kind == HeapLimit || r.Kind == ContainerLimit {
		// Node.js itself says next to nothing of it.
		_, _ = io.WriteString(c.Log, r.Summary())
	}
	if err != nil {
		c.say("%s; it is not kept: %v", r.Message, err)
		return
	}
	c.say("%s; more of it: gantry crash show %s", r.Message, name)
}

func (c *Collector) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(c.Log, "gantry: %s\n", problem.Visible(fmt.Sprintf(format, arguments...)))
}
