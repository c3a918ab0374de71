package weir.compat;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Admin calls on topics, configs and offsets: what they answer and that they act. */
final class AdminChecks {
    private final Cluster cluster;

    AdminChecks(Cluster cluster) {
        this.cluster = cluster;
    }

    void register(Checks checks) {
        checks.add("admin.create_topics", this::createTopics);
        checks.add("admin.delete_topics", this::deleteTopics);
        checks.add("admin.create_partitions", this::createPartitions);
        checks.add("admin.describe_topics", this::describeTopics);
        checks.add("admin.describe_cluster", this::describeCluster);
        checks.add("admin.describe_configs", this::describeConfigs);
        checks.add("admin.describe_broker", this::describeBroker);
        checks.add("admin.alter_configs", this::alterConfigs);
        checks.add("admin.configs_act", this::configsAct);
        checks.add("admin.list_offsets", this::listOffsets);
    }

    /** By count, by assignment, with configs; the answer tells them; validating creates nothing. */
    private String createTopics() throws Exception {
        String counted = cluster.name("create-counted");
        String assigned = cluster.name("create-assigned");
        String validated = cluster.name("create-validated");
        int node = cluster.admin.describeCluster().nodes().get().iterator().next().id();
        CreateTopicsResult made = cluster.admin.createTopics(List.of(
                new NewTopic(counted, Optional.of(3), Optional.empty()).configs(Map.of("retention.ms", "123456")),
                new NewTopic(assigned, Map.of(0, List.of(node), 1, List.of(node)))));
        made.all().get();
        Expect.equal(3, made.numPartitions(counted).get(), "partitions in the answer");
        Expect.equal(1, made.replicationFactor(counted).get(), "replicas in the answer");
        Expect.equal("123456", made.config(counted).get().get("retention.ms").value(), "config in the answer");
        Expect.equal(2, made.numPartitions(assigned).get(), "partitions assigned by hand");
        cluster.admin.createTopics(List.of(new NewTopic(validated, 1, (short) 1)),
                new CreateTopicsOptions().validateOnly(true)).all().get();
        awaitTopics(Set.of(counted, assigned));
        Expect.that(!cluster.admin.listTopics().names().get().contains(validated), "validating created the topic");
        Expect.equal(made.topicId(counted).get(), topic(counted).topicId(), "topic id");
        return "3 topics";
    }

    /** By name and by id; a topic made again under the same name is another one, and empty. */
    private String deleteTopics() throws Exception {
        String byName = cluster.topic("delete-name", 2);
        String byId = cluster.topic("delete-id", 1);
        awaitTopics(Set.of(byName, byId));
        RoundTrip.send(cluster, Map.of(), Samples.records(byName, 2, 50, 1));
        Uuid nameId = topic(byName).topicId();
        cluster.admin.deleteTopics(List.of(byName)).all().get();
        Client.deleteById(cluster.admin, topic(byId));
        Expect.eventually("topics gone", () -> {
            Set<String> names = cluster.admin.listTopics().names().get();
            return !names.contains(byName) && !names.contains(byId);
        });
        Expect.error(UnknownTopicOrPartitionException.class, () -> topic(byName));
        Expect.eventually("the name is free", () -> {
            try {
                cluster.topic("delete-name", 1);
                return true;
            } catch (java.util.concurrent.ExecutionException problem) {
                return false;
            }
        });
        awaitTopics(Set.of(byName));
        Expect.that(!nameId.equals(topic(byName).topicId()), "the new topic has the old one's id");
        return RoundTrip.check(cluster, byName, Map.of(), Samples.records(byName, 1, 40, 2));
    }

    private String createPartitions() throws Exception {
        String name = cluster.topic("create-partitions", 1);
        awaitTopics(Set.of(name));
        cluster.admin.createPartitions(Map.of(name, NewPartitions.increaseTo(4))).all().get();
        cluster.awaitPartitions(name, 4);
        Expect.equal(4, topic(name).partitions().size(), "partitions");
        return RoundTrip.check(cluster, name, Map.of("metadata.max.age.ms", 1000),
                Samples.records(name, 4, 100, 2));
    }

    private String describeTopics() throws Exception {
        String name = cluster.topic("describe", 3);
        awaitTopics(Set.of(name));
        int node = cluster.admin.describeCluster().nodes().get().iterator().next().id();
        TopicDescription found = topic(name);
        Expect.equal(false, found.isInternal(), "internal");
        for (int i = 0; i < 3; i++) {
            TopicPartitionInfo partition = found.partitions().get(i);
            Expect.equal(i, partition.partition(), "partition");
            Expect.equal(node, partition.leader().id(), "leader");
            Expect.equal(List.of(node), partition.replicas().stream().map(n -> n.id()).toList(), "replicas");
            Expect.equal(List.of(node), partition.isr().stream().map(n -> n.id()).toList(), "in-sync replicas");
        }
        Expect.equal(name, Client.nameById(cluster.admin, found), "name by id");
        return "3 partitions, by name and id";
    }

    private String describeCluster() throws Exception {
        DescribeClusterResult cluster = this.cluster.admin.describeCluster();
        Expect.that(cluster.clusterId().get() != null && !cluster.clusterId().get().isEmpty(), "no cluster id");
        Expect.equal(1, cluster.nodes().get().size(), "nodes");
        var node = cluster.nodes().get().iterator().next();
        Expect.equal(this.cluster.bootstrap, node.host() + ":" + node.port(), "address");
        Expect.equal(node.id(), cluster.controller().get().id(), "controller");
        return "1 node";
    }

    /** Values, sources and types of a topic's settings; all names that Kafka has are there. */
    private String describeConfigs() throws Exception {
        String name = cluster.topic("describe-configs", 1, Map.of("cleanup.policy", "compact,delete",
                "segment.bytes", "2000000"));
        awaitTopics(Set.of(name));
        Config config = configs(new ConfigResource(ConfigResource.Type.TOPIC, name));
        expectEntry(config, "cleanup.policy", "compact,delete", ConfigSource.DYNAMIC_TOPIC_CONFIG,
                ConfigEntry.ConfigType.LIST);
        expectEntry(config, "segment.bytes", "2000000", ConfigSource.DYNAMIC_TOPIC_CONFIG, ConfigEntry.ConfigType.INT);
        expectEntry(config, "retention.ms", "604800000", ConfigSource.DEFAULT_CONFIG, ConfigEntry.ConfigType.LONG);
        expectEntry(config, "max.message.bytes", "1048588", ConfigSource.DEFAULT_CONFIG, ConfigEntry.ConfigType.INT);
        expectEntry(config, "compression.type", "producer", ConfigSource.DEFAULT_CONFIG,
                ConfigEntry.ConfigType.STRING);
        expectEntry(config, "message.timestamp.type", "CreateTime", ConfigSource.DEFAULT_CONFIG,
                ConfigEntry.ConfigType.STRING);
        Set<String> names = config.entries().stream().map(ConfigEntry::name).collect(Collectors.toSet());
        Set<String> missing = new HashSet<>(TOPIC_CONFIGS);
        missing.removeAll(names);
        Expect.equal(Set.of(), missing, "settings that are missing");
        return names.size() + " settings";
    }

    /** The names of a topic's settings in Kafka 4.3, which MirrorMaker copies from cluster to cluster. */
    private static final Set<String> TOPIC_CONFIGS = Set.of("cleanup.policy", "compression.gzip.level",
            "compression.lz4.level", "compression.type", "compression.zstd.level", "delete.retention.ms",
            "file.delete.delay.ms", "flush.messages", "flush.ms", "follower.replication.throttled.replicas",
            "index.interval.bytes", "leader.replication.throttled.replicas", "local.retention.bytes",
            "local.retention.ms", "max.compaction.lag.ms", "max.message.bytes", "message.timestamp.after.max.ms",
            "message.timestamp.before.max.ms", "message.timestamp.type", "min.cleanable.dirty.ratio",
            "min.compaction.lag.ms", "min.insync.replicas", "preallocate", "remote.log.copy.disable",
            "remote.log.delete.on.disable", "remote.storage.enable", "retention.bytes", "retention.ms",
            "segment.bytes", "segment.index.bytes", "segment.jitter.ms", "segment.ms",
            "unclean.leader.election.enable");

    private String describeBroker() throws Exception {
        int node = cluster.admin.describeCluster().nodes().get().iterator().next().id();
        Config config = configs(new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(node)));
        Expect.equal(ConfigSource.STATIC_BROKER_CONFIG, config.get("auto.create.topics.enable").source(), "source");
        Expect.equal("false", config.get("auto.create.topics.enable").value(), "auto.create.topics.enable");
        Expect.equal(true, config.get("node.id").isReadOnly(), "node.id is read-only");
        Expect.equal("1048588", config.get("message.max.bytes").value(), "message.max.bytes");
        Expect.equal("1", config.get("num.partitions").value(), "num.partitions");
        return config.entries().size() + " settings";
    }

    /** Set, delete, append and subtract; one bad name spoils only its own resource. */
    private String alterConfigs() throws Exception {
        String name = cluster.topic("alter", 1, Map.of("cleanup.policy", "delete", "retention.bytes", "1000"));
        awaitTopics(Set.of(name));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
        alter(resource, List.of(op("retention.ms", "3600000", OpType.SET), op("retention.bytes", null, OpType.DELETE),
                op("cleanup.policy", "compact", OpType.APPEND)));
        Expect.eventually("altered", () -> "3600000".equals(configs(resource).get("retention.ms").value()));
        Config config = configs(resource);
        expectEntry(config, "retention.ms", "3600000", ConfigSource.DYNAMIC_TOPIC_CONFIG, ConfigEntry.ConfigType.LONG);
        expectEntry(config, "retention.bytes", "-1", ConfigSource.DEFAULT_CONFIG, ConfigEntry.ConfigType.LONG);
        Expect.equal("delete,compact", config.get("cleanup.policy").value(), "appended");
        alter(resource, List.of(op("cleanup.policy", "delete", OpType.SUBTRACT)));
        Expect.eventually("subtracted", () -> "compact".equals(configs(resource).get("cleanup.policy").value()));
        return "set, delete, append, subtract";
    }

    /** A new max.message.bytes refuses, a larger one takes again. */
    private String configsAct() throws Exception {
        String name = cluster.topic("configs-act", 1);
        awaitTopics(Set.of(name));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
        try (var producer = cluster.producer(Map.of())) {
            ProducerRecord<byte[], byte[]> big = new ProducerRecord<>(name, Samples.noise(20_000, 1));
            producer.send(big).get();
            alter(resource, List.of(op("max.message.bytes", "10000", OpType.SET)));
            Expect.eventually("refused", () -> {
                try {
                    producer.send(big).get();
                    return false;
                } catch (java.util.concurrent.ExecutionException problem) {
                    Expect.that(problem.getCause() instanceof RecordTooLargeException, "refused with " + problem);
                    return true;
                }
            });
            alter(resource, List.of(op("max.message.bytes", "30000", OpType.SET)));
            Expect.eventually("taken", () -> {
                try {
                    producer.send(big).get();
                    return true;
                } catch (java.util.concurrent.ExecutionException problem) {
                    return false;
                }
            });
        }
        return "refused and taken";
    }

    /** Earliest, latest, of the largest timestamp, and by time; in one call for several partitions. */
    private String listOffsets() throws Exception {
        String name = cluster.topic("list-offsets", 2, Map.of("retention.ms", "-1"));
        long base = 1_650_000_000_000L;
        List<ProducerRecord<byte[], byte[]>> records = new java.util.ArrayList<>();
        long[] times = {base, base + 50, base + 500, base + 20, base + 100};
        for (long time : times) {
            records.add(new ProducerRecord<>(name, 0, time, null, Samples.utf8("at " + time)));
        }
        RoundTrip.send(cluster, Map.of("linger.ms", 20), records);
        TopicPartition zero = new TopicPartition(name, 0);
        TopicPartition one = new TopicPartition(name, 1);
        expectOffset(zero, OffsetSpec.earliest(), 0, -1);
        expectOffset(zero, OffsetSpec.latest(), 5, -1);
        for (OffsetSpec largest : Client.MAX_TIMESTAMP) {
            expectOffset(zero, largest, 2, base + 500);
            expectOffset(one, largest, -1, -1);
        }
        expectOffset(zero, OffsetSpec.forTimestamp(base + 51), 2, base + 500);
        expectOffset(zero, OffsetSpec.forTimestamp(base + 1), 1, base + 50);
        expectOffset(zero, OffsetSpec.forTimestamp(base + 501), -1, -1);
        expectOffset(one, OffsetSpec.earliest(), 0, -1);
        expectOffset(one, OffsetSpec.latest(), 0, -1);
        Map<TopicPartition, ListOffsetsResultInfo> both = cluster.admin.listOffsets(
                Map.of(zero, OffsetSpec.latest(), one, OffsetSpec.earliest())).all().get();
        Expect.equal(5L, both.get(zero).offset(), "latest of two");
        Expect.equal(0L, both.get(one).offset(), "earliest of two");
        return 7 + 2 * Client.MAX_TIMESTAMP.size() + " look-ups";
    }

    private void expectOffset(TopicPartition partition, OffsetSpec spec, long offset, long timestamp)
            throws Exception {
        ListOffsetsResultInfo found = cluster.admin.listOffsets(Map.of(partition, spec)).partitionResult(partition)
                .get();
        String what = spec.getClass().getSimpleName() + " of " + partition;
        Expect.equal(offset, found.offset(), "offset, " + what);
        Expect.equal(timestamp, found.timestamp(), "timestamp, " + what);
    }

    private static void expectEntry(Config config, String name, String value, ConfigSource source,
            ConfigEntry.ConfigType type) {
        ConfigEntry entry = config.get(name);
        Expect.that(entry != null, "no " + name);
        Expect.equal(value, entry.value(), name);
        Expect.equal(source, entry.source(), "source of " + name);
        Expect.equal(type, entry.type(), "type of " + name);
    }

    private TopicDescription topic(String name) throws Exception {
        return Client.describeTopics(cluster.admin, List.of(name)).get(name);
    }

    /** Kafka shows a new topic a little after it answered; a broker that shows it at once passes as well. */
    private void awaitTopics(Set<String> names) throws Exception {
        Expect.eventually("topics " + names, () -> cluster.admin.listTopics().names().get().containsAll(names));
    }

    private Config configs(ConfigResource resource) throws Exception {
        KafkaFuture<Map<ConfigResource, Config>> answer = cluster.admin.describeConfigs(List.of(resource)).all();
        return answer.get().get(resource);
    }

    private void alter(ConfigResource resource, Collection<AlterConfigOp> operations) throws Exception {
        Map<ConfigResource, Collection<AlterConfigOp>> request = new HashMap<>();
        request.put(resource, operations);
        cluster.admin.incrementalAlterConfigs(request).all().get();
    }

    private static AlterConfigOp op(String name, String value, OpType type) {
        return new AlterConfigOp(new ConfigEntry(name, value), type);
    }
}
