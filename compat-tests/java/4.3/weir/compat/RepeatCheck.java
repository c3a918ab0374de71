package weir.compat;

import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.InitProducerIdRequest;
import org.apache.kafka.common.requests.InitProducerIdResponse;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;

/** What the broker answers when an idempotent producer repeats a batch, leaves one out, or is an old one. */
final class RepeatCheck {
    private final Cluster cluster;

    RepeatCheck(Cluster cluster) {
        this.cluster = cluster;
    }

    String run() throws Exception {
        String topic = cluster.topic("repeats", 1);
        Uuid id = cluster.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        try (RawClient client = new RawClient(cluster.bootstrap)) {
            InitProducerIdResponseData producer = initProducer(client);
            long pid = producer.producerId();
            short epoch = producer.producerEpoch();
            for (int batch = 0; batch < 6; batch++) {
                expect(produce(client, id, pid, epoch, batch * 2), Errors.NONE, batch * 2, "batch " + batch);
            }
            // The last five batches are remembered, with the offsets they got.
            for (int batch = 1; batch < 6; batch++) {
                expect(produce(client, id, pid, epoch, batch * 2), Errors.NONE, batch * 2, "repeat of " + batch);
            }
            expect(produce(client, id, pid, epoch, 20), Errors.OUT_OF_ORDER_SEQUENCE_NUMBER, -1, "a gap");
            expect(produce(client, id, pid, (short) (epoch + 1), 4), Errors.OUT_OF_ORDER_SEQUENCE_NUMBER, -1,
                    "a new epoch that does not begin at 0");
            expect(produce(client, id, pid, (short) (epoch + 1), 0), Errors.NONE, 12, "a new epoch");
            expect(produce(client, id, pid, epoch, 12), Errors.INVALID_PRODUCER_EPOCH, -1, "an old epoch");
            InitProducerIdResponseData other = initProducer(client);
            Expect.that(other.producerId() != pid, "a producer id was given twice");
            expect(produce(client, id, other.producerId(), other.producerEpoch(), 0), Errors.NONE, 14,
                    "another producer");
        }
        int found = cluster.readLines(topic).size();
        Expect.equal(16, found, "records");
        return "6 batches, 5 repeats, 3 refused";
    }

    /** A broker that has just started may ask to be asked again. */
    private static InitProducerIdResponseData initProducer(RawClient client) throws Exception {
        InitProducerIdRequestData data = new InitProducerIdRequestData()
                .setTransactionalId(null).setTransactionTimeoutMs(60_000);
        long deadline = System.currentTimeMillis() + 30_000;
        while (true) {
            InitProducerIdResponse answer = (InitProducerIdResponse) client.ask(
                    new InitProducerIdRequest.Builder(data).build((short) 4));
            boolean isRetriable = answer.error().exception() instanceof RetriableException;
            if (!isRetriable || System.currentTimeMillis() > deadline) {
                Expect.equal(Errors.NONE, answer.error(), "InitProducerId");
                return answer.data();
            }
            Thread.sleep(50);
        }
    }

    private static PartitionProduceResponse produce(RawClient client, Uuid topic, long pid, short epoch, int sequence)
            throws Exception {
        MemoryRecords records = MemoryRecords.withIdempotentRecords(Compression.NONE, pid, epoch, sequence,
                new SimpleRecord(System.currentTimeMillis(), Samples.utf8("first " + sequence)),
                new SimpleRecord(System.currentTimeMillis(), Samples.utf8("second " + sequence)));
        TopicProduceData part = new TopicProduceData().setTopicId(topic).setPartitionData(
                List.of(new PartitionProduceData().setIndex(0).setRecords(records)));
        ProduceRequestData data = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000);
        data.topicData().add(part);
        short version = ApiKeys.PRODUCE.latestVersion();
        ProduceResponse answer = (ProduceResponse) client.ask(
                new ProduceRequest.Builder(version, version, data).build(version));
        return answer.data().responses().iterator().next().partitionResponses().get(0);
    }

    private static void expect(PartitionProduceResponse answer, Errors error, long offset, String what) {
        Expect.equal(error, Errors.forCode(answer.errorCode()), what);
        Expect.equal(offset, answer.baseOffset(), "base offset of " + what);
    }
}
