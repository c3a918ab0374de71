package weir.compat;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/** What is particular to this version of kafka-clients: 4.3. */
final class Client {
    /** Begins the names of topics and groups. */
    static final String PREFIX = "java";

    /** The look-up by largest timestamp, or nothing. */
    static final List<OffsetSpec> MAX_TIMESTAMP = List.of(OffsetSpec.maxTimestamp());

    private Client() {}

    /** Checks that only this version can run. */
    static void register(Cluster cluster, Checks checks) {
        checks.add("produce.repeats", () -> new RepeatCheck(cluster).run());
        checks.add("error.fetch", () -> new FetchErrors(cluster).run());
    }

    /** Commands that only this version has. */
    static void command(String name, String bootstrap, List<String> rest) throws Exception {
        switch (name) {
            case "tools" -> tools(bootstrap, rest);
            case "streams" -> only(bootstrap, rest, (cluster, checks) -> new WordCountCheck(cluster).register(checks));
            case "connect" -> only(bootstrap, rest, (cluster, checks) -> new ConnectCheck(cluster).register(checks));
            case "write-files" -> files(bootstrap, transplant -> {
                transplant.write(rest.get(0));
                transplant.read(rest.get(0), Path.of(rest.get(1)));
            });
            case "create-topic" -> files(bootstrap, transplant -> transplant.create(rest.get(0)));
            case "read-files" -> files(bootstrap, transplant -> transplant.read(rest.get(0), Path.of(rest.get(1))));
            case "dump-log" -> DumpFiles.main(Path.of(bootstrap));
            default -> throw new IllegalArgumentException("unknown command " + name);
        }
    }

    private interface FilesStep {
        void run(Transplant transplant) throws Exception;
    }

    private static void files(String bootstrap, FilesStep step) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            step.run(new Transplant(cluster));
        }
    }

    private interface Register {
        void into(Cluster cluster, Checks checks);
    }

    private static void only(String bootstrap, List<String> filters, Register register) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Checks checks = new Checks(System.out);
            register.into(cluster, checks);
            checks.run(1, filters);
        }
    }

    private static void tools(String bootstrap, List<String> rest) throws Exception {
        PrintStream out = System.out;
        ToolRun.install();
        try (Cluster cluster = new Cluster(bootstrap)) {
            List<String> filters = rest.subList(4, rest.size());
            ToolBook book = new ToolBook(Path.of(rest.get(2)), Path.of(rest.get(3)), cluster.isWeir());
            Checks checks = new Checks(out);
            new ToolSuite(cluster, Path.of(rest.get(1)), checks, book).register();
            checks.run(Main.THREADS, filters);
            // Those that look at speed, and at all accepted differences, have the broker and the end for themselves.
            Checks last = new Checks(out);
            new ToolChecks(cluster, Integer.parseInt(rest.get(0))).register(last);
            if (filters.isEmpty() && cluster.isWeir()) {
                last.add("tools.accepted", book::noneForgotten);
            }
            last.run(1, filters);
        }
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
        return group.groupState().name();
    }

    /** A group that does not exist is described as an error. */
    static void expectMissing(Admin admin, String group) {
        Expect.error(GroupIdNotFoundException.class, () -> admin.describeConsumerGroups(List.of(group)).all().get());
    }

    /** The state with which a group is listed, in capitals, null if it is not. */
    static String listedState(Admin admin, String group) throws Exception {
        GroupListing found = list(admin, group, new ListGroupsOptions());
        if (found == null) {
            return null;
        }
        // A group has no type of its own, and no protocol, until its first member has joined.
        if (found.groupState().orElse(null) == GroupState.STABLE) {
            Expect.equal(GroupType.CLASSIC, found.type().orElse(null), "listed type");
            Expect.equal("consumer", found.protocol(), "listed protocol");
        }
        return found.groupState().orElseThrow().name();
    }

    /** Whether a group is among those that are listed as empty. */
    static boolean isListedAsEmpty(Admin admin, String group) throws Exception {
        return list(admin, group, new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))) != null;
    }

    private static GroupListing list(Admin admin, String group, ListGroupsOptions options) throws Exception {
        return admin.listGroups(options).all().get().stream()
                .filter(listing -> listing.groupId().equals(group)).findFirst().orElse(null);
    }
}
