package weir.compat;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;

/**
 * The Java side of the tests, one program for all, so that few JVMs start.
 *
 * <pre>
 * matrix BOOTSTRAP [FILTER]…         the checks of kafka-clients
 * member BOOTSTRAP TOPIC [CONFIG]…   a group's member that can be killed
 *
 * with the newest version of kafka-clients, in the midst of all of Apache Kafka's jars, also:
 *
 * tools BOOTSTRAP RECORDS DATA ANSWERS DIFFERENCES [FILTER]…  those of Kafka's own tools; the broker's folder of
 *                                    partitions, the folder of both brokers' answers, the file of what may differ
 * streams BOOTSTRAP [FILTER]…        Kafka Streams
 * connect BOOTSTRAP [FILTER]…        Kafka Connect
 * write-files BOOTSTRAP TOPIC DUMP   fills a topic and dumps what can be read of it
 * create-topic BOOTSTRAP TOPIC       makes an empty one of the same shape
 * read-files BOOTSTRAP TOPIC DUMP    dumps what can be read of it
 * dump-log LIST                      runs DumpLogSegments over the files that the list names
 * </pre>
 */
public final class Main {
    /** Checks that run at once. Most of their time is waiting. */
    static final int THREADS = 6;

    private Main() {}

    public static void main(String[] args) throws Exception {
        List<String> rest = Arrays.asList(args).subList(2, args.length);
        switch (args[0]) {
            case "matrix" -> matrix(args[1], rest, System.out);
            case "member" -> ChildMember.main(args[1], rest.get(0), rest.subList(1, rest.size()));
            default -> Client.command(args[0], args[1], rest);
        }
        System.exit(0);
    }

    private static void matrix(String bootstrap, List<String> filters, PrintStream out) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Checks checks = new Checks(out);
            // The slowest first, as they wait most.
            new GroupChecks(cluster).register(checks);
            new ProduceChecks(cluster).register(checks);
            new ConsumeChecks(cluster).register(checks);
            new CommitChecks(cluster).register(checks);
            new AdminChecks(cluster).register(checks);
            new GroupAdminChecks(cluster).register(checks);
            new ErrorChecks(cluster).register(checks);
            new RestartCheck(cluster).register(checks);
            Client.register(cluster, checks);
            checks.run(THREADS, filters);
        }
    }
}
