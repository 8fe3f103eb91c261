package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

// releaseKeys are those that releases of Node.js are signed with. They are kept here, because a place that could exchange archives could
// exchange keys as well.
//
//go:embed nodejs-keys/*.asc
var releaseKeys embed.FS

// nodejsOrg is the place of the official archives: https://nodejs.org/dist/.
type nodejsOrg struct {
	url  string
	keys openpgp.EntityList
}

// openNodejsOrg gives the place; keys is a folder of keys, empty for those of Node.js' releasers.
func openNodejsOrg(url, keys string) (nodejsOrg, error) {
	n := nodejsOrg{url: strings.TrimRight(url, "/")}
	var folder fs.FS = os.DirFS(keys)
	if keys == "" {
		folder, _ = fs.Sub(releaseKeys, "nodejs-keys")
	}
	files, err := fs.Glob(folder, "*.asc")
	if err != nil {
		return n, err
	}
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return n, err
		}
		list, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(text))
		if err != nil {
			return n, fmt.Errorf("read the key %s: %w", file, err)
		}
		n.keys = append(n.keys, list...)
	}
	return n, nil
}

// published gives the architectures, as Go names them, of the releases in the index: https://nodejs.org/dist/index.json.
func (n nodejsOrg) published(ctx context.Context) (map[string][]string, error) {
	text, err := get(ctx, n.url+"/index.json")
	if err != nil {
		return nil, err
	}
	var index []struct {
		Version string
		Files   []string
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("read %s/index.json: %w", n.url, err)
	}
	versions := map[string][]string{}
	for _, row := range index {
		version := strings.TrimPrefix(row.Version, "v")
		for arch, cpu := range cpus {
			if slices.Contains(row.Files, "linux-"+cpu) && !strings.Contains(version, "-") {
				versions[version] = append(versions[version], arch)
			}
		}
	}
	return versions, nil
}

// cpus are Node.js' names of architectures, by Go's.
var cpus = map[string]string{"amd64": "x64", "arm64": "arm64"}

// sums gives the SHA-256 of a release's archives, by architecture, from a list whose signature is one of the releasers'.
func (n nodejsOrg) sums(ctx context.Context, version string) (map[string]string, error) {
	text, err := get(ctx, n.url+"/v"+version+"/SHASUMS256.txt.asc")
	if err != nil {
		return nil, err
	}
	block, _ := clearsign.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("the checksums of Node.js %s are not signed", version)
	}
	if _, err := block.VerifySignature(n.keys, nil); err != nil {
		return nil, fmt.Errorf("the signature of the checksums of Node.js %s is wrong: %w", version, err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(block.Plaintext)) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		for arch, cpu := range cpus {
			if file == "node-v"+version+"-linux-"+cpu+".tar.gz" && len(sum) == 64 {
				sums[arch] = sum
			}
		}
	}
	return sums, nil
}

// withOfficial adds the releases and checksums that nodejs.org has published and the inventory lacks, of lines that it knows, and says which.
func (i inventory) withOfficial(ctx context.Context, n nodejsOrg, published map[string][]string) (inventory, []string, error) {
	known := map[string]node{}
	for _, row := range i.Node {
		known[row.Version] = row
	}
	var added []string
	for version, archs := range published {
		row, had := known[version]
		pins := map[string]*pin{"amd64": &row.AMD64, "arm64": &row.ARM64}
		lacking := slices.ContainsFunc(archs, func(arch string) bool { return pins[arch].SHA256 == "" })
		major, _, _ := strings.Cut(version, ".")
		if _, wanted := i.Lines[major]; !wanted || !lacking {
			continue
		}
		sums, err := n.sums(ctx, version)
		if err != nil {
			return i, nil, err
		}
		for arch, sum := range sums {
			if pins[arch].SHA256 == "" {
				pins[arch].SHA256 = sum
			}
		}
		row.Version = version
		known[version] = row
		if !had {
			added = append(added, "Node.js "+version)
		}
	}
	i.Node = slices.SortedFunc(maps.Values(known), func(a, b node) int { return compareVersions(b.Version, a.Version) })
	return i, added, nil
}
