// Command static serves a folder of files on PORT (8080): it is the web process of images without a server of their own.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/fileserver"
)

// grace is how long running requests may take after SIGTERM.
const grace = 25 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "static:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		return errors.New("usage: static FOLDER [START-PAGE | --pages]")
	}
	root, err := os.OpenRoot(os.Args[1])
	if err != nil {
		return err
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Containers are reached by their address, so that loopback would not do; HOST narrows it.
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), port))
	if err != nil {
		return err
	}
	fmt.Printf("Serving %s on port %s\n", os.Args[1], port)
	server := &http.Server{Handler: fileserver.Handler(root.FS(), strings.Join(os.Args[2:], "")), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return server.Shutdown(ending)
}
