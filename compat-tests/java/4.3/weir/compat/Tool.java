package weir.compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kafka.admin.ConfigCommand;
import org.apache.kafka.tools.AclCommand;
import org.apache.kafka.tools.BrokerApiVersionsCommand;
import org.apache.kafka.tools.ClientMetricsCommand;
import org.apache.kafka.tools.ClusterTool;
import org.apache.kafka.tools.ConsoleProducer;
import org.apache.kafka.tools.ConsumerPerformance;
import org.apache.kafka.tools.DelegationTokenCommand;
import org.apache.kafka.tools.DeleteRecordsCommand;
import org.apache.kafka.tools.DumpLogSegments;
import org.apache.kafka.tools.EndToEndLatency;
import org.apache.kafka.tools.FeatureCommand;
import org.apache.kafka.tools.GetOffsetShell;
import org.apache.kafka.tools.GroupsCommand;
import org.apache.kafka.tools.LeaderElectionCommand;
import org.apache.kafka.tools.LogDirsCommand;
import org.apache.kafka.tools.MetadataQuorumCommand;
import org.apache.kafka.tools.ProducerPerformance;
import org.apache.kafka.tools.StreamsResetter;
import org.apache.kafka.tools.TopicCommand;
import org.apache.kafka.tools.TransactionsCommand;
import org.apache.kafka.tools.VerifiableConsumer;
import org.apache.kafka.tools.VerifiableProducer;
import org.apache.kafka.tools.consumer.ConsoleConsumer;
import org.apache.kafka.tools.consumer.group.ConsumerGroupCommand;
import org.apache.kafka.tools.consumer.group.ShareGroupCommand;
import org.apache.kafka.tools.reassign.ReassignPartitionsCommand;
import org.apache.kafka.tools.streams.StreamsGroupCommand;

/** Kafka's command-line tools: the class behind each script, and where it wants the broker's address. */
enum Tool {
    ACLS(AclCommand::main, Address.FIRST),
    BROKER_API_VERSIONS(BrokerApiVersionsCommand::main, Address.FIRST),
    CLIENT_METRICS(ClientMetricsCommand::main, Address.FIRST),
    CLUSTER(ClusterTool::main, Address.LAST),
    CONFIGS(ConfigCommand::main, Address.FIRST),
    CONSOLE_CONSUMER(ConsoleConsumer::main, Address.FIRST),
    CONSOLE_PRODUCER(ConsoleProducer::main, Address.FIRST),
    CONSUMER_GROUPS(ConsumerGroupCommand::main, Address.FIRST),
    CONSUMER_PERF_TEST(ConsumerPerformance::main, Address.FIRST),
    DELEGATION_TOKENS(DelegationTokenCommand::main, Address.FIRST),
    DELETE_RECORDS(DeleteRecordsCommand::main, Address.FIRST),
    DUMP_LOG(DumpLogSegments::main, Address.NONE),
    E2E_LATENCY(EndToEndLatency::main, Address.FIRST),
    FEATURES(FeatureCommand::main, Address.FIRST),
    GET_OFFSETS(GetOffsetShell::main, Address.FIRST),
    GROUPS(GroupsCommand::main, Address.FIRST),
    LEADER_ELECTION(LeaderElectionCommand::main, Address.FIRST),
    LOG_DIRS(LogDirsCommand::main, Address.FIRST),
    METADATA_QUORUM(MetadataQuorumCommand::main, Address.FIRST),
    PRODUCER_PERF_TEST(ProducerPerformance::main, Address.FIRST),
    REASSIGN_PARTITIONS(ReassignPartitionsCommand::main, Address.FIRST),
    SHARE_GROUPS(ShareGroupCommand::main, Address.FIRST),
    STREAMS_GROUPS(StreamsGroupCommand::main, Address.FIRST),
    STREAMS_RESET(StreamsResetter::main, Address.FIRST),
    TOPICS(TopicCommand::main, Address.FIRST),
    TRANSACTIONS(TransactionsCommand::main, Address.FIRST),
    VERIFIABLE_CONSUMER(VerifiableConsumer::main, Address.FIRST),
    VERIFIABLE_PRODUCER(VerifiableProducer::main, Address.FIRST);

    private enum Address { FIRST, LAST, NONE }

    final ToolRun.Main main;
    private final Address address;

    Tool(ToolRun.Main main, Address address) {
        this.main = main;
        this.address = address;
    }

    /** The arguments with the broker's address among them. */
    String[] arguments(String bootstrap, String... rest) {
        List<String> all = new ArrayList<>(Arrays.asList(rest));
        if (address != Address.NONE) {
            all.addAll(address == Address.FIRST ? 0 : all.size(), List.of("--bootstrap-server", bootstrap));
        }
        return all.toArray(String[]::new);
    }

    /** As its script is called. */
    String script() {
        return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }
}
