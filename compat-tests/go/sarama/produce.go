package sarama

import (
	"errors"
	"time"

	"github.com/IBM/sarama"

	"weir/compat/checks"
	"weir/compat/client"
	"weir/compat/record"
)

type producer struct {
	producer sarama.SyncProducer
	topic    string
}

var codecs = map[string]sarama.CompressionCodec{
	"": sarama.CompressionNone, "none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

var acks = map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "": sarama.WaitForAll,
	"all": sarama.WaitForAll}

// Producer is client.Client's.
func (c *Client) Producer(topic string, options client.ProducerOptions) (client.Producer, error) {
	config := settings()
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = acks[options.Acks]
	config.Producer.Compression = codecs[options.Codec]
	config.Producer.Retry.Max, config.Producer.Retry.Backoff = 20, 100*time.Millisecond
	if options.Lasting {
		config.Producer.Retry.Max = int(checks.Patience / config.Producer.Retry.Backoff)
		config.Metadata.Retry.Max = int(checks.Patience / config.Metadata.Retry.Backoff)
	}
	// What a topic takes is the broker's to say.
	config.Producer.MaxMessageBytes = 1_048_588
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Producer.Flush.MaxMessages = options.BatchRecords
	if options.Idempotent {
		config.Producer.Idempotent, config.Net.MaxOpenRequests = true, 1
	}
	if !options.ByKey {
		config.Producer.Partitioner = sarama.NewManualPartitioner
	}
	made, err := sarama.NewSyncProducer([]string{c.bootstrap}, config)
	if err != nil {
		return nil, err
	}
	return &producer{made, topic}, nil
}

func (p *producer) Send(records []record.Record) []client.Answer {
	messages := make([]*sarama.ProducerMessage, len(records))
	for index, each := range records {
		messages[index] = p.toLibrary(each, index)
	}
	answers := make([]client.Answer, len(records))
	err := p.producer.SendMessages(messages)
	for index, each := range messages {
		answers[index] = client.Answer{Partition: each.Partition, Offset: each.Offset}
	}
	var failed sarama.ProducerErrors
	if errors.As(err, &failed) {
		for _, each := range failed {
			answers[each.Msg.Metadata.(int)].Err = each.Err
		}
	} else if err != nil {
		answers[0].Err = err
	}
	return answers
}

func (p *producer) Close() { _ = p.producer.Close() }

func (p *producer) toLibrary(each record.Record, index int) *sarama.ProducerMessage {
	made := &sarama.ProducerMessage{Topic: p.topic, Partition: each.Partition, Timestamp: time.UnixMilli(each.Time),
		Metadata: index}
	// An encoder of nil bytes would be an empty value.
	if each.Key != nil {
		made.Key = sarama.ByteEncoder(each.Key)
	}
	if each.Value != nil {
		made.Value = sarama.ByteEncoder(each.Value)
	}
	for _, header := range each.Headers {
		made.Headers = append(made.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return made
}

func fromLibrary(read *sarama.ConsumerMessage) record.Record {
	each := record.Record{Partition: read.Partition, Offset: read.Offset, Time: read.Timestamp.UnixMilli(),
		Key: read.Key, Value: read.Value}
	for _, header := range read.Headers {
		each.Headers = append(each.Headers, record.Header{Name: string(header.Key), Value: header.Value})
	}
	return each
}
