package weir.compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Records to produce: the same ones for the same seed. */
final class Samples {
    /** How many records produce.volume sends. */
    static final int VOLUME = Integer.parseInt(System.getenv().getOrDefault("WEIR_COMPAT_VOLUME", "5000"));

    private Samples() {}

    static byte[] utf8(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    /** Bytes that no codec makes smaller. */
    static byte[] noise(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** Keyed records for the partitions in turn, 1 ms apart and ending now; values compress well. */
    static List<ProducerRecord<byte[], byte[]>> records(String topic, int partitions, int count, long seed) {
        Random random = new Random(seed);
        long start = System.currentTimeMillis() - count;
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String value = "value " + i + " " + "weir ".repeat(random.nextInt(60)) + random.nextLong();
            ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, i % partitions, start + i,
                    utf8("key " + random.nextInt(1000)), utf8(value));
            if (i % 3 == 0) {
                record.headers().add("number", utf8(Integer.toString(i)));
            }
            records.add(record);
        }
        return records;
    }
}
