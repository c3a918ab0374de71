package sarama

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

func groupSettings(options client.GroupOptions) *sarama.Config {
	config := settings()
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Return.Errors = true
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Group.InstanceId = options.Instance
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	if options.Strategy == "cooperative-sticky" {
		config.Consumer.Group.Rebalance.GroupStrategies =
			[]sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
	if options.Session > 0 {
		config.Consumer.Group.Session.Timeout = options.Session
	}
	if options.ClientID != "" {
		config.ClientID = options.ClientID
	}
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if options.Latest {
		config.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	config.Consumer.Offsets.AutoCommit.Enable = options.AutoCommit || options.Lasting
	if options.Lasting {
		// A commit that was lost with the broker is repeated.
		config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	}
	return config
}

// Consume is client.Client's.
func (c *Client) Consume(options client.GroupOptions, count int) ([]record.Record, error) {
	group, err := sarama.NewConsumerGroup([]string{c.bootstrap}, options.Group, groupSettings(options))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), checks.Patience)
	defer cancel()
	h := &taker{options: options, count: count, done: cancel}
	err = group.Consume(ctx, []string{options.Topic}, h)
	if closed := group.Close(); err == nil {
		err = closed
	}
	return h.records, err
}

// taker reads so many records of a topic with one partition.
type taker struct {
	options client.GroupOptions
	count   int
	records []record.Record
	done    context.CancelFunc
}

func (t *taker) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (t *taker) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (t *taker) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		t.records = append(t.records, fromLibrary(message))
		session.MarkMessage(message, "")
		if len(t.records) == t.count {
			if !t.options.AutoCommit {
				session.Commit()
			}
			t.done()
			return nil
		}
	}
	return nil
}

type member struct {
	client.Journal
	group       sarama.ConsumerGroup
	cooperative bool
	stop        context.CancelFunc
	ended       chan struct{}
}

// Member is client.Client's.
func (c *Client) Member(options client.GroupOptions) (client.Member, error) {
	group, err := sarama.NewConsumerGroup([]string{c.bootstrap}, options.Group, groupSettings(options))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{group: group, stop: stop, ended: make(chan struct{}), cooperative: options.Strategy != ""}
	go func() {
		// Errors that do not end the member, like a heartbeat that must be repeated; they need a reader.
		for range group.Errors() {
		}
	}()
	go func() {
		defer close(m.ended)
		for ctx.Err() == nil {
			err := group.Consume(ctx, []string{options.Topic}, m)
			if err == nil || ctx.Err() != nil {
				continue
			}
			if !options.Lasting || errors.Is(err, sarama.ErrFencedInstancedId) {
				m.Fail(err)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return m, nil
}

// Setup notes an eager member's partitions; those of a cooperative one come and go claim by claim.
func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	if !m.cooperative {
		m.Assign(only(session.Claims())...)
	}
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	if !m.cooperative {
		m.Revoke(only(session.Claims())...)
	}
	return nil
}

// only gives the partitions of the one topic that a member reads.
func only(claims map[string][]int32) []int32 {
	for _, partitions := range claims {
		return partitions
	}
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	if m.cooperative {
		m.Assign(claim.Partition())
		defer m.Revoke(claim.Partition())
	}
	for message := range claim.Messages() {
		m.Read(fromLibrary(message))
		session.MarkMessage(message, "")
		if len(claim.Messages()) == 0 {
			session.Commit()
		}
	}
	return nil
}

func (m *member) Close() {
	m.stop()
	<-m.ended
	_ = m.group.Close()
}
