package weir.compat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes outputs of two brokers comparable: whatever differs between any two runs of one broker is replaced by a word in
 * angle brackets. The only place that knows what may differ freely.
 */
final class ToolMask {
    private record Rule(Pattern pattern, String replacement) {}

    /** What a broker wrote is free; that it wrote something, and the class of the exception, are not. */
    private static final String MESSAGE = "<message>";

    private final List<Rule> rules = new ArrayList<>();

    ToolMask(String bootstrap, String run, Path data, Path files) {
        literally(files.toString(), "<files>");
        literally(data.toString(), "<data>");
        literally(bootstrap, "<broker>");
        literally(run, "-<run>");
        // Random ids: of members, then of topics and clusters.
        rule("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>");
        rule("(?<=TopicId: )[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])", "<topic id>");
        rule("(?<=(Cluster ID|ClusterId): {0,20})\\S+", "<cluster id>");
        // Clocks, in milliseconds and as dates.
        rule("(?<![0-9])1[6-9]\\d{11}(?![0-9])", "<time>");
        rule("\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d([.,:]\\d+)?( ?(Z|[+-]\\d\\d:?\\d\\d))?", "<time>");
        rule("clientId=[\\w-]+", "clientId=<client>");
        rule("perf-consumer-\\d+", "perf-consumer-<n>");
        rule("console-consumer-\\d+", "console-consumer-<n>");
        // Exceptions, and where tools print no more of one than its text.
        rule("((?:[a-z]\\w*\\.)+[A-Z]\\w*(?:\\$\\w+)?(?:Exception|Error)): (?!(?:[a-z]\\w*\\.)+[A-Z]\\w*Exception).*",
                "$1: " + MESSAGE);
        rule("(?<=Error while executing \\w{1,20} command : ).*", MESSAGE);
        rule("(?<=broker ID -?\\d{1,9} failed: ).*", MESSAGE);
        rule("^((?:Can|Could) not \\w+ \\S+( to \\d+)?\\.) \\S.*", "$1 " + MESSAGE);
        rule("(?<=on leader: ).*", MESSAGE);
        rule("(?<=Error while executing \\w{1,20} \\w{1,20} command : ).*", MESSAGE);
    }

    private void literally(String text, String replacement) {
        rules.add(new Rule(Pattern.compile(Pattern.quote(text)), Matcher.quoteReplacement(replacement)));
    }

    private void rule(String pattern, String replacement) {
        rules.add(new Rule(Pattern.compile(pattern), replacement));
    }

    /** The text's lines, masked. Columns are set apart by one space, as their widths follow what they hold. */
    List<String> lines(String text) {
        List<String> lines = new ArrayList<>();
        for (String line : text.split("\r?\n")) {
            // Where in the tool's code it happened says nothing about the broker.
            if (!line.isBlank() && !line.matches("\\s+at .*|\\s+\\.\\.\\. \\d+ more")) {
                lines.add(line(line));
            }
        }
        return lines;
    }

    String line(String line) {
        String masked = line;
        for (Rule rule : rules) {
            masked = rule.pattern.matcher(masked).replaceAll(rule.replacement);
        }
        return masked.replaceAll("\\s+", " ").strip();
    }

    /** Every number with its fraction, for what depends on speed. */
    static String figures(String line) {
        return line.replaceAll("(?<![\\w<])-?\\d+([.,]\\d+)?(E-?\\d+)?(?![\\w>])", "<n>");
    }
}
