package matrix

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"weir/compat/client"
)

// maxLine bounds what a member in a process of its own prints at once.
const maxLine = 16 << 20

// child is a member in a process of its own, which can be killed. It ends by itself when this process does.
type child struct {
	process *exec.Cmd
	input   io.WriteCloser
	ended   chan struct{}

	mutex sync.Mutex
	said  said
}

// said is what a child prints, one line of JSON at a time.
type said struct {
	Assigned []int32
	Lines    []string
}

func newChild(library client.Client, options client.GroupOptions) (*child, error) {
	settings, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	made := &child{process: exec.Command(own, "member", library.Name(), library.Bootstrap(), string(settings)),
		ended: make(chan struct{})}
	made.process.Stderr = os.Stderr
	if made.input, err = made.process.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := made.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := made.process.Start(); err != nil {
		return nil, err
	}
	go made.listen(output)
	return made, nil
}

func (c *child) listen(output io.Reader) {
	defer close(c.ended)
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var news said
		if json.Unmarshal(lines.Bytes(), &news) != nil {
			break
		}
		c.mutex.Lock()
		c.said.Assigned = news.Assigned
		c.said.Lines = append(c.said.Lines, news.Lines...)
		c.mutex.Unlock()
	}
}

// RunMember is the child's side: prints what the member has and reads until its standard input ends.
func RunMember(library client.Client, settings string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	var options client.GroupOptions
	if err := json.Unmarshal([]byte(settings), &options); err != nil {
		return err
	}
	member, err := library.Member(options)
	if err != nil {
		return err
	}
	for member.Failure() == nil {
		line, err := json.Marshal(said{member.Assigned(), member.Drain()})
		if err != nil {
			return err
		}
		fmt.Println(string(line))
		time.Sleep(50 * time.Millisecond)
	}
	return member.Failure()
}

func (c *child) Assigned() []int32 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.said.Assigned)
}

func (c *child) Drain() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	drained := c.said.Lines
	c.said.Lines = nil
	return drained
}

func (c *child) DrainRevoked() []int32 {
	return nil
}

func (c *child) Failure() error {
	select {
	case <-c.ended:
		return errors.New("the member's process ended")
	default:
		return nil
	}
}

// Close kills the process: the member goes without a word to the broker.
func (c *child) Close() {
	_ = c.process.Process.Kill()
	<-c.ended
	_ = c.process.Wait()
	_ = c.input.Close()
}
