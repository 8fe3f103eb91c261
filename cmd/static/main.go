// Command static serves a folder of files on PORT (8080): it is the web process of images without a server of their own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/gantry-buildpack/gantry/internal/container/fileserver"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/container/site"
)

const (
	// patience is how long a client may take for 64 KiB of a response, and hurry the same after SIGTERM.
	patience = time.Minute
	hurry    = 5 * time.Second
	// headers and request are how long a client may take to send them.
	headers = 10 * time.Second
	request = 30 * time.Second
	// idle is how long a connection without a request is kept: it counts among those that there may be.
	idle = 30 * time.Second
	// streams are how many requests a connection of HTTP/2 may have at the same time; browsers want about a hundred.
	streams = 100
	// grace is how long running requests may take after SIGTERM.
	grace = 25 * time.Second
)

// A connection that is being answered takes about 20 KB, and one whose response is compressed for it up to 1 MB: a quarter of the container's memory is for
// connections, of which one in a hundred is of the second kind.
const (
	connectionMemory = 32 << 10
	minConnections   = 512
	maxConnections   = 20000
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "static:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 && len(arguments) != 2 {
		return errors.New("usage: static FOLDER [SITE.json]")
	}
	root, err := os.OpenRoot(arguments[0])
	if err != nil {
		return err
	}
	o := fileserver.Options{Files: root.FS(), Variable: os.LookupEnv}
	if len(arguments) == 2 {
		if o.Site, err = readSite(arguments[1]); err != nil {
			return err
		}
	}
	if o.Allow, err = fileserver.Credentials(o.Site, os.LookupEnv); err != nil {
		return err
	}
	if os.Getenv("BPL_ACCESS_LOG") == "true" {
		o.Log = os.Stdout
	}
	handler, warnings := fileserver.New(o)
	for _, warning := range warnings {
		fmt.Fprintln(os.Stderr, "static:", warning)
	}
	return serve(handler, arguments[0])
}

func readSite(file string) (s site.Site, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", file, err)
	}
	return s, nil
}

// serve answers until SIGTERM, and then ends what it has begun.
func serve(handler http.Handler, folder string) error {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	connections := maxConnections
	if memory := launch.MemoryLimit("/"); memory > 0 {
		debug.SetMemoryLimit(memory / 10 * 9)
		connections = int(min(max(memory/4/connectionMemory, minConnections), maxConnections))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Containers are reached by their address, so that loopback would not do; HOST narrows it.
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), port))
	if err != nil {
		return err
	}
	fmt.Printf("Serving %s on port %s\n", folder, port)
	steady := fileserver.NewSteady(patience)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: steady.Handler(handler), ConnState: steady.Track, Protocols: &protocols,
		// Each stream of HTTP/2 may be a response that is being sent.
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams},
		ReadHeaderTimeout: headers, ReadTimeout: request, IdleTimeout: idle, MaxHeaderBytes: 64 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(netutil.LimitListener(listener, connections)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	steady.Hurry(hurry)
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return server.Shutdown(ending)
}
