package franz

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"weir/compat/checks"
	"weir/compat/client"
)

// CreateTopic is client.Admin's. kadm cannot choose replicas, so this is the request itself.
func (c *Client) CreateTopic(topic client.NewTopic) error {
	ctx, cancel := patient()
	defer cancel()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic = topic.Name
	wanted.NumPartitions, wanted.ReplicationFactor = int32(topic.Partitions), int16(topic.Replicas)
	if topic.Assignment != nil {
		wanted.NumPartitions, wanted.ReplicationFactor = -1, -1
		for partition, replicas := range topic.Assignment {
			assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
			assignment.Partition, assignment.Replicas = int32(partition), replicas
			wanted.ReplicaAssignment = append(wanted.ReplicaAssignment, assignment)
		}
	}
	for name, value := range topic.Configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, kmsg.StringPtr(value)
		wanted.Configs = append(wanted.Configs, config)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis, request.ValidateOnly = int32(checks.Patience.Milliseconds()), topic.ValidateOnly
	request.Topics = append(request.Topics, wanted)
	answer, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// DeleteTopic is client.Admin's.
func (c *Client) DeleteTopic(topic string) error {
	ctx, cancel := patient()
	defer cancel()
	answers, err := c.admin.DeleteTopics(ctx, topic)
	return errors.Join(err, answers.Error())
}

// CreatePartitions is client.Admin's.
func (c *Client) CreatePartitions(topic string, count int) error {
	ctx, cancel := patient()
	defer cancel()
	answers, err := c.admin.UpdatePartitions(ctx, count, topic)
	return errors.Join(err, answers.Error())
}

// Topics is client.Admin's.
func (c *Client) Topics() ([]string, error) {
	ctx, cancel := patient()
	defer cancel()
	found, err := c.admin.ListTopics(ctx)
	return found.Names(), err
}

// DescribeTopic is client.Admin's.
func (c *Client) DescribeTopic(topic string) ([]client.Partition, error) {
	ctx, cancel := patient()
	defer cancel()
	found, err := c.admin.Metadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	var partitions []client.Partition
	for _, each := range found.Topics[topic].Partitions.Sorted() {
		partitions = append(partitions,
			client.Partition{ID: each.Partition, Leader: each.Leader, Replicas: each.Replicas, ISR: each.ISR})
	}
	return partitions, found.Topics[topic].Err
}

// DescribeCluster is client.Admin's.
func (c *Client) DescribeCluster() (client.ClusterInfo, error) {
	ctx, cancel := patient()
	defer cancel()
	found, err := c.admin.BrokerMetadata(ctx)
	info := client.ClusterInfo{Controller: found.Controller, Nodes: found.Brokers.NodeIDs()}
	for _, each := range found.Brokers {
		info.Addresses = append(info.Addresses, net.JoinHostPort(each.Host, strconv.Itoa(int(each.Port))))
	}
	return info, err
}

// TopicConfigs is client.Admin's.
func (c *Client) TopicConfigs(topic string) (map[string]string, error) {
	ctx, cancel := patient()
	defer cancel()
	return onlyConfigs(c.admin.DescribeTopicConfigs(ctx, topic))
}

// BrokerConfigs is client.Admin's.
func (c *Client) BrokerConfigs(node int32) (map[string]string, error) {
	ctx, cancel := patient()
	defer cancel()
	return onlyConfigs(c.admin.DescribeBrokerConfigs(ctx, node))
}

func onlyConfigs(found kadm.ResourceConfigs, err error) (map[string]string, error) {
	configs := map[string]string{}
	for _, resource := range found {
		err = errors.Join(err, resource.Err)
		for _, each := range resource.Configs {
			configs[each.Key] = each.MaybeValue()
		}
	}
	return configs, err
}

var operations = []kadm.IncrementalOp{kadm.SetConfig, kadm.DeleteConfig, kadm.AppendConfig, kadm.SubtractConfig}

// AlterConfigs is client.Admin's.
func (c *Client) AlterConfigs(topic string, changes []client.ConfigChange) error {
	ctx, cancel := patient()
	defer cancel()
	var wanted []kadm.AlterConfig
	for _, each := range changes {
		wanted = append(wanted, kadm.AlterConfig{Op: operations[each.Operation], Name: each.Name, Value: &each.Value})
	}
	answers, err := c.admin.AlterTopicConfigs(ctx, wanted, topic)
	return joinAltered(answers, err)
}

// ReplaceConfigs is client.Admin's.
func (c *Client) ReplaceConfigs(topic string, configs map[string]string) error {
	ctx, cancel := patient()
	defer cancel()
	var wanted []kadm.AlterConfig
	for name, value := range configs {
		wanted = append(wanted, kadm.AlterConfig{Name: name, Value: &value})
	}
	answers, err := c.admin.AlterTopicConfigsState(ctx, wanted, topic)
	return joinAltered(answers, err)
}

func joinAltered(answers kadm.AlterConfigsResponses, err error) error {
	for _, each := range answers {
		err = errors.Join(err, each.Err)
	}
	return err
}

// DeleteRecords is client.Admin's.
func (c *Client) DeleteRecords(topic string, partition int32, before int64) error {
	ctx, cancel := patient()
	defer cancel()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: before})
	answers, err := c.admin.DeleteRecords(ctx, offsets)
	return errors.Join(err, answers.Error())
}

// Groups is client.Admin's.
func (c *Client) Groups() (map[string]string, error) {
	ctx, cancel := patient()
	defer cancel()
	found, err := c.admin.ListGroups(ctx)
	groups := map[string]string{}
	for _, each := range found {
		groups[each.Group] = each.ProtocolType
	}
	return groups, err
}

// DescribeGroup is client.Admin's.
func (c *Client) DescribeGroup(group string) (client.Group, error) {
	ctx, cancel := patient()
	defer cancel()
	answers, err := c.admin.DescribeGroups(ctx, group)
	if err != nil {
		return client.Group{}, err
	}
	found := answers[group]
	described := client.Group{State: found.State, Strategy: found.Protocol}
	for _, each := range found.Members {
		count := 0
		if assigned, ok := each.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				count += len(topic.Partitions)
			}
		}
		described.Members = append(described.Members, client.GroupMember{ClientID: each.ClientID,
			Host: strings.TrimPrefix(each.ClientHost, "/"), Partitions: count})
	}
	return described, found.Err
}

// DeleteGroup is client.Admin's.
func (c *Client) DeleteGroup(group string) error {
	ctx, cancel := patient()
	defer cancel()
	answers, err := c.admin.DeleteGroups(ctx, group)
	return errors.Join(err, answers.Error())
}

// DeleteOffset is client.Admin's.
func (c *Client) DeleteOffset(group, topic string, partition int32) error {
	ctx, cancel := patient()
	defer cancel()
	wanted := kadm.TopicsSet{}
	wanted.Add(topic, partition)
	answers, err := c.admin.DeleteOffsets(ctx, group, wanted)
	return errors.Join(err, answers.Error())
}
