package lockfile

import "strings"

// Conflict gives the first line of a file, from 1, that Git has left there as a mark of a conflict, and 0 where there is none:
// https://git-scm.com/docs/git-merge#_how_conflicts_are_presented. Both ends have to be there.
func Conflict(text string) (line int) {
	first, number := 0, 0
	for text := range strings.Lines(text) {
		number++
		if strings.HasPrefix(text, "<<<<<<< ") && first == 0 {
			first = number
		}
		if strings.HasPrefix(text, ">>>>>>> ") && first > 0 {
			return first
		}
	}
	return 0
}
