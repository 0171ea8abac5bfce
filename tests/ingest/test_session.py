"""A session at a broker that does not behave: a stub of one, which answers what a test lets it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from ingest.session import Session
from records.settings import Settings

CONNACK = b"\x20\x02\x00\x00"


class Stub:
    """A listener, and the time that the session believes it is."""

    def __init__(self, server: socket.socket) -> None:
        self.server, self.now_s = server, 0.0
        port = server.getsockname()[1]
        settings = Settings.read({"HOSHYAR_BROKER": f"mqtt://127.0.0.1:{port}"})
        self.session = Session(settings, "test", lambda: self.now_s)
        self.session.use(["hoshyar/#"])

    def accept(self) -> socket.socket:
        """The connection that the session opens now, its CONNECT read."""
        self.session.turn()
        connection, _ = self.server.accept()
        assert connection.recv(1000)[:1] == b"\x10"
        return connection

    def holds(self) -> bool:
        """True where the session has a connection after one more turn."""
        self.session.turn()
        return self.session.socket is not None

    def turn_until(self, trouble: str) -> None:
        until_s = time.monotonic() + 60.0
        while self.session.trouble != trouble and time.monotonic() < until_s:
            self.session.turn()
        assert self.session.trouble == trouble


@pytest.fixture
def stub() -> Iterator[Stub]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60.0)
        found = Stub(server)
        yield found
        found.session.close()


@pytest.mark.parametrize("answered", [b"", CONNACK])
def test_a_broker_that_owes_an_answer_is_asked_again_over_a_new_connection(
    stub: Stub, answered: bytes
) -> None:
    with stub.accept() as silent:
        silent.sendall(answered)
        if answered:
            stub.turn_until("not subscribed yet")
        stub.now_s += 9.0
        assert stub.holds()
        stub.now_s += 1.5
        assert not stub.holds()
        stub.now_s += 5.0
        with stub.accept() as answering:
            answering.sendall(CONNACK)
            stub.turn_until("not subscribed yet")
            mid = answering.recv(1000)[2:4]
            answering.sendall(b"\x90\x03" + mid + b"\x01")
            stub.turn_until("")


def test_a_session_that_stands_is_left_alone_however_long_it_is_silent(stub: Stub) -> None:
    with stub.accept() as broker:
        broker.sendall(CONNACK)
        stub.turn_until("not subscribed yet")
        mid = broker.recv(1000)[2:4]
        broker.sendall(b"\x90\x03" + mid + b"\x01")
        stub.turn_until("")
        stub.now_s += 1_000.0
        assert stub.holds()
