package weir.compat;

import static weir.compat.Samples.utf8;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Topics and offsets that the scenes of several tools look at. */
final class ToolTopics {
    /** The time of each partition's first record; each next one is a minute later. */
    static final long BEGIN = 1_700_000_000_000L;
    static final long STEP = 60_000;
    /** Records in each partition. */
    static final int RECORDS = 10;

    private ToolTopics() {}

    /** For topics with records as old as these. */
    static final Map<String, String> KEPT = Map.of("retention.ms", "-1");

    /** A topic whose partitions hold ten records each, one a batch. */
    static String filled(Cluster cluster, String what, int partitions, Map<String, String> configs) throws Exception {
        String topic = cluster.topic(what, partitions, configs);
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(Map.of())) {
            for (int i = 0; i < RECORDS; i++) {
                for (int partition = 0; partition < partitions; partition++) {
                    producer.send(new ProducerRecord<>(topic, partition, BEGIN + i * STEP, utf8("key " + i),
                            utf8("value " + i + " of " + partition)));
                }
                producer.flush();
            }
        }
        return topic;
    }

    static String filled(Cluster cluster, String what, int partitions) throws Exception {
        return filled(cluster, what, partitions, KEPT);
    }

    /** A group without members that has committed these offsets in partitions 0, 1, … */
    static String group(Cluster cluster, String what, String topic, long... offsets) throws Exception {
        String group = cluster.name(what);
        Map<TopicPartition, OffsetAndMetadata> commits = new HashMap<>();
        for (int i = 0; i < offsets.length; i++) {
            commits.put(new TopicPartition(topic, i), new OffsetAndMetadata(offsets[i]));
        }
        cluster.admin.alterConsumerGroupOffsets(group, commits).all().get();
        return group;
    }

    /** Commits one more offset of a group without members. */
    static void commit(Cluster cluster, String group, String topic, int partition, long offset) throws Exception {
        cluster.admin.alterConsumerGroupOffsets(group,
                Map.of(new TopicPartition(topic, partition), new OffsetAndMetadata(offset))).all().get();
    }
}
