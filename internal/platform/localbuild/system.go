package localbuild

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// programs are the folders with this machine's programs and libraries: what a build image has.
var programs = []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr"}

// fromEtc are the files and folders of /etc that builds need, and no others: certificates, how names are found, which of several programs
// is meant, where libraries are. Nothing there is anybody's secret.
var fromEtc = []string{
	"ssl/certs", "ssl/openssl.cnf", "ca-certificates", "ca-certificates.conf", "pki/tls", "pki/ca-trust", "crypto-policies",
	"resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf", "protocols", "services",
	"alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
	"localtime", "timezone", "mime.types", "magic", "fonts", "ImageMagick-6", "ImageMagick-7", "python3", "perl", "java", "java-17-openjdk", "java-21-openjdk", "debian_version", "os-release",
}

// shown are what runtimes read of the machine: its processors, and the limits of memory and processors; and the list of the distribution's
// packages, by which a build knows what it need not install.
var shown = []string{"/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage", "/var/lib/dpkg/status"}

// addSystem shows the sandbox this machine's programs, as a build image has them, and next to nothing of the machine itself: no sockets
// of services (/run), no devices, none of the secrets of /etc. etc are files that stand in the place of the machine's.
func addSystem(spec *sandbox.Spec, etc map[string]string) {
	spec.Links = map[string]string{}
	for _, name := range programs {
		info, err := os.Lstat(name)
		if err != nil {
			continue
		}
		if info.Mode()&os.ModeSymlink != 0 {
			if target, err := os.Readlink(name); err == nil {
				spec.Links[name] = target
			}
			continue
		}
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: name, Target: name, ReadOnly: true})
	}
	spec.Mounts = append(spec.Mounts, sandbox.Mount{Target: "/run"}, sandbox.Mount{Target: "/etc", ReadOnly: true}, sandbox.Mount{Target: "/sys", ReadOnly: true})
	for name, source := range etc {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: source, Target: "/etc/" + name, ReadOnly: true})
	}
	for _, name := range fromEtc {
		// A link such as that of resolv.conf leads to places that are not shown.
		if file, err := filepath.EvalSymlinks("/etc/" + name); err == nil && etc[name] == "" {
			spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: file, Target: "/etc/" + name, ReadOnly: true})
		}
	}
	for _, name := range shown {
		if _, err := os.Stat(name); err == nil {
			spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: name, Target: name, ReadOnly: true})
		}
	}
}

// writeUsers makes the sandbox's user known by name, as in a build image, and gives the files by their names in /etc.
func writeUsers(work string) (etc map[string]string, err error) {
	etc = map[string]string{}
	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/sh\ncnb:x:1000:1000::" + homeDir + ":/bin/sh\n",
		"group":  "root:x:0:\ncnb:x:1000:\n",
	} {
		file := filepath.Join(work, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return nil, problem.Disk("write "+name, err)
		}
		etc[name] = file
	}
	return etc, nil
}

// writeEnv gives platform variables to the lifecycle: one file each.
func writeEnv(dir string, env map[string]string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem.Disk("write platform variables", err)
	}
	for key, value := range env {
		if key == "" || strings.ContainsAny(key, "/=\x00 \t\n") || key == "." || key == ".." {
			return &problem.Problem{
				ID:    "localbuild/bad-variable",
				Title: "a variable of the build cannot be called " + strconv.Quote(key),
				Why:   "the lifecycle reads variables from files of their names",
				Hints: []string{"Use letters, digits and underscores."},
			}
		}
		if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
			return problem.Disk("write platform variables", err)
		}
	}
	return nil
}
