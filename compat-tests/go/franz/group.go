package franz

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"weir/compat/client"
	"weir/compat/record"
)

func (c *Client) groupOptions(options client.GroupOptions) []kgo.Opt {
	reset := kgo.NewOffset().AtStart()
	if options.Latest {
		reset = kgo.NewOffset().AtEnd()
	}
	strategy := kgo.RangeBalancer()
	if options.Strategy == "cooperative-sticky" {
		strategy = kgo.CooperativeStickyBalancer()
	}
	settings := append(common(c.bootstrap),
		kgo.ConsumerGroup(options.Group),
		kgo.ConsumeTopics(options.Topic),
		kgo.Balancers(strategy), kgo.ConsumeResetOffset(reset), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.HeartbeatInterval(500*time.Millisecond))
	if options.Session > 0 {
		settings = append(settings, kgo.SessionTimeout(options.Session))
	}
	if options.Instance != "" {
		settings = append(settings, kgo.InstanceID(options.Instance))
	}
	if options.ClientID != "" {
		settings = append(settings, kgo.ClientID(options.ClientID))
	}
	if options.AutoCommit {
		// What was polled is committed on leaving; else only what was polled before the last poll.
		return append(settings, kgo.GreedyAutoCommit())
	}
	return append(settings, kgo.DisableAutoCommit())
}

// Consume is client.Client's.
func (c *Client) Consume(options client.GroupOptions, count int) ([]record.Record, error) {
	made, err := kgo.NewClient(c.groupOptions(options)...)
	if err != nil {
		return nil, err
	}
	defer made.Close()
	ctx, cancel := patient()
	defer cancel()
	records, err := poll(ctx, made, count, false)
	if err != nil {
		return records, err
	}
	if options.AutoCommit {
		return records, made.LeaveGroupContext(ctx)
	}
	return records, made.CommitUncommittedOffsets(ctx)
}

type member struct {
	client.Journal
	client  *kgo.Client
	lasting bool
	stop    context.CancelFunc
	ended   chan struct{}
}

// Member is client.Client's.
func (c *Client) Member(options client.GroupOptions) (client.Member, error) {
	m := &member{lasting: options.Lasting, ended: make(chan struct{})}
	revoked := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { m.Revoke(lost[options.Topic]...) }
	settings := append(c.groupOptions(options), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) {
			m.Assign(added[options.Topic]...)
		}),
		kgo.OnPartitionsRevoked(revoked), kgo.OnPartitionsLost(revoked))
	var err error
	if m.client, err = kgo.NewClient(settings...); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go m.run(ctx)
	return m, nil
}

func (m *member) run(ctx context.Context) {
	defer close(m.ended)
	for ctx.Err() == nil {
		fetches := m.client.PollRecords(ctx, 100)
		records := fetches.Records()
		for _, each := range fetches.Errors() {
			if ctx.Err() == nil && m.ends(each.Err) {
				return
			}
		}
		if len(records) > 0 && m.ends(m.commit(ctx, records)) {
			return
		}
		for _, each := range records {
			m.Read(fromLibrary(each))
		}
		m.client.AllowRebalance()
	}
}

// ends notes the error if it ends the member.
func (m *member) ends(err error) bool {
	if err == nil || m.lasting && !errors.Is(err, kerr.FencedInstanceID) {
		return false
	}
	m.Fail(err)
	return true
}

// commit commits; a lasting member again and again while the broker is away, until the group has gone on without it.
func (m *member) commit(ctx context.Context, records []*kgo.Record) error {
	for {
		err := m.client.CommitRecords(context.Background(), records...)
		var answered *kerr.Error
		if err == nil || !m.lasting || errors.As(err, &answered) && !answered.Retriable || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (m *member) Close() {
	m.stop()
	<-m.ended
	m.client.CloseAllowingRebalance()
}

// Commit is client.Client's.
func (c *Client) Commit(group, topic string, offsets []client.Offset) error {
	ctx, cancel := patient()
	defer cancel()
	var wanted kadm.Offsets
	for _, each := range offsets {
		wanted.Add(kadm.Offset{Topic: topic, Partition: each.Partition, At: each.At, LeaderEpoch: -1,
			Metadata: each.Metadata})
	}
	return c.admin.CommitAllOffsets(ctx, group, wanted)
}

// Committed is client.Client's.
func (c *Client) Committed(group, topic string, partitions int32) ([]client.Offset, error) {
	ctx, cancel := patient()
	defer cancel()
	answers, err := c.admin.FetchOffsetsForTopics(ctx, group, topic)
	if err != nil {
		return nil, err
	}
	var offsets []client.Offset
	for partition := range partitions {
		offset := client.Offset{Partition: partition, At: -1}
		if found, ok := answers.Lookup(topic, partition); ok {
			if found.Err != nil {
				return nil, found.Err
			}
			offset.At, offset.Metadata = found.At, found.Metadata
		}
		offsets = append(offsets, offset)
	}
	return offsets, nil
}

// Lag is client.Client's.
func (c *Client) Lag(group, topic string, partitions int32) ([]int64, error) {
	ctx, cancel := patient()
	defer cancel()
	described, err := c.admin.Lag(ctx, group)
	if err != nil {
		return nil, err
	}
	found := described[group]
	if err := found.Error(); err != nil {
		return nil, err
	}
	lags := make([]int64, partitions)
	for partition := range partitions {
		lag, _ := found.Lag.Lookup(topic, partition)
		lags[partition] = lag.Lag
	}
	return lags, nil
}
