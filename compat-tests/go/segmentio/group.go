package segmentio

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"weir/compat/client"
	"weir/compat/record"
)

// Consume is client.Client's, by a Reader in a group.
func (c *Client) Consume(options client.GroupOptions, count int) ([]record.Record, error) {
	config := kafka.ReaderConfig{
		Brokers: []string{c.bootstrap}, GroupID: options.Group, Topic: options.Topic, MaxWait: fetchWait,
		MaxBytes: fetchBytes, GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval: 500 * time.Millisecond, StartOffset: startOffset(options),
	}
	if options.AutoCommit {
		config.CommitInterval = 100 * time.Millisecond
	}
	reader := kafka.NewReader(config)
	ctx, cancel := patient()
	defer cancel()
	var records []record.Record
	for len(records) < count {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			return records, errors.Join(err, reader.Close())
		}
		records = append(records, fromLibrary(message))
		if options.AutoCommit || len(records) == count {
			if err := reader.CommitMessages(ctx, message); err != nil {
				return records, errors.Join(err, reader.Close())
			}
		}
	}
	return records, reader.Close()
}

func startOffset(options client.GroupOptions) int64 {
	if options.Latest {
		return kafka.LastOffset
	}
	return kafka.FirstOffset
}

type member struct {
	client.Journal
	bootstrap string
	topic     string
	lasting   bool
	group     *kafka.ConsumerGroup
	stop      context.CancelFunc
	ended     chan struct{}
}

// Member is client.Client's, by a ConsumerGroup: a Reader does not say what it is assigned.
func (c *Client) Member(options client.GroupOptions) (client.Member, error) {
	config := kafka.ConsumerGroupConfig{
		ID: options.Group, Brokers: []string{c.bootstrap}, Topics: []string{options.Topic},
		GroupBalancers:    []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval: 500 * time.Millisecond, SessionTimeout: options.Session,
		JoinGroupBackoff: 200 * time.Millisecond, StartOffset: startOffset(options),
		Dialer: &kafka.Dialer{ClientID: options.ClientID, Timeout: 10 * time.Second},
	}
	group, err := kafka.NewConsumerGroup(config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{bootstrap: c.bootstrap, topic: options.Topic, lasting: options.Lasting,
		group: group, stop: stop, ended: make(chan struct{})}
	go m.run(ctx)
	return m, nil
}

func (m *member) run(ctx context.Context) {
	defer close(m.ended)
	for ctx.Err() == nil {
		generation, err := m.group.Next(ctx)
		var answered kafka.Error
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &answered) || err != nil && m.lasting:
			// It joins again.
			continue
		case err != nil:
			m.Fail(err)
			return
		}
		for _, each := range generation.Assignments[m.topic] {
			m.Assign(int32(each.ID))
			generation.Start(func(ctx context.Context) { m.read(ctx, generation, each) })
		}
	}
}

// read reads one partition until the generation ends.
func (m *member) read(ctx context.Context, generation *kafka.Generation, from kafka.PartitionAssignment) {
	defer m.Revoke(int32(from.ID))
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{m.bootstrap}, Topic: m.topic, Partition: from.ID,
		MaxWait: fetchWait, MaxBytes: fetchBytes})
	defer func() { _ = reader.Close() }()
	if err := reader.SetOffset(from.Offset); err != nil {
		m.Fail(err)
		return
	}
	for {
		message, err := reader.FetchMessage(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && m.lasting {
			continue
		}
		if err != nil {
			m.Fail(err)
			return
		}
		m.Read(fromLibrary(message))
		if message.Offset+1 < message.HighWaterMark {
			continue
		}
		// All that was there is read. When the commit fails, the group has gone on without this member, and it joins again.
		next := map[int]int64{from.ID: message.Offset + 1}
		err = generation.CommitOffsets(map[string]map[int]int64{m.topic: next})
		if err != nil && ctx.Err() == nil && !m.lasting {
			m.Fail(err)
			return
		}
	}
}

func (m *member) Close() {
	m.stop()
	<-m.ended
	_ = m.group.Close()
}
