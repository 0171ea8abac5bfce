"""Proxies between devices, broker, ingest and database: they look on, and they do harm.

All run in one asyncio loop of one thread. `refuse_s`, `stall_s` and `slow_s` are moments of the
monotonic clock until which connections are refused, bytes are held back, or late by `LAG_S`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

LAG_S = 0.03
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """One connection through a relay; a subclass says what becomes of the bytes."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._near, self._far = near, far
        self.dead = False

    def send(self, data: bytes, *, up: bool) -> None:
        writer = self._far if up else self._near
        if data and not self.dead and not writer.transport.is_closing():
            writer.write(data)

    def pass_on(self, data: bytes, *, up: bool) -> None:
        """Bytes came; `up` from the side that connected."""
        self.send(data, up=up)

    def cut(self) -> None:
        self.dead = True
        for writer in (self._near, self._far):
            writer.transport.abort()

    def finish(self) -> None:
        """Let what was written go out, then close."""
        self.dead = True
        for writer in (self._near, self._far):
            writer.close()


class Relay:
    """Listens on a loopback port and connects each who comes to what `reach` opens."""

    def __init__(
        self,
        reach: Callable[[], Awaitable[Streams]],
        line: Callable[[asyncio.StreamWriter, asyncio.StreamWriter], Line],
    ) -> None:
        self._reach, self._line = reach, line
        self._open: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.refuse_s = self.stall_s = self.slow_s = 0.0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        for line in list(self._open):
            line.cut()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if time.monotonic() < self.refuse_s:
                raise ConnectionRefusedError
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        line = self._line(writer, far_writer)
        self._open.add(line)
        pumps = [
            asyncio.create_task(self._pump(line, reader, far_writer, up=True)),
            asyncio.create_task(self._pump(line, far_reader, writer, up=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            line.finish()
            self._open.discard(line)
            self._tasks.discard(task)

    async def _pump(
        self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                while time.monotonic() < self.stall_s:
                    await asyncio.sleep(0.01)
                if time.monotonic() < self.slow_s:
                    await asyncio.sleep(LAG_S)
                line.pass_on(data, up=up)
                await writer.drain()


class Loop:
    """The thread in which all relays run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, what: Coroutine[Any, Any, None]) -> None:
        """Run it there, to its end."""
        asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    def soon(self, what: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(what)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
