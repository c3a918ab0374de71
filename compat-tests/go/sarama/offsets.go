package sarama

import (
	"errors"

	"github.com/IBM/sarama"

	"weir/compat/client"
)

// Commit is client.Client's, by an offset manager as a program without a group uses it.
func (c *Client) Commit(group, topic string, offsets []client.Offset) error {
	config := settings()
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Return.Errors = true
	connected, err := sarama.NewClient([]string{c.bootstrap}, config)
	if err != nil {
		return err
	}
	defer func() { _ = connected.Close() }()
	manager, err := sarama.NewOffsetManagerFromClient(group, connected)
	if err != nil {
		return err
	}
	var partitions []sarama.PartitionOffsetManager
	for _, each := range offsets {
		partition, err := manager.ManagePartition(topic, each.Partition)
		if err != nil {
			return err
		}
		// Marking never goes back, resetting does.
		partition.ResetOffset(each.At, each.Metadata)
		partition.MarkOffset(each.At, each.Metadata)
		partitions = append(partitions, partition)
	}
	manager.Commit()
	for _, each := range partitions {
		each.AsyncClose()
	}
	failed := manager.Close()
	for _, each := range partitions {
		for problem := range each.Errors() {
			failed = errors.Join(failed, problem.Err)
		}
	}
	return failed
}

// Committed is client.Client's.
func (c *Client) Committed(group, topic string, partitions int32) ([]client.Offset, error) {
	var wanted []int32
	for partition := range partitions {
		wanted = append(wanted, partition)
	}
	answer, err := c.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: wanted})
	if err != nil {
		return nil, err
	}
	if answer.Err != sarama.ErrNoError {
		return nil, answer.Err
	}
	var offsets []client.Offset
	for _, partition := range wanted {
		found := answer.GetBlock(topic, partition)
		if found == nil {
			return nil, sarama.ErrIncompleteResponse
		}
		if found.Err != sarama.ErrNoError {
			return nil, found.Err
		}
		offsets = append(offsets, client.Offset{Partition: partition, At: found.Offset, Metadata: found.Metadata})
	}
	return offsets, nil
}

// Lag is client.Client's.
func (c *Client) Lag(group, topic string, partitions int32) ([]int64, error) {
	return client.LagOf(c, group, topic, partitions)
}
