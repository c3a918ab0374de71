package weir.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Produces records with explicit partitions and timestamps to an empty topic and knows what must be read back. */
final class RoundTrip {
    private RoundTrip() {}

    /** Sends all of them, reads the topic whole and compares. */
    static String check(Cluster cluster, String topic, Map<String, ?> producerConfigs,
            List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        List<String> expected = send(cluster, producerConfigs, records);
        // Nobody says when such records can be read: with acks=1 they are written, and not yet committed.
        if (List.of("0", "1").contains(String.valueOf(producerConfigs.get("acks")))) {
            awaitEnd(cluster, topic, records.size());
        }
        return Expect.sameLines(expected, cluster.readLines(topic));
    }

    /** Sends all of them, checks what the producer was answered, and returns the lines to be read, by partition. */
    static List<String> send(Cluster cluster, Map<String, ?> producerConfigs,
            List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        boolean answered = !"0".equals(producerConfigs.get("acks"));
        List<Future<RecordMetadata>> answers = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(producerConfigs)) {
            records.forEach(record -> answers.add(producer.send(record)));
        }
        Map<Integer, List<String>> lines = new TreeMap<>();
        for (int i = 0; i < records.size(); i++) {
            ProducerRecord<byte[], byte[]> record = records.get(i);
            List<String> partition = lines.computeIfAbsent(record.partition(), p -> new ArrayList<>());
            RecordMetadata answer = answers.get(i).get(Expect.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            Expect.equal(answered ? partition.size() : -1L, answer.offset(), "offset of record " + i);
            Expect.equal(record.timestamp(), answer.timestamp(), "timestamp of record " + i);
            partition.add(Lines.sent(record, record.partition(), partition.size(), record.timestamp()));
        }
        return lines.values().stream().flatMap(List::stream).toList();
    }

    /** With acks=0 and acks=1 nobody says when the records can be read. */
    static void awaitEnd(Cluster cluster, String topic, int count) throws Exception {
        Expect.eventually("all records are committed", () -> cluster.readLines(topic).size() >= count);
    }
}
