package weir.compat;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The Java side of the tests, one program for all, so that few JVMs start.
 *
 * <pre>
 * matrix BOOTSTRAP [FILTER]…         the checks of kafka-clients
 * tools BOOTSTRAP RECORDS [FILTER]…  those of Kafka's own tools
 * member BOOTSTRAP TOPIC [CONFIG]…   a group's member that can be killed
 * write-files BOOTSTRAP TOPIC DUMP   fills a topic and dumps what can be read of it
 * create-topic BOOTSTRAP TOPIC       makes an empty one of the same shape
 * read-files BOOTSTRAP TOPIC DUMP    dumps what can be read of it
 * dump-log LIST                      runs DumpLogSegments over the files that the list names
 * </pre>
 */
public final class Main {
    /** Checks that run at once. Most of their time is waiting. */
    private static final int THREADS = 6;

    private Main() {}

    public static void main(String[] args) throws Exception {
        List<String> rest = Arrays.asList(args).subList(2, args.length);
        PrintStream out = System.out;
        switch (args[0]) {
            case "matrix" -> matrix(args[1], rest, out);
            case "tools" -> tools(args[1], rest, out);
            case "write-files" -> files(args[1], transplant -> {
                transplant.write(rest.get(0));
                transplant.read(rest.get(0), Path.of(rest.get(1)));
            });
            case "create-topic" -> files(args[1], transplant -> transplant.create(rest.get(0)));
            case "read-files" -> files(args[1], transplant -> transplant.read(rest.get(0), Path.of(rest.get(1))));
            case "dump-log" -> DumpFiles.main(Path.of(args[1]));
            case "member" -> ChildMember.main(args[1], rest.get(0), rest.subList(1, rest.size()));
            default -> throw new IllegalArgumentException("unknown command " + args[0]);
        }
        System.exit(0);
    }

    private interface FilesStep {
        void run(Transplant transplant) throws Exception;
    }

    private static void files(String bootstrap, FilesStep step) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            step.run(new Transplant(cluster));
        }
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
            checks.run(THREADS, filters);
        }
    }

    private static void tools(String bootstrap, List<String> rest, PrintStream out) throws Exception {
        try (Cluster cluster = new Cluster(bootstrap)) {
            Checks checks = new Checks(out);
            new ToolChecks(cluster, Integer.parseInt(rest.get(0))).register(checks);
            checks.run(1, rest.subList(1, rest.size()));
        }
    }
}
