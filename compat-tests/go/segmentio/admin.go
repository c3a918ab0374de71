package segmentio

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"weir/compat/client"
)

// CreateTopic is client.Admin's.
func (c *Client) CreateTopic(topic client.NewTopic) error {
	ctx, cancel := patient()
	if topic.ValidateOnly {
		// The library waits for the topic to appear, and this one does not.
		ctx, cancel = context.WithTimeout(context.Background(), 2*time.Second)
	}
	defer cancel()
	wanted := kafka.TopicConfig{Topic: topic.Name, NumPartitions: topic.Partitions, ReplicationFactor: topic.Replicas}
	if topic.Assignment != nil {
		wanted.NumPartitions, wanted.ReplicationFactor = -1, -1
	}
	for partition, replicas := range topic.Assignment {
		assignment := kafka.ReplicaAssignment{Partition: partition}
		for _, replica := range replicas {
			assignment.Replicas = append(assignment.Replicas, int(replica))
		}
		wanted.ReplicaAssignments = append(wanted.ReplicaAssignments, assignment)
	}
	for name, value := range topic.Configs {
		wanted.ConfigEntries = append(wanted.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	answer, err := c.client.CreateTopics(ctx,
		&kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{wanted}, ValidateOnly: topic.ValidateOnly})
	if err != nil {
		return err
	}
	return answer.Errors[topic.Name]
}

// DeleteTopic is client.Admin's.
func (c *Client) DeleteTopic(topic string) error {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

// CreatePartitions is client.Admin's.
func (c *Client) CreatePartitions(topic string, count int) error {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: int32(count)}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

// metadata asks for topics, for all if none is named.
func (c *Client) metadata(topics ...string) (*kafka.MetadataResponse, error) {
	ctx, cancel := patient()
	defer cancel()
	return c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
}

// Topics is client.Admin's.
func (c *Client) Topics() ([]string, error) {
	found, err := c.metadata()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, each := range found.Topics {
		names = append(names, each.Name)
	}
	return names, nil
}

// DescribeTopic is client.Admin's.
func (c *Client) DescribeTopic(topic string) ([]client.Partition, error) {
	found, err := c.metadata(topic)
	if err != nil {
		return nil, err
	}
	var partitions []client.Partition
	for _, each := range found.Topics[0].Partitions {
		partitions = append(partitions, client.Partition{ID: int32(each.ID), Leader: int32(each.Leader.ID),
			Replicas: ids(each.Replicas), ISR: ids(each.Isr)})
	}
	slices.SortFunc(partitions, func(a, b client.Partition) int { return cmp.Compare(a.ID, b.ID) })
	return partitions, found.Topics[0].Error
}

func ids(brokers []kafka.Broker) []int32 {
	var found []int32
	for _, each := range brokers {
		found = append(found, int32(each.ID))
	}
	return found
}

// DescribeCluster is client.Admin's.
func (c *Client) DescribeCluster() (client.ClusterInfo, error) {
	found, err := c.metadata()
	if err != nil {
		return client.ClusterInfo{}, err
	}
	info := client.ClusterInfo{Controller: int32(found.Controller.ID), Nodes: ids(found.Brokers)}
	for _, each := range found.Brokers {
		info.Addresses = append(info.Addresses, net.JoinHostPort(each.Host, strconv.Itoa(each.Port)))
	}
	return info, nil
}

// TopicConfigs is client.Admin's.
func (c *Client) TopicConfigs(topic string) (map[string]string, error) {
	return c.configs(kafka.ResourceTypeTopic, topic)
}

// BrokerConfigs is client.Admin's.
func (c *Client) BrokerConfigs(node int32) (map[string]string, error) {
	return c.configs(kafka.ResourceTypeBroker, strconv.Itoa(int(node)))
}

func (c *Client) configs(kind kafka.ResourceType, name string) (map[string]string, error) {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kind, ResourceName: name}}})
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, resource := range answer.Resources {
		err = errors.Join(err, resource.Error)
		for _, each := range resource.ConfigEntries {
			configs[each.ConfigName] = each.ConfigValue
		}
	}
	return configs, err
}

// AlterConfigs is client.Admin's.
func (c *Client) AlterConfigs(topic string, changes []client.ConfigChange) error {
	ctx, cancel := patient()
	defer cancel()
	wanted := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}
	for _, each := range changes {
		wanted.Configs = append(wanted.Configs, kafka.IncrementalAlterConfigsRequestConfig{Name: each.Name,
			Value: each.Value, ConfigOperation: kafka.ConfigOperation(each.Operation)})
	}
	answer, err := c.client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{wanted}})
	if err != nil {
		return err
	}
	return answer.Resources[0].Error
}

// ReplaceConfigs is client.Admin's.
func (c *Client) ReplaceConfigs(topic string, configs map[string]string) error {
	ctx, cancel := patient()
	defer cancel()
	wanted := kafka.AlterConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}
	for name, value := range configs {
		wanted.Configs = append(wanted.Configs, kafka.AlterConfigRequestConfig{Name: name, Value: value})
	}
	answer, err := c.client.AlterConfigs(ctx,
		&kafka.AlterConfigsRequest{Resources: []kafka.AlterConfigRequestResource{wanted}})
	if err != nil {
		return err
	}
	for _, each := range answer.Errors {
		err = errors.Join(err, each)
	}
	return err
}

// DeleteRecords is client.Admin's; kafka-go does not have it.
func (c *Client) DeleteRecords(string, int32, int64) error {
	return errors.ErrUnsupported
}

// Groups is client.Admin's.
func (c *Client) Groups() (map[string]string, error) {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	groups := map[string]string{}
	for _, each := range answer.Groups {
		groups[each.GroupID] = each.ProtocolType
	}
	return groups, answer.Error
}

// DescribeGroup is client.Admin's.
func (c *Client) DescribeGroup(group string) (client.Group, error) {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return client.Group{}, err
	}
	found := answer.Groups[0]
	described := client.Group{State: found.GroupState}
	for _, each := range found.Members {
		count := 0
		for _, topic := range each.MemberAssignments.Topics {
			count += len(topic.Partitions)
		}
		described.Members = append(described.Members,
			client.GroupMember{ClientID: each.ClientID, Host: each.ClientHost, Partitions: count})
	}
	return described, found.Error
}

// DeleteGroup is client.Admin's.
func (c *Client) DeleteGroup(group string) error {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return err
	}
	return answer.Errors[group]
}

// DeleteOffset is client.Admin's.
func (c *Client) DeleteOffset(group, topic string, partition int32) error {
	ctx, cancel := patient()
	defer cancel()
	answer, err := c.client.OffsetDelete(ctx,
		&kafka.OffsetDeleteRequest{GroupID: group, Topics: map[string][]int{topic: {int(partition)}}})
	if err != nil {
		return err
	}
	err = answer.Error
	for _, each := range answer.Topics[topic] {
		err = errors.Join(err, each.Error)
	}
	return err
}
