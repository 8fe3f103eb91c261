// Command pause holds a pod's namespaces: https://kubernetes.io/docs/concepts/workloads/pods/.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
