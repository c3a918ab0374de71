"""How far a run is: a bar with an estimate on a terminal, plain lines elsewhere."""

import shutil
import sys
import time


class Progress:
    """Steps have guessed costs in seconds; how long the first ones really took corrects the guess for the rest."""

    def __init__(self, total: float):
        self._total = max(total, 1e-9)
        self._done = 0.0
        self._begin = time.monotonic()
        self._what = ""
        self._is_terminal = sys.stdout.isatty()

    def step(self, what: str) -> None:
        """What is done now."""
        self._what = what
        self._draw()

    def done(self, cost: float, line: str = "") -> None:
        """A step of this guessed cost is over; the line is what came of it."""
        self._done = min(self._done + cost, self._total)
        if line:
            self.say(line)
        self._draw()

    def say(self, line: str) -> None:
        """A line that stays."""
        if self._is_terminal:
            sys.stdout.write("\r\x1b[K")
        print(line, flush=True)
        self._draw()

    def close(self) -> None:
        if self._is_terminal:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()

    def left(self) -> float:
        """Seconds that are left, by the pace so far."""
        spent = time.monotonic() - self._begin
        pace = spent / self._done if self._done > 0.02 * self._total else 1
        return (self._total - self._done) * pace

    def _draw(self) -> None:
        if not self._is_terminal:
            return
        share = self._done / self._total
        filled = int(share * 24)
        text = f"[{'#' * filled}{'.' * (24 - filled)}] {share:4.0%}  {span(self.left())} left  {self._what}"
        sys.stdout.write("\r\x1b[K" + text[:shutil.get_terminal_size().columns - 1])
        sys.stdout.flush()


def span(seconds: float) -> str:
    """A duration as people say it."""
    seconds = int(seconds + 0.5)
    if seconds < 90:
        return f"{seconds} s"
    minutes = (seconds + 30) // 60
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
