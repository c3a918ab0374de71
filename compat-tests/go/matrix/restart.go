package matrix

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

const (
	restartParts = 4
	// Between two records, and so many are read before, between and after the restarts.
	restartPause = 4 * time.Millisecond
	restartStep  = 200
	// A broker may take so long to come back, when other programs wait for it as well.
	restartPatience = 5 * time.Minute
)

// RegisterRestart adds the check that restarts the broker.
func RegisterRestart(all *checks.Checks, cluster *Cluster) {
	all.Add("restart.broker", cluster.restart)
}

// ask has the broker restarted, and waits for it.
func ask(action string) {
	connection, err := net.Dial("tcp", checks.ControlAddress)
	checks.OK(err, "reaching the control address")
	defer func() { _ = connection.Close() }()
	checks.OK(connection.SetDeadline(time.Now().Add(restartPatience)), "setting a deadline")
	_, err = fmt.Fprintln(connection, action)
	checks.OK(err, "asking")
	answer, err := bufio.NewReader(connection).ReadString('\n')
	checks.OK(err, "waiting for the restart")
	checks.Equal("ok", strings.TrimSpace(answer), "the answer to "+action)
}

// restart: the broker restarts while it is used; producers lose nothing, readers and groups go on.
func (c *Cluster) restart() string {
	topic, group := c.Topic("restart", restartParts, nil), c.Unique("restart")
	options := client.GroupOptions{Group: group, Topic: topic, Session: 6 * time.Second, Lasting: true}
	members := []client.Member{checks.Must(c.Member(options)), checks.Must(c.Member(options))}
	for _, each := range members {
		defer each.Close()
	}
	starts := map[int32]int64{}
	for partition := range int32(restartParts) {
		starts[partition] = 0
	}
	reader := checks.Must(c.Reader(topic, starts, client.ReaderOptions{Lasting: true}))
	defer reader.Close()
	sending := c.startSending(topic)
	defer sending.stop()
	byGroup := map[string]int{}
	var byReader []record.Record
	look := func() {
		records, err := reader.Read(10_000, 50*time.Millisecond)
		checks.OK(err, "the reader")
		byReader = append(byReader, records...)
		for _, each := range members {
			checks.OK(each.Failure(), "a member")
			for _, line := range each.Drain() {
				byGroup[line]++
			}
		}
	}
	readOn := func(when string) {
		mark := sending.count() + restartStep
		checks.Eventually(fmt.Sprintf("%d records read %s", restartStep, when), func() bool {
			checks.OK(sending.failure(), "sending")
			look()
			return len(byReader) >= mark && len(byGroup) >= mark
		})
	}
	readOn("at first")
	ask("restart")
	readOn("after the restart")
	ask("kill")
	readOn("after the kill")
	sent := sending.stop()
	checks.OK(sending.failure(), "sending")
	log := c.readAll(topic, restartParts, client.ReaderOptions{})
	c.checkLog(sent, log)
	checks.Eventually("all is read", func() bool {
		look()
		return len(byReader) >= len(log) && len(byGroup) >= len(log)
	})
	record.Same(log, record.Sort(byReader))
	found, again := []string{}, 0
	for line, times := range byGroup {
		found = append(found, line)
		again += times - 1
	}
	expected := record.Lines(log)
	slices.Sort(found)
	slices.Sort(expected)
	record.SameLines(expected, found)
	checks.Eventually("the group has committed the end", func() bool {
		lags, err := c.Lag(group, topic, restartParts)
		return err == nil && slices.Equal(lags, make([]int64, restartParts))
	})
	return fmt.Sprintf("%d sent, %d in the log, %d came to the group again", len(sent), len(log), again)
}

// checkLog: what was sent is in the log at the offsets that were answered; once and in order from an idempotent producer.
func (c *Cluster) checkLog(sent, log []record.Record) {
	lines := map[string]bool{}
	for _, each := range log {
		lines[each.Line()] = true
	}
	for _, each := range sent {
		checks.True(lines[each.Line()], "an acknowledged record is not where it was said to be: %s", each.Line())
	}
	var found []record.Record
	seen := map[string]bool{}
	for _, each := range log {
		line := each.At(0).Line()
		if c.Features().Idempotence || !seen[line] {
			found = append(found, each.At(0))
		}
		seen[line] = true
	}
	wanted := make([]record.Record, 0, len(sent))
	for _, each := range sent {
		wanted = append(wanted, each.At(0))
	}
	record.Same(record.Sort(wanted), found)
}

// sending sends numbered records, one after the other, until it is told to stop. What became due while the producer was
// busy goes out together.
type sending struct {
	producer client.Producer
	stopping chan struct{}
	ended    chan struct{}
	once     sync.Once

	mutex sync.Mutex
	sent  []record.Record
	err   error
}

func (c *Cluster) startSending(topic string) *sending {
	producer := checks.Must(c.Producer(topic, client.ProducerOptions{Idempotent: c.Features().Idempotence, Lasting: true}))
	s := &sending{producer: producer, stopping: make(chan struct{}), ended: make(chan struct{})}
	go s.run()
	return s
}

func (s *sending) run() {
	defer close(s.ended)
	next := time.Now()
	for number := 0; ; {
		var due []record.Record
		for ; len(due) == 0 || next.Before(time.Now()); next = next.Add(restartPause) {
			due = append(due, record.Record{Partition: int32(number % restartParts), Time: record.Now(),
				Key: fmt.Appendf(nil, "key %d", number%50), Value: fmt.Appendf(nil, "%09d", number)})
			number++
		}
		answers := s.producer.Send(due)
		s.mutex.Lock()
		for index, answer := range answers {
			if answer.Err != nil && s.err == nil {
				s.err = answer.Err
			}
			s.sent = append(s.sent, due[index].At(answer.Offset))
		}
		s.mutex.Unlock()
		select {
		case <-s.stopping:
			return
		case <-time.After(time.Until(next)):
		}
	}
}

func (s *sending) count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.sent)
}

func (s *sending) failure() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.err
}

// stop waits for the last answers and gives all records, at the offsets that were answered.
func (s *sending) stop() []record.Record {
	s.once.Do(func() {
		close(s.stopping)
		<-s.ended
		s.producer.Close()
	})
	return s.sent
}
