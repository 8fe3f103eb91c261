package yarn

// Places are where a package goes: in the cache, and in the mirror.
func Places(a Archive) []string { return []string{a.folder(), a.mirrored()} }
