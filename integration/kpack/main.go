// Command kpack prints the pod in which kpack would run a build: kpack's own code decides, without a cluster. It reads an
// order as JSON from standard input, and writes the Pod as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pivotal/kpack/pkg/apis/build/v1alpha2"
	core "github.com/pivotal/kpack/pkg/apis/core/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// order is a Build of kpack.io/v1alpha2, and what kpack's controller knows next to it.
type order struct {
	Build   v1alpha2.Build                 `json:"build"`
	Images  v1alpha2.BuildPodImages        `json:"images"`
	Builder v1alpha2.BuildPodBuilderConfig `json:"builder"`
	// Bindings are names of service bindings, each with the secret of that name.
	Bindings []string `json:"bindings"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	context := v1alpha2.BuildContext{BuildPodBuilderConfig: o.Builder}
	for _, name := range o.Bindings {
		context.Bindings = append(context.Bindings, &core.ServiceBinding{Name: name, SecretRef: &corev1.LocalObjectReference{Name: name}})
	}
	pod, err := o.Build.BuildPod(o.Images, context)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(pod)
}
