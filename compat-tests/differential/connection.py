"""One connection to a broker: requests are encoded and sent, and what comes back is noted in the transcript.

Three things can come back: an answer, the closing of the connection, or nothing.
"""

import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .primitives import Malformed, Reader
from .schema import Message, SchemaError, Schemas

CLIENT_ID = "differential"
# A broker that is silent for longer than this has not answered. A busy machine can keep one from it for long.
ANSWER_SECONDS = 100.0
MAX_FRAME = 256 << 20
_SIZE = struct.Struct(">i")

ANSWER, CLOSED, SILENT, UNREADABLE, STOPPED = "answer", "closed", "silent", "unreadable", "stopped"


@dataclass
class Exchange:
    """What was sent and what came back: one entry of a transcript."""

    api: str
    version: int
    request: Any
    outcome: str = SILENT
    answer: Message | None = None
    detail: str = ""
    # How long it took: for people, never compared.
    seconds: float = 0.0


class Answer(dict):
    """A decoded answer. It is empty when none came: `outcome` says why."""

    outcome = ANSWER


@dataclass
class Pending:
    """A request whose answer has not been read."""

    connection: "Connection"
    exchange: Exchange
    correlation: int
    noted: bool
    done: Answer | None = None
    sent: float = field(default_factory=time.monotonic)

    def answer(self, seconds: float = ANSWER_SECONDS) -> Answer:
        """Reads up to this answer; answers of requests before it are read too."""
        while self.done is None:
            self.connection._receive(seconds)
        return self.done


class Connection:
    """Opened on construction. Exchanges go to `transcript` in the order in which requests were sent."""

    def __init__(self, address: tuple[str, int], schemas: Schemas, transcript: list[Exchange]):
        self._schemas = schemas
        self._transcript = transcript
        self._socket = socket.create_connection(address, timeout=ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending: deque[Pending] = deque()
        self._correlation = 0
        self._buffer = bytearray()
        self.closed = False

    def frame(self, api: str, version: int, body: Message, client_id: str | None = CLIENT_ID,
              header_tags: dict[int, bytes] | None = None) -> bytes:
        """The bytes of a request without its size. Numbers the request."""
        schema = self._schemas[f"{api}Request"]
        self._correlation += 1
        header: Message = {"RequestApiKey": schema.key, "RequestApiVersion": version,
                           "CorrelationId": self._correlation, "ClientId": client_id}
        if header_tags:
            header["UnknownTags"] = header_tags
        header_version = 2 if schema.flexible(version) else 1
        return self._schemas["RequestHeader"].encode(header, header_version) + schema.encode(body, version)

    def post(self, api: str, version: int, body: Message, noted: bool = True, **header: Any) -> Pending:
        """Sends a request and does not wait."""
        frame = self.frame(api, version, body, **header)
        return self.post_frame(api, version, frame, body, noted)

    def post_frame(self, api: str, version: int, frame: bytes, shown: Any = None, noted: bool = True) -> Pending:
        """Sends a request that is already encoded (and perhaps mutilated). Its answer is decoded as `api`'s."""
        return self.post_bytes(api, version, _SIZE.pack(len(frame)) + frame, frame if shown is None else shown, noted)

    def post_bytes(self, api: str, version: int, data: bytes, shown: Any = None, noted: bool = True,
                   correlation: int | None = None) -> Pending:
        """Sends bytes as they are, size included, whose answer is that to the last frame made or to this number's."""
        exchange = Exchange(api, version, data if shown is None else shown)
        if noted:
            self._transcript.append(exchange)
        pending = Pending(self, exchange, self._correlation if correlation is None else correlation, noted)
        self._pending.append(pending)
        self.push(data)
        return pending

    def push(self, data: bytes) -> None:
        """Sends bytes that belong to a request before."""
        if not self.closed:
            try:
                self._socket.sendall(data)
            except OSError:
                # What the broker answered before it closed may still be there to be read.
                pass

    def send(self, api: str, version: int, body: Message, seconds: float = ANSWER_SECONDS, **header: Any) -> Answer:
        """Sends a request and waits for its answer."""
        return self.post(api, version, body, **header).answer(seconds)

    def ask(self, api: str, version: int, body: Message) -> Answer:
        """As `send`, but not part of what is compared."""
        return self.post(api, version, body, noted=False).answer()

    def tell(self, api: str, version: int, body: Message) -> None:
        """Sends a request that is not answered, and does not look whether it is."""
        exchange = self.post(api, version, body).exchange
        self._pending.pop()
        exchange.outcome, exchange.answer = ANSWER, {}

    def expect_silence(self, seconds: float) -> None:
        """Waits, and notes whether the connection stays open and quiet meanwhile. For requests without an answer."""
        exchange = Exchange("(silence)", 0, {})
        self._transcript.append(exchange)
        readable, _, _ = select.select([self._socket], [], [], 0 if self.closed else seconds)
        if self._pending:
            self._pending.popleft()
        if readable:
            exchange.outcome = ANSWER if self._read_some(1.0) else CLOSED
        elif self.closed:
            exchange.outcome = CLOSED

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    def _receive(self, seconds: float) -> None:
        """Reads one answer and gives it to the oldest request that waits."""
        pending = self._pending.popleft()
        exchange = pending.exchange
        done = pending.done = Answer()
        try:
            frame = self._read_frame(seconds)
            exchange.seconds = time.monotonic() - pending.sent
        except TimeoutError:
            done.outcome = exchange.outcome = SILENT
            self.close()
            return
        if frame is None:
            done.outcome = exchange.outcome = CLOSED
            self.close()
            return
        try:
            done.update(self._decode(frame, pending))
            exchange.outcome, exchange.answer = ANSWER, done
        except (Malformed, SchemaError) as problem:
            done.outcome = exchange.outcome = UNREADABLE
            exchange.detail = f"{problem}: {frame[:200].hex()}"

    def _decode(self, frame: bytes, pending: Pending) -> Message:
        exchange = pending.exchange
        schema, reader = self._schemas[f"{exchange.api}Response"], Reader(frame)
        # So that clients can read the answer of a broker that lacks the version.
        flexible = schema.flexible(exchange.version) and exchange.api != "ApiVersions"
        header = self._schemas["ResponseHeader"].decode(reader, 1 if flexible else 0)
        if header["CorrelationId"] != pending.correlation:
            raise Malformed(f"correlation id {header['CorrelationId']}, not {pending.correlation}")
        start = reader.position
        version = min(exchange.version, schema.versions[1])
        if exchange.api == "ApiVersions" and frame[start:start + 2] == b"\x00\x23":
            version = 0
        message = schema.decode(reader, version)
        reader.finish(f"{exchange.api} answer")
        header.pop("CorrelationId")
        if header:
            message["Header"] = header
        return message

    def _read_frame(self, seconds: float) -> bytes | None:
        """The next frame, None if the connection ends before it is whole."""
        end = time.monotonic() + seconds
        while len(self._buffer) < 4 or len(self._buffer) < 4 + _SIZE.unpack_from(self._buffer)[0]:
            if len(self._buffer) >= 4 and not 0 <= _SIZE.unpack_from(self._buffer)[0] <= MAX_FRAME:
                return None
            if self.closed or not self._read_some(max(0.0, end - time.monotonic())):
                return None
        (size,) = _SIZE.unpack_from(self._buffer)
        frame = bytes(self._buffer[4:4 + size])
        del self._buffer[:4 + size]
        return frame

    def _read_some(self, seconds: float) -> bool:
        """Reads what is there; false when the connection has ended."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            chunk = self._socket.recv(1 << 18)
        except (ConnectionError, BrokenPipeError):
            return False
        self._buffer += chunk
        return bool(chunk)
