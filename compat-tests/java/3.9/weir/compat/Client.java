package weir.compat;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.ConsumerGroupState;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;

/** What is particular to this version of kafka-clients: 3.9. */
final class Client {
    /** Begins the names of topics and groups. */
    static final String PREFIX = "java39";

    /** The look-up by largest timestamp, or nothing. */
    static final List<OffsetSpec> MAX_TIMESTAMP = List.of(OffsetSpec.maxTimestamp());

    private Client() {}

    /** Checks that only this version can run. */
    static void register(Cluster cluster, Checks checks) {}

    /** Commands that only this version has. */
    static void command(String name, String bootstrap, List<String> rest) {
        throw new IllegalArgumentException("unknown command " + name);
    }

    static Map<String, TopicDescription> describeTopics(Admin admin, Collection<String> names) throws Exception {
        return admin.describeTopics(names).allTopicNames().get();
    }

    /** The name of a topic that is asked for by its id. */
    static String nameById(Admin admin, TopicDescription topic) throws Exception {
        Uuid id = topic.topicId();
        return admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name();
    }

    static void deleteById(Admin admin, TopicDescription topic) throws Exception {
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(topic.topicId()))).all().get();
    }

    /** A group's state in capitals. */
    static String stateOf(ConsumerGroupDescription group) {
        return group.state().name();
    }

    /** A group that does not exist is described as dead. */
    static void expectMissing(Admin admin, String group) throws Exception {
        Expect.equal("DEAD", stateOf(admin.describeConsumerGroups(List.of(group)).all().get().get(group)), "state");
    }

    /** The state with which a group is listed, in capitals, null if it is not. */
    static String listedState(Admin admin, String group) throws Exception {
        ConsumerGroupListing found = list(admin, group, new ListConsumerGroupsOptions());
        return found == null ? null : found.state().orElseThrow().name();
    }

    /** Whether a group is among those that are listed as empty. */
    static boolean isListedAsEmpty(Admin admin, String group) throws Exception {
        return list(admin, group, new ListConsumerGroupsOptions().inStates(Set.of(ConsumerGroupState.EMPTY))) != null;
    }

    private static ConsumerGroupListing list(Admin admin, String group, ListConsumerGroupsOptions options)
            throws Exception {
        return admin.listConsumerGroups(options).all().get().stream()
                .filter(listing -> listing.groupId().equals(group)).findFirst().orElse(null);
    }
}
