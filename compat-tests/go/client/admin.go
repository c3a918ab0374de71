package client

// Admin are the admin calls. Errors hold Kafka's codes.
type Admin interface {
	CreateTopic(topic NewTopic) error
	DeleteTopic(topic string) error
	// CreatePartitions grows a topic to so many.
	CreatePartitions(topic string, count int) error
	Topics() ([]string, error)
	DescribeTopic(topic string) ([]Partition, error)
	DescribeCluster() (ClusterInfo, error)
	TopicConfigs(topic string) (map[string]string, error)
	BrokerConfigs(node int32) (map[string]string, error)
	// AlterConfigs changes single settings of a topic.
	AlterConfigs(topic string, changes []ConfigChange) error
	// ReplaceConfigs gives a topic these settings and no other, by the older request.
	ReplaceConfigs(topic string, configs map[string]string) error
	// DeleteRecords moves the start of a partition.
	DeleteRecords(topic string, partition int32, before int64) error
	// Groups are the groups and their protocol types.
	Groups() (map[string]string, error)
	DescribeGroup(group string) (Group, error)
	DeleteGroup(group string) error
	DeleteOffset(group, topic string, partition int32) error
}

// NewTopic is a topic to create.
type NewTopic struct {
	Name       string
	Partitions int
	// Assignment holds the replicas of each partition, if they are chosen.
	Assignment   [][]int32
	Replicas     int
	Configs      map[string]string
	ValidateOnly bool
}

// Partition is one partition as the metadata shows it.
type Partition struct {
	ID, Leader    int32
	Replicas, ISR []int32
}

// ClusterInfo is what is known of the cluster.
type ClusterInfo struct {
	Controller int32
	Nodes      []int32
	Addresses  []string
}

// ConfigChange is one incremental change.
type ConfigChange struct {
	Name, Value string
	// Operation is one of the constants, which are the numbers on the wire.
	Operation int8
}

// The operations of ConfigChange.
const (
	SetConfig int8 = iota
	DeleteConfig
	AppendConfig
	SubtractConfig
)

// Group is a group as its coordinator describes it.
type Group struct {
	State string
	// Strategy is empty where the library does not say it.
	Strategy string
	Members  []GroupMember
}

// GroupMember is one member of a group.
type GroupMember struct {
	ClientID, Host string
	// Partitions it is assigned, of all topics.
	Partitions int
}
