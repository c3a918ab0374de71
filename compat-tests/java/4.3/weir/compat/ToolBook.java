package weir.compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What the tools printed, a text file for each check, in one folder for Kafka and one for Weir. A run on Kafka writes
 * them once its facts hold; a run on Weir is compared with them, line by line.
 */
final class ToolBook {
    /** Differing lines that a failure shows. */
    private static final int SHOWN = 12;

    private final Path kafka;
    private final Path weir;
    private final boolean isWeir;
    private final ToolDifferences differences;

    ToolBook(Path folder, Path accepted, boolean isWeir) throws IOException {
        kafka = Files.createDirectories(folder.resolve("kafka"));
        weir = Files.createDirectories(folder.resolve("weir"));
        differences = new ToolDifferences(accepted);
        this.isWeir = isWeir;
    }

    /** Judges a check whose tools have run. */
    String settle(String check, ToolScene scene) throws IOException {
        List<String> lines = scene.rendered();
        Files.write((isWeir ? weir : kafka).resolve(check + ".txt"), lines);
        long calls = lines.stream().filter(line -> line.startsWith("$")).count();
        String detail = calls + " calls, " + (lines.size() - 2 * calls) + " lines";
        if (!isWeir) {
            scene.verify();
            return detail;
        }
        Path book = kafka.resolve(check + ".txt");
        Expect.that(Files.exists(book), "there is no answer of Kafka's to compare with: run it on Kafka first");
        List<String> expected = Files.readAllLines(book);
        List<String> differing = diff(differences.counting(check, expected), differences.counting(check, lines));
        List<String> accepted = diff(expected, lines).stream().map(line -> line.substring(2)).toList();
        List<String> reasons = differences.reasons(check, accepted);
        Expect.that(differing.isEmpty(), differing.size() + " lines differ (- Kafka, + Weir): "
                + String.join(" ¶ ", differing.subList(0, Math.min(SHOWN, differing.size()))));
        return reasons.isEmpty() ? detail : detail + "; " + accepted.size() + " differ as accepted: " + reasons;
    }

    /** Every accepted difference is one. */
    String noneForgotten() {
        Expect.equal(List.of(), differences.unneeded(), "accepted differences that are none");
        return "";
    }

    /** A shortest way from one list to the other: lines taken away with "- ", lines added with "+ ". */
    private static List<String> diff(List<String> from, List<String> to) {
        int[][] common = new int[from.size() + 1][to.size() + 1];
        for (int i = from.size() - 1; i >= 0; i--) {
            for (int j = to.size() - 1; j >= 0; j--) {
                common[i][j] = from.get(i).equals(to.get(j)) ? common[i + 1][j + 1] + 1
                        : Math.max(common[i + 1][j], common[i][j + 1]);
            }
        }
        List<String> changes = new ArrayList<>();
        int i = 0;
        int j = 0;
        while (i < from.size() || j < to.size()) {
            if (i < from.size() && j < to.size() && from.get(i).equals(to.get(j))) {
                i++;
                j++;
            } else if (j == to.size() || i < from.size() && common[i + 1][j] >= common[i][j + 1]) {
                changes.add("- " + from.get(i++));
            } else {
                changes.add("+ " + to.get(j++));
            }
        }
        return changes;
    }
}
