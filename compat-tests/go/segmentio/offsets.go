package segmentio

import (
	"errors"

	"github.com/segmentio/kafka-go"

	"weir/compat/client"
)

// noGeneration is that of a commit from outside a group.
const noGeneration = -1

// Commit is client.Client's.
func (c *Client) Commit(group, topic string, offsets []client.Offset) error {
	ctx, cancel := patient()
	defer cancel()
	var wanted []kafka.OffsetCommit
	for _, each := range offsets {
		wanted = append(wanted,
			kafka.OffsetCommit{Partition: int(each.Partition), Offset: each.At, Metadata: each.Metadata})
	}
	answer, err := c.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: noGeneration,
		Topics: map[string][]kafka.OffsetCommit{topic: wanted}})
	if err != nil {
		return err
	}
	for _, each := range answer.Topics[topic] {
		err = errors.Join(err, each.Error)
	}
	return err
}

// Committed is client.Client's.
func (c *Client) Committed(group, topic string, partitions int32) ([]client.Offset, error) {
	ctx, cancel := patient()
	defer cancel()
	var wanted []int
	for partition := range int(partitions) {
		wanted = append(wanted, partition)
	}
	answer, err := c.client.OffsetFetch(ctx,
		&kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: wanted}})
	if err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	offsets := make([]client.Offset, partitions)
	for _, each := range answer.Topics[topic] {
		offsets[each.Partition] = client.Offset{Partition: int32(each.Partition), At: each.CommittedOffset,
			Metadata: each.Metadata}
		err = errors.Join(err, each.Error)
	}
	return offsets, err
}

// Lag is client.Client's.
func (c *Client) Lag(group, topic string, partitions int32) ([]int64, error) {
	return client.LagOf(c, group, topic, partitions)
}
