"""Which records are spoiled, and how.

    none     nothing is
    drop     a record is missing in Fetch answers; those after it keep their offsets
    swap     a record and its neighbour change places in Fetch answers
    double   a record comes twice in Produce requests, so that it is twice in the log

One record in `every` is hit. Records of compressed batches, of control batches and (by double) of idempotent producers,
whose sequence numbers would tell the broker, go through as they are and do not count.
"""

from collections import Counter

from . import messages
from .batches import Batch, whole_batches

MODES = ("none", "drop", "double", "swap")

# The parameters of Produce and Fetch: where they are found.
_SIDE = {"drop": messages.FETCH, "swap": messages.FETCH, "double": messages.PRODUCE}


class Spoiler:
    """Counts the records that go by."""

    def __init__(self, mode: str, every: int):
        self.mode = mode
        self.side = _SIDE.get(mode)
        self.every = every
        self.seen = 0
        self._next = every
        # By partition, how many records were spoiled.
        self.spoiled: Counter[str] = Counter()

    def request(self, frame: bytes) -> bytes:
        """A request as it goes on to the broker."""
        key, version, _ = messages.request_header(frame)
        if self.side == messages.PRODUCE == key:
            return self._frame(frame, messages.in_produce_request(frame), version >= messages.FLEXIBLE[key])
        return frame

    def answer(self, frame: bytes, key: int, version: int) -> bytes:
        """An answer as it goes on to the client."""
        if self.side == messages.FETCH == key:
            return self._frame(frame, messages.in_fetch_answer(frame, version), version >= messages.FLEXIBLE[key])
        return frame

    def _frame(self, frame: bytes, found: list[messages.Records], flexible: bool) -> bytes:
        parts = []
        for place in found:
            old = frame[place.start:place.end]
            new = self._records(old, place.place)
            if new != old:
                parts.append((place, new))
        return messages.replaced(frame, parts, flexible) if parts else frame

    def _records(self, records: bytes, place: str) -> bytes:
        pieces = []
        at = 0
        for start, end in whole_batches(records):
            pieces.append(self._batch(records[start:end], place))
            at = end
        return b"".join([*pieces, records[at:]])

    def _batch(self, content: bytes, place: str) -> bytes:
        batch = Batch(content)
        if not batch.is_plain or (self.mode == "double" and batch.is_idempotent):
            return content
        before = self.seen
        self.seen += batch.count
        # Of a batch of one nothing can be swapped, or dropped (none is left without records): the next batch is hit.
        if self.seen < self._next or batch.count < 2:
            return content
        index = max(0, self._next - before - 1)
        self._next = self.seen + self.every
        self.spoiled[place] += 1
        spoil = {"drop": batch.dropped, "swap": batch.swapped, "double": batch.doubled}[self.mode]
        return spoil(index)
