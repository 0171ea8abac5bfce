"""What the bulk client relies on in paho: packets cut out of reads of any size, bulk PUBACKs."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.client import BulkClient, Delivery
from records.errors import SettingsError
from records.settings import Settings

CONNACK = b"\x20\x02\x00\x00"
SETTINGS = Settings.read({})


def packet(topic: bytes, payload: bytes, mid: int) -> bytes:
    """A PUBLISH, at QoS 1 where it has a packet id."""
    number = struct.pack("!H", mid) if mid else b""
    content = struct.pack("!H", len(topic)) + topic + number + payload
    length, left = b"", len(content)
    while True:
        left, low = divmod(left, 128)
        length += bytes([low | 0x80 if left else low])
        if not left:
            return bytes([0x32 if mid else 0x30]) + length + content


DELIVERIES = st.lists(
    st.builds(
        Delivery,
        st.binary(min_size=1, max_size=30),
        st.sampled_from([b"", b"x", b"y" * 90, b"z" * 200, b"w" * 20_000]),
        st.sampled_from([0, 1, 65_535]),
    ),
    max_size=8,
)


@given(DELIVERIES, st.lists(st.integers(1, 30_000), max_size=8))
@settings(max_examples=100, deadline=None)
def test_packets_are_whole_however_the_stream_is_cut(
    deliveries: list[Delivery], cuts: list[int]
) -> None:
    client = BulkClient(SETTINGS, "test")
    data = b"".join(packet(*delivery) for delivery in deliveries)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        client._sock = ours
        edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        found: list[Delivery] = []
        for start, end in pairwise(edges):
            theirs.sendall(data[start:end])
            while client.read():
                found += client.take()
        assert found == deliveries
        client._sock = None


@pytest.fixture
def stub() -> Iterator[tuple[BulkClient, socket.socket]]:
    """A client that has been answered by a stub of a broker, and the stub's end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = BulkClient(Settings.read({"HOSHYAR_BROKER": f"mqtt://127.0.0.1:{port}"}), "test")
        opened = threading.Thread(target=client.open)
        opened.start()
        connection, _ = server.accept()
        opened.join()
        with connection:
            connection.recv(1000)
            connection.sendall(CONNACK)
            while not client.is_connected():
                client.read()
            yield client, connection
            client.disconnect()


def test_acknowledgements_go_out_in_order_in_one_piece(
    stub: tuple[BulkClient, socket.socket],
) -> None:
    client, broker = stub
    client.acknowledge([3, 1, 65_535])
    assert broker.recv(100) == b"\x40\x02\x00\x03\x40\x02\x00\x01\x40\x02\xff\xff"


def test_the_client_asks_for_a_lasting_session_and_paho_does_the_rest(
    stub: tuple[BulkClient, socket.socket],
) -> None:
    client, broker = stub
    sent = client.publish("topic", b"payload", qos=1)
    assert broker.recv(100) == packet(b"topic", b"payload", sent.mid)
    broker.sendall(b"\x40\x02" + struct.pack("!H", sent.mid))
    while not sent.is_published():
        client.read()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x32\x01\x00",
        b"\x32\x04\x00\x09ab",
        b"\x32\x02\x00\x00",
        b"\x32\xff\xff\xff\xff\x7f",
        b"\xf0\x00",
        b"\x20\x00",
    ],
)
def test_what_is_no_mqtt_ends_the_connection(
    stub: tuple[BulkClient, socket.socket], garbage: bytes
) -> None:
    client, broker = stub
    broker.sendall(garbage)
    while client.socket() is not None:
        client.read()
    assert not client.is_connected()
    assert client.take() == []


def test_a_broker_that_goes_away_is_noticed(stub: tuple[BulkClient, socket.socket]) -> None:
    client, broker = stub
    broker.close()
    while client.socket() is not None:
        assert not client.read()
    assert not client.is_connected()


def test_an_authority_that_cannot_be_read_is_the_operators_mistake() -> None:
    settings_ = Settings.read(
        {"HOSHYAR_BROKER": "mqtts://broker:8883", "HOSHYAR_BROKER_CA": "/nowhere/ca.crt"}
    )
    with pytest.raises(SettingsError, match="HOSHYAR_BROKER_CA"):
        BulkClient(settings_, "test")
