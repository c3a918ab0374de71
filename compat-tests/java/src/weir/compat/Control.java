package weir.compat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** Asking the runner to restart the broker. */
final class Control {
    /** Where to ask, or null if this run is for all other checks. */
    static final String ADDRESS = System.getenv("WEIR_COMPAT_CONTROL");

    /** The runner waits for all suites, and brokers take their time. */
    static final int ANSWER_MS = 300_000;

    private Control() {}

    /** Has the broker stopped in order (`restart`) or killed (`kill`), and returns when it serves again. */
    static void ask(String command) throws IOException {
        int colon = ADDRESS.lastIndexOf(':');
        try (Socket socket = new Socket(ADDRESS.substring(0, colon), Integer.parseInt(ADDRESS.substring(colon + 1)))) {
            socket.setSoTimeout(ANSWER_MS);
            socket.getOutputStream().write((command + "\n").getBytes(StandardCharsets.UTF_8));
            BufferedReader answer = new BufferedReader(
                    new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            Expect.equal("ok", answer.readLine(), "answer to " + command);
        }
    }
}
