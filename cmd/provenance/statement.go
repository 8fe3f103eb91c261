package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

const repository = "https://github.com/gantry-buildpack/gantry"

// subject is a file that the statement is about: https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
type subject struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

// parseSums reads what sha256sum writes.
func parseSums(text string) ([]subject, error) {
	var subjects []subject
	for line := range strings.Lines(text) {
		sum, name, found := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		if raw, err := hex.DecodeString(sum); !found || err != nil || len(raw) != 32 || name == "" {
			return nil, fmt.Errorf("SHA256SUMS: %q is not a checksum and a name", line)
		}
		subjects = append(subjects, subject{Name: name, Digest: map[string]string{"sha256": sum}})
	}
	if len(subjects) == 0 {
		return nil, fmt.Errorf("SHA256SUMS lists no file")
	}
	return subjects, nil
}

// origin is what files are made of: a version, at a commit.
type origin struct {
	version, commit string
	finished        time.Time
}

// statement is an in-toto statement (https://in-toto.io/Statement/v1) with SLSA's provenance (https://slsa.dev/spec/v1.0/provenance).
func (o origin) statement(subjects []subject) ([]byte, error) {
	return json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       subjects,
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType":          problem.Page("security.md") + "#releases",
				"externalParameters": map[string]any{"version": o.version, "source": "git+" + repository + "@refs/tags/v" + o.version},
				"internalParameters": map[string]any{"command": "scripts/release.sh " + o.version},
				"resolvedDependencies": []subject{
					{URI: "git+" + repository + "@refs/tags/v" + o.version, Digest: map[string]string{"gitCommit": o.commit}},
				},
			},
			"runDetails": map[string]any{
				"builder":  map[string]any{"id": repository + "/blob/main/scripts/release.sh", "version": map[string]string{"go": runtime.Version()}},
				"metadata": map[string]any{"finishedOn": o.finished.Format(time.RFC3339)},
			},
		},
	})
}
