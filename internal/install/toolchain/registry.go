package toolchain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/signature"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// published is a release's package on the npm registry: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md.
// Where no integrity is pinned, it is the one that the registry publishes, and has signed where the plan wants that; a release that
// has no package gives nothing.
func (u Unpacker) published(ctx context.Context, registry string, release plan.Release) (fetch.File, error) {
	if release.Package == "" {
		return fetch.File{}, nil
	}
	file := fetch.File{
		URL:      fmt.Sprintf("%s/%s/-/%s-%s.tgz", registry, release.Package, path.Base(release.Package), release.Version),
		Checksum: release.Integrity,
	}
	if file.Checksum != "" {
		return file, nil
	}
	var version struct {
		Dist struct {
			Integrity  string
			Signatures []signature.Signature
		}
	}
	text, err := u.Client.Text(ctx, fetch.File{URL: registry + "/" + release.Package + "/" + release.Version})
	if err == nil {
		err = json.Unmarshal(text, &version)
	}
	if err == nil && version.Dist.Integrity == "" {
		err = fmt.Errorf("the registry publishes no checksum")
	}
	if err != nil {
		return file, &problem.Problem{
			ID:    "runtime/unpublished",
			Title: fmt.Sprintf("%s %s is not in the npm registry", release.Name, release.Version),
			Why:   problem.As(err).Title,
			Hints: []string{"Check that there is such a version: npm view " + release.Package + "@" + release.Version},
			Err:   err,
		}
	}
	file.Checksum = version.Dist.Integrity
	return file, u.checkSignature(release, file.Checksum, version.Dist.Signatures)
}

// checkSignature refuses a release whose signature is wrong, or missing where the plan wants one.
func (u Unpacker) checkSignature(release plan.Release, integrity string, signatures []signature.Signature) error {
	keys, err := u.keys()
	if err != nil {
		return err
	}
	signed, err := keys.Verify(release.Package, release.Version, integrity, signatures)
	if err != nil {
		return &problem.Problem{
			ID:    "runtime/bad-signature",
			Title: err.Error(),
			Why:   "the registry, or what is between you and it, gives other bytes than registry.npmjs.org has signed",
			Hints: []string{"Do not go on. Find out where the package comes from: npm config get registry."},
		}
	}
	if !signed && release.Signed {
		return &problem.Problem{
			ID:    "runtime/unsigned",
			Title: fmt.Sprintf("the registry gives no signature of %s %s", release.Name, release.Version),
			Why:   "this version of Gantry does not know the release, so that only npm's signature could tell that it is the right one; some mirrors do not hand signatures on",
			Hints: []string{"Update Gantry; or set BP_NODE_ALLOW_UNLISTED=true to trust the checksum that the registry publishes."},
		}
	}
	return nil
}

func (u Unpacker) keys() (signature.Keys, error) {
	if u.Keys != nil {
		return u.Keys, nil
	}
	return signature.NPM(time.Now())
}

// verifyFile compares a file with a checksum that the application gives.
func verifyFile(file, checksum string) error {
	sum, digest, err := fetch.Verifier(checksum)
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return problem.Unreadable("read "+filepath.Base(file), err)
	}
	defer func() { _ = in.Close() }()
	if _, err := io.Copy(sum, in); err != nil {
		return problem.Unreadable("read "+filepath.Base(file), err)
	}
	if actual := hex.EncodeToString(sum.Sum(nil)); actual != digest {
		return &problem.Problem{
			ID:    "runtime/checksum-mismatch",
			Title: filepath.Base(file) + " is not what package.json says",
			Where: problem.Position{File: "package.json"},
			Why:   "its checksum is " + actual + ", and packageManager names " + digest,
			Hints: []string{"If the version was changed on purpose, change the checksum behind + as well; otherwise do not go on."},
		}
	}
	return nil
}
