package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gantry-buildpack/gantry/internal/contract/export"
	"github.com/gantry-buildpack/gantry/internal/deploy/check"
)

func deployCommands() []*cobra.Command {
	contract := &cobra.Command{Use: "contract", Short: "Write a config contract, or give it to other tools", GroupID: "deploy"}
	contract.AddCommand(contractInit(), contractExport())
	return []*cobra.Command{checkCommand(), auditCommand(), contract, deployHints()}
}

// verdict ends a command with a code that says how it fits.
func verdict(code int, err error) error {
	if err != nil || code == check.Fits {
		return err
	}
	return exitCode(code)
}

func checkCommand() *cobra.Command {
	o := check.Options{Environ: os.Environ(), Stdin: os.Stdin, Out: os.Stdout}
	var diff bool
	c := &cobra.Command{
		Use: "check [--image IMAGE | APP_DIR] [FILE… | -] [options]", Short: "Compare deployments with what an application declares that it needs", GroupID: "deploy",
		Long: `Compares the config contract of an image, or of an application, with Kubernetes manifests, compose files, files of variables, or (without any) this
environment.

Exit codes: 0 it fits, 1 it does not, 2 it could not be checked.`,
		Example: `  gantry check --image registry.example/shop deploy.yaml
  kubectl get deploy/web -o json | gantry check --image registry.example/shop -
  gantry check --diff registry.example/shop:1 registry.example/shop:2 deploy.yaml`,
		Annotations: map[string]string{judges: "yes"},
	}
	f := c.Flags()
	f.StringVar(&o.Image, "image", "", "the image: a reference, the folder of an OCI layout, a tarball, or an application's folder, for the one that its last build has kept")
	f.StringVar(&o.App, "app", ".", "the application's folder, where there is no image yet")
	f.StringVar(&o.Container, "container", "", "the container (or service) to check, where several images are deployed")
	f.BoolVar(&o.JSON, "json", false, "print the findings as JSON")
	f.BoolVar(&o.GitHub, "github", false, "print the findings as annotations for GitHub Actions")
	f.BoolVar(&o.Strict, "strict", false, "count variables that are not declared or cannot be seen as errors")
	f.StringVar(&o.EnvFormat, "env-format", "dotenv", "who reads files of variables: dotenv (and compose), or docker (docker run --env-file)")
	f.BoolVar(&diff, "diff", false, "tell what a deploy of a newer image newly requires: gantry check --diff OLD NEW [FILE…]")
	c.RunE = func(c *cobra.Command, words []string) error {
		if err := oneOf(c, "env-format", o.EnvFormat, check.EnvFormats); err != nil {
			return err
		}
		if o.Image != "" {
			var err error
			if o.Image, err = lastBuilt(o.Image); err != nil {
				return err
			}
		}
		o.Files = words
		if diff {
			if len(words) < 2 {
				return usageError{c, "gantry check --diff needs two images, OLD and NEW"}
			}
			o.Files = words[2:]
			return verdict(check.Diff(c.Context(), o, words[0], words[1]))
		}
		// A folder is the application, as for "gantry explain".
		if len(words) > 0 && o.Image == "" && !f.Changed("app") {
			if info, err := os.Stat(words[0]); err == nil && info.IsDir() {
				o.App, o.Files = words[0], words[1:]
			}
		}
		return verdict(check.Run(c.Context(), o))
	}
	return c
}

// folder is the application's: a word, or the flag --app.
func folder(c *cobra.Command, words []string, app string) (string, error) {
	switch {
	case len(words) == 0:
		return app, isFolder(app)
	case c.Flags().Changed("app"):
		return "", usageError{c, "the application's folder is given twice: " + words[0] + " and --app " + app}
	}
	return words[0], isFolder(words[0])
}

// addApp adds the flag that names the application's folder.
func addApp(f *pflag.FlagSet, app *string) {
	f.StringVar(app, "app", ".", "the application's folder")
}

func contractInit() *cobra.Command {
	var app, from string
	c := &cobra.Command{
		Use: "init [APP_DIR] [options]", Short: "Write a first contract from what the code reads", Args: arguments(0, 1, "at most one folder, APP_DIR"),
		RunE: func(c *cobra.Command, words []string) error {
			dir, err := folder(c, words, app)
			if err != nil {
				return err
			}
			return check.Init(dir, from, os.Environ(), os.Stdout)
		},
		Annotations: map[string]string{judges: "yes"},
	}
	addApp(c.Flags(), &app)
	c.Flags().StringVar(&from, "from", "", "an .env.example or .env.schema to start from")
	return c
}

func contractExport() *cobra.Command {
	var image, app, format, name string
	c := &cobra.Command{
		Use: "export [APP_DIR] --format NAME [options]", Short: "Write the contract for other tools", Args: arguments(0, 1, "at most one folder, APP_DIR"),
		RunE: func(c *cobra.Command, words []string) error {
			dir, err := folder(c, words, app)
			if err != nil {
				return err
			}
			return check.Export(c.Context(), image, dir, format, name, os.Environ(), os.Stdout)
		},
		Annotations: map[string]string{judges: "yes"},
	}
	c.Flags().StringVar(&image, "image", "", "the image: a reference, the folder of an OCI layout, or a tarball")
	addApp(c.Flags(), &app)
	c.Flags().StringVar(&format, "format", "markdown", strings.Join(export.Formats, ", "))
	c.Flags().StringVar(&name, "name", "app", "the name of the ConfigMap and the Secret")
	return c
}

func deployHints() *cobra.Command {
	var app string
	var delay time.Duration
	c := &cobra.Command{
		Use: "deploy-hints [APP_DIR] [options]", Short: "Print what a Deployment needs so that requests survive a rollout", GroupID: "deploy", Args: arguments(0, 1, "at most one folder, APP_DIR"),
		RunE: func(c *cobra.Command, words []string) error {
			dir, err := folder(c, words, app)
			if err != nil {
				return err
			}
			return check.DeployHints(dir, delay, os.Environ(), os.Stdout)
		},
		Annotations: map[string]string{judges: "yes"},
	}
	addApp(c.Flags(), &app)
	c.Flags().DurationVar(&delay, "delay", 5*time.Second, "how long the application goes on serving after SIGTERM")
	return c
}
