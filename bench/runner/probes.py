"""What the machine can do in the minutes of a measurement, without any broker."""

import time

from .load import call
from .media import Medium

# On a tmpfs there is nothing to sync to.
OF_MEDIUM = {"tmpfs": ("loopback", "write"), "disk": ("loopback", "write", "sync", "fsync")}


class Probes:
    """The latest probe of each kind on one medium."""

    def __init__(self, medium: Medium, seconds: float):
        self._medium = medium
        self._seconds = seconds
        self.latest: dict[str, dict] = {}

    def take(self, kinds: tuple[str, ...] = (), seconds: float = 0) -> None:
        """Takes these now, or all that the medium has, for so long at least."""
        seconds = max(seconds, self._seconds)
        for kind in kinds or OF_MEDIUM[self._medium.name]:
            found = call("probe", kind, "--dir", self._medium.directory, "--seconds", seconds)
            self.latest[kind] = found | {"time": round(time.time(), 1)}

    def cost(self, kinds: tuple[str, ...] = ()) -> float:
        """How long `take` will need, in seconds."""
        return len(kinds or OF_MEDIUM[self._medium.name]) * (self._seconds + 0.1)
