package audit

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// A report for code scanners: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Findings about packages have the place where the image has its
// list of them, since a place is required by GitHub.
type sarifReport struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID               string            `json:"id"`
	ShortDescription sarifText         `json:"shortDescription"`
	HelpURI          string            `json:"helpUri,omitempty"`
	Properties       map[string]string `json:"properties,omitempty"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	PhysicalLocation struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
}

// scores are GitHub's, by which it names a severity: https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
var scores = map[Severity]string{Critical: "9.5", High: "8.0", Moderate: "5.5", Low: "2.0", Unrated: "0.1", Info: "0.0"}

func writeSARIF(out io.Writer, r Result) error {
	var run sarifRun
	run.Tool.Driver = sarifDriver{Name: "gantry audit", InformationURI: "https://github.com/gantry-buildpack/gantry", Rules: []sarifRule{}}
	run.Results = []sarifResult{}
	for _, f := range r.Findings {
		if !slices.ContainsFunc(run.Tool.Driver.Rules, func(rule sarifRule) bool { return rule.ID == f.ID }) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: f.ID, ShortDescription: sarifText{f.Title}, HelpURI: f.URL, Properties: map[string]string{"security-severity": scores[f.Severity]}})
		}
		result := sarifResult{RuleID: f.ID, Level: sarifLevel(f.Severity), Message: sarifText{strings.Join(strings.Fields(strings.TrimSpace(f.text())), " ")}}
		var location sarifLocation
		location.PhysicalLocation.ArtifactLocation.URI = strings.TrimPrefix(f.Path, "/")
		if f.Component != nil {
			location.PhysicalLocation.ArtifactLocation.URI = "layers/sbom/launch/gantry_app/sbom.cdx.json"
		} else if !strings.HasPrefix(f.Path, "/") {
			location.PhysicalLocation.ArtifactLocation.URI = "config"
		}
		location.PhysicalLocation.Region.StartLine = max(1, f.Line)
		result.Locations = []sarifLocation{location}
		run.Results = append(run.Results, result)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(sarifReport{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifLevel(s Severity) string {
	switch {
	case s.rank() >= High.rank():
		return "error"
	case s.rank() >= Low.rank():
		return "warning"
	}
	return "note"
}
