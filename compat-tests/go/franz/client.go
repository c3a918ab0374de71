// Package franz is franz-go: kgo for records and groups, kadm for admin calls.
package franz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"weir/compat/checks"
	"weir/compat/client"
)

// metadataAge is how soon a client asks again where a partition is; by default it waits five seconds.
const metadataAge = 100 * time.Millisecond

// common are the settings of every client. Where the broker restarts, one that closes a connection before its first answer is
// stopping; by default the library takes it for one that wants SASL and tries no more.
func common(bootstrap string) []kgo.Opt {
	settings := []kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(metadataAge)}
	if checks.ControlAddress != "" {
		settings = append(settings, kgo.AlwaysRetryEOF())
	}
	return settings
}

// Client is client.Client.
type Client struct {
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
}

// New connects to a broker.
func New(bootstrap string) (*Client, error) {
	plain, err := kgo.NewClient(append(common(bootstrap), kgo.RetryTimeout(checks.Patience))...)
	if err != nil {
		return nil, err
	}
	return &Client{bootstrap, plain, kadm.NewClient(plain)}, nil
}

// Name is client.Client's.
func (c *Client) Name() string { return "franz-go" }

// Bootstrap is client.Client's.
func (c *Client) Bootstrap() string { return c.bootstrap }

// Features is client.Client's.
func (c *Client) Features() client.Features {
	return client.Features{Idempotence: true, Cooperative: true, StaticMembers: true, OldAlterConfigs: true}
}

// Code is client.Client's.
func (c *Client) Code(err error) int16 {
	var kafka *kerr.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &kafka):
		return kafka.Code
	default:
		return -1
	}
}

func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), checks.Patience)
}

// Bounds is client.Client's.
func (c *Client) Bounds(topic string, partition int32) (int64, int64, error) {
	ctx, cancel := patient()
	defer cancel()
	starts, err := c.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	ends, err := c.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	start, one := starts.Lookup(topic, partition)
	end, other := ends.Lookup(topic, partition)
	if !one || !other {
		return 0, 0, fmt.Errorf("no offsets of %s-%d", topic, partition)
	}
	return start.Offset, end.Offset, errors.Join(start.Err, end.Err)
}

// OffsetAt is client.Client's.
func (c *Client) OffsetAt(topic string, partition int32, millis int64) (int64, error) {
	ctx, cancel := patient()
	defer cancel()
	listed, err := c.admin.ListOffsetsAfterMilli(ctx, millis, topic)
	if err != nil {
		return 0, err
	}
	found, _ := listed.Lookup(topic, partition)
	return found.Offset, found.Err
}
