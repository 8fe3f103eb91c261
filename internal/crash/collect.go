package crash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Collector turns what processes leave in a folder into records.
type Collector struct {
	// Reports is the folder; empty: nothing is left anywhere.
	Reports string
	Store   Store
	// Environ and Secrets say what must not be kept: the environment, and the names of its variables that are declared
	// as secret.
	Environ []string
	Secrets func() []string
	// Limit is the container's memory in bytes, 0 for no limit.
	Limit func() int64
	// Log is told of every crash.
	Log io.Writer

	lock   sync.Mutex
	values []string
	last   *Record
}

// settle is how long a runtime is left alone with its last words.
const settle = 200 * time.Millisecond

// Watch collects whenever a file in the folder is complete: a crash of one worker is told while the others run. It
// returns at once.
func (c *Collector) Watch() {
	if c.Reports == "" {
		return
	}
	// What an earlier start of the container left is kept, and is not this one's end.
	c.Collect()
	c.lock.Lock()
	c.last = nil
	c.lock.Unlock()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		// What is left is collected when the application ends.
		return
	}
	if _, err := unix.InotifyAddWatch(fd, c.Reports, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO); err != nil {
		_ = unix.Close(fd)
		return
	}
	go func() {
		events := make([]byte, 16<<10)
		for {
			if _, err := unix.Read(fd, events); err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
			// The runtime may still be writing its own words into the log.
			time.Sleep(settle)
			c.Collect()
		}
	}()
}

// Collect makes records of all that there is. What cannot be read is dropped when its process has ended, and the log is
// told.
func (c *Collector) Collect() {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.Reports == "" {
		return
	}
	entries, _ := os.ReadDir(c.Reports)
	for _, entry := range entries {
		file := filepath.Join(c.Reports, entry.Name())
		pid, read := parts(entry.Name())
		if read == nil {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		record, err := read(text)
		if err != nil {
			if _, alive := os.Stat("/proc/" + strconv.Itoa(pid)); alive != nil {
				c.say("what process %d left of its end cannot be read, and is dropped: %v", pid, err)
				_ = os.Remove(file)
			}
			continue
		}
		if record.Time = time.Now(); record.PID == 0 {
			record.PID = pid
		}
		c.keep(record)
		_ = os.Remove(file)
	}
}

// RubyReport is the name of the file that Ruby leaves in the folder; it puts the process's number into it.
const RubyReport = "ruby-%p.crash"

// parts tells what a file of the folder is: exception-PID.json, Ruby's ruby-PID.crash, or Node.js'
// report.DATE.TIME.PID.THREAD.NUMBER.json.
func parts(name string) (pid int, read func([]byte) (Record, error)) {
	if digits, ok := strings.CutPrefix(strings.TrimSuffix(name, ".crash"), "ruby-"); ok && strings.HasSuffix(name, ".crash") {
		pid, _ = strconv.Atoi(digits)
		return pid, FromRuby
	}
	if digits, ok := strings.CutPrefix(strings.TrimSuffix(name, ".json"), "exception-"); ok && strings.HasSuffix(name, ".json") {
		pid, _ = strconv.Atoi(digits)
		return pid, FromException
	}
	if fields := strings.Split(name, "."); len(fields) == 7 && fields[0] == "report" && fields[6] == "json" {
		pid, _ = strconv.Atoi(fields[3])
		return pid, FromReport
	}
	return 0, nil
}

// Killed makes a record of a process that a signal ended, unless it left word of its end itself.
func (c *Collector) Killed(pid int, command string, kind Kind, message string) {
	c.Collect()
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.last != nil && c.last.PID == pid {
		return
	}
	c.keep(Record{Time: time.Now(), Kind: kind, PID: pid, Command: command, Message: message})
}

// Last gives the record of this process's last crash, nil when there was none.
func (c *Collector) Last() *Record {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.last
}

func (c *Collector) keep(r Record) {
	memory := filepath.Join(c.Reports, fmt.Sprintf("memory-%d.json", r.PID))
	if text, err := os.ReadFile(memory); err == nil && c.Reports != "" {
		r.addMemory(text)
		_ = os.Remove(memory)
	}
	r.Memory.Limit = c.Limit()
	if c.values == nil {
		c.values = secrets(c.Environ, c.Secrets())
	}
	r = r.without(c.values)
	c.last = &r
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
	_, _ = fmt.Fprintf(c.Log, "gantry: "+format+"\n", arguments...)
}
