package localbuild

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// notedFile is in an application's cache: what builds have written for people, such as an archive of the image or a timeline.
const notedFile = "written.json"

// noted is such a file. One that was changed since is somebody else's.
type noted struct {
	File     string `json:"file"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"`
}

// stands reports whether it is still what a build has written: a file that was not changed, or a folder that is an image.
func (n noted) stands() bool {
	info, err := os.Stat(n.File)
	if err == nil && info.IsDir() {
		_, err = os.Stat(filepath.Join(n.File, "oci-layout"))
		return err == nil
	}
	return err == nil && info.Size() == n.Size && info.ModTime().UnixNano() == n.Modified
}

// NoteWritten remembers a file, or a folder, that was written for people: later builds leave it out where it is in the application's folder.
func NoteWritten(cache, file string) error {
	whole, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(whole)
	if err != nil {
		return problem.Unreadable("look at "+file, err)
	}
	list := slices.DeleteFunc(readNoted(cache), func(n noted) bool { return n.File == whole })
	text, err := json.Marshal(append(list, noted{whole, info.Size(), info.ModTime().UnixNano()}))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(cache, notedFile), text, 0o644); err != nil {
		return problem.Disk("write into the cache", err)
	}
	return nil
}

// readNoted gives what is remembered; nothing where that is damaged, since it only spares room.
func readNoted(cache string) (list []noted) {
	text, err := os.ReadFile(filepath.Join(cache, notedFile))
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list
}

// written are the places that this build writes to, and the files that earlier ones have written. They may be in the application's folder, as CI caches are: the
// build must not see them there.
func (o Options) written() []string {
	places := []string{o.Cache, o.Home, o.Output}
	for _, n := range readNoted(o.Cache) {
		if n.stands() {
			places = append(places, n.File)
		}
	}
	var list []string
	for _, place := range places {
		if place == "" {
			continue
		}
		if real, err := filepath.EvalSymlinks(place); err == nil {
			place = real
		}
		list = append(list, place)
	}
	return list
}
