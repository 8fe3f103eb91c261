package pnpm

// List is where a package's list of files is in a store.
func List(p Package) string { return p.list() }
