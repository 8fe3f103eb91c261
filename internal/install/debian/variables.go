package debian

import (
	"debug/elf"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Variables are what programs need to find what Overlay has unpacked: lists of folders, as PATH is one, by variable.
type Variables struct {
	// Lists are put before what a variable has already, Values set where it is not.
	Lists  map[string][]string
	Values map[string]string
}

// Folders are those of the variables that programs for building need, before Overlay has made any of them.
func Folders(dir, arch string) map[string][]string {
	in := func(names ...string) (list []string) {
		for _, name := range names {
			list = append(list, filepath.Join(dir, name))
		}
		return list
	}
	libraries := in("usr/lib/"+tripletOf(arch), "usr/lib")
	return map[string][]string{
		"PATH": in("usr/bin", "usr/sbin"), "LD_LIBRARY_PATH": libraries, "LIBRARY_PATH": libraries,
		"CPATH": in("usr/include/"+tripletOf(arch), "usr/include"), "PKG_CONFIG_PATH": in("usr/lib/"+tripletOf(arch)+"/pkgconfig", "usr/share/pkgconfig"),
	}
}

// Libraries gives the names of the shared libraries in a folder of packages.
func Libraries(dir string) []string {
	names := map[string]bool{}
	_ = filepath.WalkDir(filepath.Join(dir, "usr/lib"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(e.Name(), ".so.") {
			names[e.Name()] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names))
}

// VariablesOf gives the variables for a folder of packages; building: those of compilers, too.
func VariablesOf(dir, arch string, building bool) Variables {
	v := Variables{Lists: map[string][]string{}, Values: map[string]string{}}
	add := func(variable string, patterns ...string) {
		for _, pattern := range patterns {
			// The patterns are right.
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			v.Lists[variable] = append(v.Lists[variable], found...)
		}
	}
	set := func(variable, pattern string) {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
			v.Values[variable] = found[0]
		}
	}
	triplet := tripletOf(arch)
	add("PATH", "usr/bin", "usr/sbin", "usr/games")
	v.Lists["LD_LIBRARY_PATH"] = libraryPath(dir, arch)
	add("PERL5LIB", "usr/lib/"+triplet+"/perl5/[0-9]*", "usr/share/perl5", "usr/lib/"+triplet+"/perl/[0-9]*", "usr/share/perl/[0-9]*", "usr/lib/"+triplet+"/perl-base")
	add("GI_TYPELIB_PATH", "usr/lib/"+triplet+"/girepository-1.0")
	add("GS_LIB", "usr/share/ghostscript/*/Resource/Init", "usr/share/ghostscript/*/lib")
	set("FONTCONFIG_PATH", "etc/fonts")
	set("MAGICK_CONFIGURE_PATH", "etc/ImageMagick-*")
	set("MAGICK_CODER_MODULE_PATH", "usr/lib/"+triplet+"/ImageMagick-*/modules-*/coders")
	set("MAGICK_CODER_FILTER_PATH", "usr/lib/"+triplet+"/ImageMagick-*/modules-*/filters")
	set("GIT_EXEC_PATH", "usr/lib/git-core")
	set("GIT_TEMPLATE_DIR", "usr/share/git-core/templates")
	set("MAGIC", "usr/lib/file/magic.mgc")
	set("ESPEAK_DATA_PATH", "usr/lib/"+triplet+"/espeak-ng-data")
	set("TESSDATA_PREFIX", "usr/share/tesseract-ocr/*/tessdata")
	if building {
		add("CPATH", "usr/include/"+triplet, "usr/include")
		add("LIBRARY_PATH", "usr/lib/"+triplet, "usr/lib")
		add("PKG_CONFIG_PATH", "usr/lib/"+triplet+"/pkgconfig", "usr/share/pkgconfig")
	}
	maps.DeleteFunc(v.Lists, func(_ string, folders []string) bool { return len(folders) == 0 })
	return v
}

func tripletOf(arch string) string {
	return map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[arch]
}

// libraryPath gives the folders of libraries that programs in a folder of packages are linked with: the usual ones, and private
// ones, which programs know by their place in the root of the file system.
func libraryPath(dir, arch string) []string {
	usual := []string{filepath.Join(dir, "usr/lib", tripletOf(arch)), filepath.Join(dir, "usr/lib")}
	places, needed := map[string]string{}, map[string]bool{}
	_ = filepath.WalkDir(filepath.Join(dir, "usr"), func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		name := e.Name()
		if strings.Contains(name, ".so") {
			if slices.Contains(usual, filepath.Dir(file)) || places[name] == "" {
				places[name] = filepath.Dir(file)
			}
		} else if !strings.Contains(filepath.Dir(file), "/bin") && !strings.Contains(filepath.Dir(file), "/libexec") {
			return nil
		}
		if program, err := elf.Open(file); err == nil {
			libraries, _ := program.ImportedLibraries()
			for _, library := range libraries {
				needed[library] = true
			}
			_ = program.Close()
		}
		return nil
	})
	private := map[string]bool{}
	for library := range needed {
		if place := places[library]; place != "" && !slices.Contains(usual, place) {
			private[place] = true
		}
	}
	list := slices.DeleteFunc(usual, func(folder string) bool {
		libraries, _ := filepath.Glob(filepath.Join(folder, "*.so*"))
		return len(libraries) == 0
	})
	return append(list, slices.Sorted(maps.Keys(private))...)
}
