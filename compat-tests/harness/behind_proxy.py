"""Proves that a suite notices a single wrong record: behind a proxy that spoils some, it has to fail."""

from dataclasses import dataclass
from pathlib import Path

from proxy.server import Proxy
from proxy.spoiler import MODES, Spoiler

from . import brokers
from .results import Results
from .suite import Options, Run, Suite

__all__ = ["EVERY", "MODES", "PATIENCE_SECONDS", "VOLUME", "Verdict", "prove"]

# One record in so many is spoiled; as many records go through a suite that at least so many are.
EVERY = 10_000
LEAST = 3
VOLUME = 50_000

# A check that waits for a record that was dropped need not wait long.
PATIENCE_SECONDS = 20


@dataclass
class Verdict:
    """Whether a suite did as it must, and why."""

    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'FAIL'} {self.text}"


def prove(suite: Suite, mode: str, every: int, kind: str, directory: Path, options: Options) -> Verdict:
    """Runs the suite's checks but for restarts; with mode `none` they must pass, else one must fail."""
    results = Results()
    spoiler = Spoiler(mode, every)
    own = directory / kind / f"{suite.name}-{mode}"
    own.mkdir(parents=True)
    with Proxy(spoiler) as proxy:
        with brokers.BROKERS[kind](own, brokers.PROFILES[suite.profile], proxy.address) as broker:
            proxy.target = broker.listens
            suite.run(Run(kind, own, options, results), broker)
    red = [failure.check for failure in results.failures()]
    spoiled = spoiler.spoiled.total()
    good = not red if mode == "none" else bool(red) and spoiled >= LEAST
    places = ", ".join(f"{count} in {place}" for place, count in spoiler.spoiled.items())
    return Verdict(good, f"{suite.name} behind {mode} on {kind}: {spoiled} of {spoiler.seen} records spoiled "
                         f"({places}); {len(results.all) - len(red)} checks passed, failed: {', '.join(red) or 'none'}")
