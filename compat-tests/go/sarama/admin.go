package sarama

import (
	"strconv"

	"github.com/IBM/sarama"

	"weir/compat/client"
)

// CreateTopic is client.Admin's.
func (c *Client) CreateTopic(topic client.NewTopic) error {
	detail := &sarama.TopicDetail{NumPartitions: int32(topic.Partitions), ReplicationFactor: int16(topic.Replicas),
		ConfigEntries: map[string]*string{}}
	if topic.Assignment != nil {
		detail.NumPartitions, detail.ReplicationFactor = -1, -1
		detail.ReplicaAssignment = map[int32][]int32{}
		for partition, replicas := range topic.Assignment {
			detail.ReplicaAssignment[int32(partition)] = replicas
		}
	}
	for name, value := range topic.Configs {
		detail.ConfigEntries[name] = &value
	}
	return c.admin.CreateTopic(topic.Name, detail, topic.ValidateOnly)
}

// DeleteTopic is client.Admin's.
func (c *Client) DeleteTopic(topic string) error { return c.admin.DeleteTopic(topic) }

// CreatePartitions is client.Admin's.
func (c *Client) CreatePartitions(topic string, count int) error {
	if err := c.admin.CreatePartitions(topic, int32(count), nil, false); err != nil {
		return err
	}
	return c.fresh(topic)
}

// Topics is client.Admin's.
func (c *Client) Topics() ([]string, error) {
	found, err := c.admin.ListTopics()
	var names []string
	for name := range found {
		names = append(names, name)
	}
	return names, err
}

// DescribeTopic is client.Admin's.
func (c *Client) DescribeTopic(topic string) ([]client.Partition, error) {
	found, err := c.admin.DescribeTopics([]string{topic})
	if err != nil {
		return nil, err
	}
	if found[0].Err != sarama.ErrNoError {
		return nil, found[0].Err
	}
	partitions := make([]client.Partition, len(found[0].Partitions))
	for _, each := range found[0].Partitions {
		partitions[each.ID] = client.Partition{ID: each.ID, Leader: each.Leader, Replicas: each.Replicas, ISR: each.Isr}
	}
	return partitions, nil
}

// DescribeCluster is client.Admin's.
func (c *Client) DescribeCluster() (client.ClusterInfo, error) {
	brokers, controller, err := c.admin.DescribeCluster()
	info := client.ClusterInfo{Controller: controller}
	for _, each := range brokers {
		info.Nodes = append(info.Nodes, each.ID())
		info.Addresses = append(info.Addresses, each.Addr())
	}
	return info, err
}

// TopicConfigs is client.Admin's.
func (c *Client) TopicConfigs(topic string) (map[string]string, error) {
	return c.configs(sarama.TopicResource, topic)
}

// BrokerConfigs is client.Admin's.
func (c *Client) BrokerConfigs(node int32) (map[string]string, error) {
	return c.configs(sarama.BrokerResource, strconv.Itoa(int(node)))
}

func (c *Client) configs(kind sarama.ConfigResourceType, name string) (map[string]string, error) {
	found, err := c.admin.DescribeConfig(sarama.ConfigResource{Type: kind, Name: name})
	configs := map[string]string{}
	for _, each := range found {
		configs[each.Name] = each.Value
	}
	return configs, err
}

// AlterConfigs is client.Admin's.
func (c *Client) AlterConfigs(topic string, changes []client.ConfigChange) error {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for _, each := range changes {
		entries[each.Name] = sarama.IncrementalAlterConfigsEntry{
			Operation: sarama.IncrementalAlterConfigsOperation(each.Operation), Value: &each.Value}
	}
	return c.admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false)
}

// ReplaceConfigs is client.Admin's.
func (c *Client) ReplaceConfigs(topic string, configs map[string]string) error {
	entries := map[string]*string{}
	for name, value := range configs {
		entries[name] = &value
	}
	return c.admin.AlterConfig(sarama.TopicResource, topic, entries, false)
}

// DeleteRecords is client.Admin's.
func (c *Client) DeleteRecords(topic string, partition int32, before int64) error {
	return c.admin.DeleteRecords(topic, map[int32]int64{partition: before})
}

// Groups is client.Admin's.
func (c *Client) Groups() (map[string]string, error) { return c.admin.ListConsumerGroups() }

// DescribeGroup is client.Admin's.
func (c *Client) DescribeGroup(group string) (client.Group, error) {
	found, err := c.admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		return client.Group{}, err
	}
	if found[0].Err != sarama.ErrNoError {
		return client.Group{}, found[0].Err
	}
	described := client.Group{State: found[0].State, Strategy: found[0].Protocol}
	for _, each := range found[0].Members {
		assigned, err := each.GetMemberAssignment()
		if err != nil {
			return described, err
		}
		count := 0
		if assigned != nil {
			for _, partitions := range assigned.Topics {
				count += len(partitions)
			}
		}
		described.Members = append(described.Members,
			client.GroupMember{ClientID: each.ClientId, Host: each.ClientHost, Partitions: count})
	}
	return described, nil
}

// DeleteGroup is client.Admin's.
func (c *Client) DeleteGroup(group string) error { return c.admin.DeleteConsumerGroup(group) }

// DeleteOffset is client.Admin's.
func (c *Client) DeleteOffset(group, topic string, partition int32) error {
	return c.admin.DeleteConsumerGroupOffset(group, topic, partition)
}
