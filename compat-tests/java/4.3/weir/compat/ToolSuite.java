package weir.compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** What the scenes of all tools share: the broker, its folder of partitions, and the book of answers. */
final class ToolSuite {
    /** What a check does with tools. */
    interface Body {
        void run(ToolScene scene) throws Exception;
    }

    final Cluster cluster;
    final Path data;
    private final Checks checks;
    private final ToolBook book;

    ToolSuite(Cluster cluster, Path data, Checks checks, ToolBook book) {
        this.cluster = cluster;
        this.data = data;
        this.checks = checks;
        this.book = book;
    }

    /** Adds a check of this name (after "tools."). */
    void scene(String name, Body body) {
        checks.add("tools." + name, () -> {
            Path files = Files.createTempDirectory("weir-tools-");
            try {
                ToolMask mask = new ToolMask(cluster.bootstrap, cluster.suffix(), data, files);
                ToolScene scene = new ToolScene(cluster, mask, files);
                body.run(scene);
                return book.settle(name, scene);
            } finally {
                remove(files);
            }
        });
    }

    /** The same for one that changes, or shows, what is the whole broker's: one of them runs at a time. */
    void brokerScene(String name, Body body) {
        scene(name, scene -> {
            synchronized (this) {
                body.run(scene);
            }
        });
    }

    /** Adds the scenes of every tool. */
    void register() {
        // The slowest first.
        new ToolGroupScenes(this).register();
        new ToolClientScenes(this).register();
        new ToolTopicScenes(this).register();
        new ToolConfigScenes(this).register();
        new ToolOffsetScenes(this).register();
        new ToolClusterScenes(this).register();
        new ToolPlacementScenes(this).register();
        new ToolLaterScenes(this).register();
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
