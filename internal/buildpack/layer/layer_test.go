package layer_test

import (
	"bytes"
	"testing"

	"github.com/BurntSushi/toml"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
)

// throughTOML is what the lifecycle gives back of a layer's metadata.
func throughTOML(t *testing.T, metadata map[string]any) map[string]any {
	var text bytes.Buffer
	NewWithT(t).Expect(toml.NewEncoder(&text).Encode(metadata)).To(Succeed())
	restored := map[string]any{}
	NewWithT(t).Expect(toml.Unmarshal(text.Bytes(), &restored)).To(Succeed())
	return restored
}

func TestMetadataIsPinned(t *testing.T) {
	in := layer.Inputs{"version": "24.18.0", "package.json": layer.Digest([]byte("{}"))}
	NewWithT(t).Expect(in.Metadata()).To(Equal(map[string]any{
		"format": "2",
		"inputs": map[string]any{
			"version":      "24.18.0",
			"package.json": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
		},
	}))
}

func TestCause(t *testing.T) {
	in := layer.Inputs{"version": "24.18.0", "package.json": layer.Digest([]byte("{}"))}
	for _, c := range []struct {
		last layer.Inputs
		want string
	}{
		{last: in, want: ""},
		{last: layer.Inputs{"version": "22.1.0", "package.json": in["package.json"]}, want: "version changed from 22.1.0 to 24.18.0"},
		{last: layer.Inputs{"version": "24.18.0", "package.json": layer.Digest([]byte("[]"))}, want: "package.json changed"},
		{last: layer.Inputs{"version": "24.18.0"}, want: "package.json is new"},
		{last: layer.Inputs{"version": "24.18.0", "package.json": in["package.json"], ".npmrc": "x"}, want: ".npmrc was removed"},
	} {
		NewWithT(t).Expect(in.Cause(throughTOML(t, c.last.Metadata()))).To(Equal(c.want))
	}
	NewWithT(t).Expect(in.Cause(nil)).To(Equal("no cached layer"))
	NewWithT(t).Expect(in.Cause(map[string]any{"format": "0"})).To(Equal("another version of Gantry made it"))
}
