"""The proxy's sockets: frames go through in their order, each through the spoiler."""

import asyncio
import struct
import threading

from .messages import FETCH, request_header
from .spoiler import Spoiler

MAX_FRAME = 256 * 1024 * 1024


class Proxy:
    """Listens on a port of its own, in a thread of its own. The broker has to advertise `address`."""

    def __init__(self, spoiler: Spoiler):
        self.spoiler = spoiler
        self.target = ""
        self.address = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()

    def __enter__(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *problem) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        try:
            host, port = self.target.rsplit(":", 1)
            broker_reader, broker_writer = await asyncio.open_connection(host, int(port))
            # What was asked, by the number that the answer will have.
            asked: dict[int, tuple[int, int]] = {}
            directions = {asyncio.create_task(self._requests(reader, broker_writer, asked)),
                          asyncio.create_task(self._answers(broker_reader, writer, asked))}
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in directions:
                    task.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
                broker_writer.close()
        except OSError:
            pass  # The broker is down just now.
        finally:
            writer.close()
            self._tasks.discard(asyncio.current_task())

    async def _requests(self, reader, writer, asked) -> None:
        while True:
            frame = await _read(reader)
            key, version, correlation = request_header(frame)
            if key == FETCH:
                asked[correlation] = (key, version)
            await _write(writer, self.spoiler.request(frame))

    async def _answers(self, reader, writer, asked) -> None:
        while True:
            frame = await _read(reader)
            known = asked.pop(struct.unpack_from(">i", frame)[0], None)
            await _write(writer, self.spoiler.answer(frame, *known) if known else frame)


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = struct.unpack(">i", await reader.readexactly(4))[0]
    if not 4 <= length <= MAX_FRAME:
        raise OSError(f"a frame of {length} bytes")
    return await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)
    await writer.drain()
