//go:build !bundle

package bundle

// archived is empty: the tools lie next to the program.
var archived []byte
