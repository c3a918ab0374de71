// The Go side of the tests, one program for all client libraries.
//
//	compat CLIENT BOOTSTRAP [FILTER]…          the checks of a client; its restart checks, if a control address is set
//	compat member CLIENT BOOTSTRAP SETTINGS    a group's member that can be killed
package main

import (
	"fmt"
	"os"
	"strconv"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/franz"
	"weir/compat/matrix"
	"weir/compat/sarama"
	"weir/compat/segmentio"
)

const (
	// Checks that run at once. Most of their time is waiting.
	parallel = 6
	// Records of produce.volume, unless the environment says otherwise.
	volume = 5000
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 4 && arguments[0] == "member" {
		library, err := connect(arguments[1], arguments[2])
		if err != nil {
			return err
		}
		return matrix.RunMember(library, arguments[3])
	}
	if len(arguments) < 2 {
		return fmt.Errorf("usage: %s CLIENT BOOTSTRAP [FILTER]…", os.Args[0])
	}
	library, err := connect(arguments[0], arguments[1])
	if err != nil {
		return err
	}
	all := checks.New(os.Stdout)
	cluster := matrix.NewCluster(library)
	if err := cluster.AwaitBroker(); err != nil {
		return err
	}
	if checks.ControlAddress != "" {
		matrix.RegisterRestart(all, cluster)
	} else {
		matrix.Register(all, cluster, volumeWanted())
	}
	all.Run(parallel, arguments[2:])
	return nil
}

func connect(name, bootstrap string) (client.Client, error) {
	switch name {
	case "franz-go":
		return franz.New(bootstrap)
	case "sarama":
		return sarama.New(bootstrap)
	case "kafka-go":
		return segmentio.New(bootstrap)
	}
	return nil, fmt.Errorf("no client %s", name)
}

func volumeWanted() int {
	if count, err := strconv.Atoi(os.Getenv("WEIR_COMPAT_VOLUME")); err == nil {
		return count
	}
	return volume
}
