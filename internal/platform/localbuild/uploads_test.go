package localbuild

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	. "github.com/onsi/gomega"
)

// A layer arrives whole, under the digest that it has, or not at all.
func TestUploads(t *testing.T) {
	g := NewWithT(t)
	dir := filepath.Join(t.TempDir(), "image")
	s, damaged, err := openStore(dir, t.TempDir())
	g.Expect(damaged).To(BeZero())
	g.Expect(err).NotTo(HaveOccurred())
	defer s.close()
	image, err := random.Image(100_000, 3)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.offer(t.Context(), "app", image)).To(Succeed())
	reference, err := name.ParseReference(s.address+"/app", name.Insecure)
	g.Expect(err).NotTo(HaveOccurred())
	back, err := remote.Image(reference, s.options(t.Context())...)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(back.Digest()).To(Equal(digestOf(g, image.Digest)))

	blobs := filepath.Join(dir, "blobs/sha256")
	count := func() int {
		entries, err := os.ReadDir(blobs)
		g.Expect(err).NotTo(HaveOccurred())
		return len(entries)
	}
	before := count()
	request := func(method, url string, body []byte) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+url, bytes.NewReader(body))
		g.Expect(err).NotTo(HaveOccurred())
		r.SetBasicAuth(userName, s.password)
		response, err := http.DefaultClient.Do(r)
		g.Expect(err).NotTo(HaveOccurred())
		_ = response.Body.Close()
		return response
	}
	push := func(digest string) int {
		place := request(http.MethodPost, "/v2/app/blobs/uploads/", nil).Header.Get("Location")
		g.Expect(request(http.MethodPatch, place, []byte("content")).StatusCode).To(Equal(http.StatusAccepted))
		return request(http.MethodPut, place+"?digest="+digest, nil).StatusCode
	}
	other := sha256.Sum256([]byte("other"))
	g.Expect(push("sha256:" + hex.EncodeToString(other[:]))).To(Equal(http.StatusBadRequest))
	g.Expect(push("sha256:../../x")).To(Equal(http.StatusBadRequest))
	g.Expect(count()).To(Equal(before))
	sum := sha256.Sum256([]byte("content"))
	g.Expect(push("sha256:" + hex.EncodeToString(sum[:]))).To(Equal(http.StatusCreated))
	g.Expect(os.ReadFile(filepath.Join(blobs, hex.EncodeToString(sum[:])))).To(Equal([]byte("content")))

	// One that is broken off leaves nothing.
	ctx, stop := context.WithCancel(t.Context())
	place := request(http.MethodPost, "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	r, err := http.NewRequestWithContext(ctx, http.MethodPatch, "http://"+s.address+place, brokenOff{stop})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = http.DefaultClient.Do(r)
	g.Expect(err).To(HaveOccurred())
	g.Eventually(count).Should(Equal(before + 1))
}

// brokenOff is a body that ends with its request.
type brokenOff struct{ stop func() }

func (b brokenOff) Read(p []byte) (int, error) {
	b.stop()
	return copy(p, "content"), nil
}

func digestOf[T any](g Gomega, of func() (T, error)) T {
	value, err := of()
	g.Expect(err).NotTo(HaveOccurred())
	return value
}
