package weir.compat;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;
import org.apache.kafka.common.message.FetchRequestData.FetchTopic;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.FetchRequest;
import org.apache.kafka.common.requests.FetchResponse;

/** Error codes of single Fetch requests, which clients hide behind retries, at an old and the newest version. */
final class FetchErrors {
    private final Cluster cluster;

    FetchErrors(Cluster cluster) {
        this.cluster = cluster;
    }

    String run() throws Exception {
        String topic = cluster.topic("fetch-errors", 1);
        RoundTrip.send(cluster, Map.of(), Samples.records(topic, 1, 10, 1));
        Uuid id = cluster.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        try (RawClient client = new RawClient(cluster.bootstrap)) {
            for (short version : new short[] {4, 11, 12, 13, ApiKeys.FETCH.latestVersion()}) {
                expect(client, version, topic, id, 0, 0, Errors.NONE);
                expect(client, version, topic, id, 0, 10, Errors.NONE);
                expect(client, version, topic, id, 1, 0, Errors.UNKNOWN_TOPIC_OR_PARTITION);
                expect(client, version, topic, id, 0, 11, Errors.OFFSET_OUT_OF_RANGE);
                expect(client, version, cluster.name("nowhere"), Uuid.randomUuid(), 0, 0,
                        version < 13 ? Errors.UNKNOWN_TOPIC_OR_PARTITION : Errors.UNKNOWN_TOPIC_ID);
            }
        }
        return "5 requests at 5 versions";
    }

    private static void expect(RawClient client, short version, String topic, Uuid id, int partition, long offset,
            Errors error) throws Exception {
        FetchTopic asked = new FetchTopic().setPartitions(List.of(new FetchPartition()
                .setPartition(partition).setFetchOffset(offset).setPartitionMaxBytes(1_000_000)));
        asked = version < 13 ? asked.setTopic(topic) : asked.setTopicId(id);
        FetchRequestData data = new FetchRequestData().setReplicaId(-1).setMaxWaitMs(10).setMinBytes(1)
                .setMaxBytes(1_000_000).setSessionId(0).setSessionEpoch(-1).setTopics(List.of(asked));
        FetchResponse answer = (FetchResponse) client.ask(new FetchRequest(data, version));
        Expect.equal(Errors.NONE, answer.error(), "top-level error at version " + version);
        PartitionData found = answer.data().responses().get(0).partitions().get(0);
        String what = "partition " + partition + " offset " + offset + " at version " + version;
        Expect.equal(error, Errors.forCode(found.errorCode()), what);
        if (error == Errors.NONE) {
            Expect.equal(10L, found.highWatermark(), "high watermark, " + what);
            Expect.equal(offset == 0, FetchResponse.recordsSize(found) > 0, "has records, " + what);
        }
    }
}
