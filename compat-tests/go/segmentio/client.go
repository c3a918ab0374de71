// Package segmentio is segmentio's kafka-go: Writer, Reader and ConsumerGroup for records and groups, Client for the
// rest.
package segmentio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

const (
	// fetchBytes is how much a fetch answers at most: more than the largest record, and not so much that it takes long.
	fetchBytes = 1_200_000
	// fetchWait is how long the broker waits for records, and, too, how long the library waits for the whole answer.
	fetchWait = time.Second
)

// Client is client.Client.
type Client struct {
	bootstrap string
	address   net.Addr
	transport *kafka.Transport
	client    *kafka.Client
}

// New makes a client of a broker; it connects when it is used.
func New(bootstrap string) (*Client, error) {
	// What it knows of topics is this old at most; by default six seconds.
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	address := kafka.TCP(bootstrap)
	return &Client{bootstrap, address, transport,
		&kafka.Client{Addr: address, Transport: transport, Timeout: checks.Patience}}, nil
}

// Name is client.Client's.
func (c *Client) Name() string { return "kafka-go" }

// Bootstrap is client.Client's.
func (c *Client) Bootstrap() string { return c.bootstrap }

// Features is client.Client's.
func (c *Client) Features() client.Features {
	return client.Features{EmptyIsNull: true, OldAlterConfigs: true, NoDeleteRecords: true, NoAppendTime: true}
}

// Code is client.Client's.
func (c *Client) Code(err error) int16 {
	var answered kafka.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &answered):
		return int16(answered)
	default:
		return -1
	}
}

func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), checks.Patience)
}

// Bounds is client.Client's.
func (c *Client) Bounds(topic string, partition int32) (int64, int64, error) {
	found, err := c.offsets(topic, kafka.FirstOffsetOf(int(partition)), kafka.LastOffsetOf(int(partition)))
	return found.FirstOffset, found.LastOffset, err
}

// OffsetAt is client.Client's.
func (c *Client) OffsetAt(topic string, partition int32, millis int64) (int64, error) {
	found, err := c.offsets(topic, kafka.TimeOffsetOf(int(partition), time.UnixMilli(millis)))
	for offset := range found.Offsets {
		return offset, err
	}
	return -1, err
}

// offsets asks for offsets of one partition.
func (c *Client) offsets(topic string, wanted ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.ListOffsets(ctx,
		&kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: wanted}})
	if err != nil {
		return kafka.PartitionOffsets{}, err
	}
	for _, each := range answer.Topics[topic] {
		return each, each.Error
	}
	return kafka.PartitionOffsets{}, fmt.Errorf("no offsets of %s", topic)
}

// ReadExactly is client.ExactReader's, by single fetches: other than the Reader they tell null and empty apart.
func (c *Client) ReadExactly(topic string, partition int32, count int) ([]record.Record, error) {
	ctx, cancel := patient()
	defer cancel()
	var records []record.Record
	for len(records) < count {
		answer, err := c.client.Fetch(ctx, &kafka.FetchRequest{Topic: topic, Partition: int(partition),
			Offset: int64(len(records)), MinBytes: 1, MaxBytes: 1 << 20, MaxWait: fetchWait})
		if err == nil {
			err = answer.Error
		}
		if err != nil {
			return records, err
		}
		for {
			read, err := answer.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return records, err
			}
			each := record.Record{Partition: partition, Offset: read.Offset, Time: read.Time.UnixMilli()}
			if each.Key, err = kafka.ReadAll(read.Key); err != nil {
				return records, err
			}
			if each.Value, err = kafka.ReadAll(read.Value); err != nil {
				return records, err
			}
			for _, header := range read.Headers {
				each.Headers = append(each.Headers, record.Header{Name: header.Key, Value: header.Value})
			}
			records = append(records, each)
		}
	}
	return records, nil
}
