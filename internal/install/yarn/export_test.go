package yarn

// Places are where a package goes: in the cache, and in the mirror.
func Places(a Archive) []string { return []string{a.folder(), a.mirrored()} }

// Place is where a package's archive goes in the cache.
func Place(l Locator) string { return l.file() }
