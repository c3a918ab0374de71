package weir.compat;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/**
 * A record as one line of text: partition, offset, timestamp, key, value, headers. Null is "-" and the empty value is
 * "=", so that the two never look alike; long values stand as length and SHA-256. Two records are the same if and only
 * if their lines are.
 */
final class Lines {
    /** Bytes up to this length are written out in hexadecimal. */
    private static final int SHORT = 48;

    private Lines() {}

    static String got(ConsumerRecord<byte[], byte[]> record) {
        return line(record.partition(), record.offset(), record.timestamp(), record.key(), record.value(),
                record.headers());
    }

    static String sent(ProducerRecord<byte[], byte[]> record, int partition, long offset, long timestamp) {
        return line(partition, offset, timestamp, record.key(), record.value(), record.headers());
    }

    static String digest(List<String> lines) {
        MessageDigest sha = sha256();
        for (String line : lines) {
            sha.update(line.getBytes(StandardCharsets.UTF_8));
            sha.update((byte) '\n');
        }
        return HexFormat.of().formatHex(sha.digest());
    }

    private static String line(int partition, long offset, long timestamp, byte[] key, byte[] value, Headers headers) {
        StringBuilder line = new StringBuilder();
        line.append("p").append(partition).append(" o").append(offset).append(" t").append(timestamp);
        line.append(" k").append(bytes(key)).append(" v").append(bytes(value)).append(" h");
        for (Header header : headers) {
            line.append('[').append(bytes(header.key().getBytes(StandardCharsets.UTF_8)))
                    .append(' ').append(bytes(header.value())).append(']');
        }
        return line.toString();
    }

    private static String bytes(byte[] bytes) {
        if (bytes == null) {
            return "-";
        }
        if (bytes.length <= SHORT) {
            return "=" + HexFormat.of().formatHex(bytes);
        }
        return "#" + bytes.length + ":" + HexFormat.of().formatHex(sha256().digest(bytes));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException problem) {
            throw new IllegalStateException("every Java has SHA-256", problem);
        }
    }
}
