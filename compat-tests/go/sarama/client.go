// Package sarama is IBM's sarama.
package sarama

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"weir/compat/checks"
	"weir/compat/client"
)

// Client is client.Client.
type Client struct {
	bootstrap string
	client    sarama.Client
	admin     sarama.ClusterAdmin
}

// settings are what all of its clients share.
func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V4_3_0_0
	config.Metadata.Retry.Max, config.Metadata.Retry.Backoff = 20, 100*time.Millisecond
	config.Admin.Timeout = checks.Patience
	config.Net.ReadTimeout = checks.Patience
	config.Net.WriteTimeout = checks.Patience
	return config
}

// New connects to a broker.
func New(bootstrap string) (*Client, error) {
	connected, err := sarama.NewClient([]string{bootstrap}, settings())
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(connected)
	if err != nil {
		return nil, err
	}
	return &Client{bootstrap, connected, admin}, nil
}

// Name is client.Client's.
func (c *Client) Name() string { return "sarama" }

// Bootstrap is client.Client's.
func (c *Client) Bootstrap() string { return c.bootstrap }

// Features is client.Client's.
func (c *Client) Features() client.Features {
	return client.Features{Idempotence: true, Cooperative: true, StaticMembers: true, OldAlterConfigs: true}
}

// Code is client.Client's.
func (c *Client) Code(err error) int16 {
	var kafka sarama.KError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &kafka):
		return int16(kafka)
	default:
		return -1
	}
}

// Bounds is client.Client's.
func (c *Client) Bounds(topic string, partition int32) (int64, int64, error) {
	// What it knows of the topic can be older than the partition.
	if _, err := c.client.Leader(topic, partition); err != nil {
		return 0, 0, err
	}
	start, err := c.client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, err
	}
	end, err := c.client.GetOffset(topic, partition, sarama.OffsetNewest)
	return start, end, err
}

// OffsetAt is client.Client's.
func (c *Client) OffsetAt(topic string, partition int32, millis int64) (int64, error) {
	return c.client.GetOffset(topic, partition, millis)
}

// fresh forgets what is known of a topic that may have been made anew.
func (c *Client) fresh(topic string) error {
	if err := c.client.RefreshMetadata(topic); err != nil {
		return fmt.Errorf("metadata of %s: %w", topic, err)
	}
	return nil
}
