package client

// Kafka's error codes that checks expect.
const (
	OffsetOutOfRange         int16 = 1
	UnknownTopicOrPartition  int16 = 3
	MessageTooLarge          int16 = 10
	InvalidTopic             int16 = 17
	InvalidTimestamp         int16 = 32
	TopicAlreadyExists       int16 = 36
	InvalidPartitions        int16 = 37
	InvalidReplicationFactor int16 = 38
	InvalidConfig            int16 = 40
	NonEmptyGroup            int16 = 68
	GroupIDNotFound          int16 = 69
	FencedInstanceID         int16 = 82
	GroupSubscribedToTopic   int16 = 86
	InvalidRecord            int16 = 87
)
