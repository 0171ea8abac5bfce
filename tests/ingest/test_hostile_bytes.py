"""Every way into ingest under hostile bytes: rows or quarantine, quickly, in little memory.

The ways are those of `hostile.ways`, so a new format is under test by being there.
"""

from __future__ import annotations

import gc
import importlib
import json
import pkgutil
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ingest
from ingest import foreign, senml
from ingest.arrivals import Arrival
from ingest.decoders import CHANNELS
from ingest.intake import Intake
from records.errors import BadMessage, Reason
from store.readings import Commit
from tests.ingest import hostile
from tests.ingest.hostile import GOOD, NOW, OPEN_EEW, PACKET, SENML, STATUS, mutilated, worker

# The promise, for the whole way from bytes to what is to be stored: 50 ms, which is as long as a
# machine of today takes to count this far. A slower machine counts as much more slowly.
MOST_COUNTED, MOST_MEMORY = 1_000_000, 50_000_000
WAYS = hostile.ways()
NOWHERE = ("hoshyar/v1/north/stranger/readings", "hoshyar/v1/south/gauge-1/readings",
           "hoshyar/v1/north/stranger/status", "hoshyar", "farm/stranger/up")  # fmt: skip
WORST = dict(hostile.worst())


def taken(intake: Intake, topic: str, payload: bytes) -> Commit:
    return intake.take([Arrival(topic, payload, NOW)])


def test_every_format_has_a_way() -> None:
    modules = [importlib.import_module(f"ingest.{m.name}") for m in pkgutil.iter_modules(
        ingest.__path__) if not m.name.startswith("__")]  # fmt: skip
    versions = {module.VERSION for module in modules if hasattr(module, "VERSION")}
    reached = {decoder.version for decoder in CHANNELS.values()} | set(foreign.VERSIONS.values())
    assert versions == reached


@pytest.mark.parametrize("topic", WAYS)
def test_every_way_leads_to_something(topic: str) -> None:
    """Where all that is good would be refused, nothing behind it would be under test."""
    commits = [taken(worker(), topic, payload) for payload in GOOD]
    assert any(not commit.quarantined for commit in commits)


def counting_s() -> float:
    """CPU time of counting to `MOST_COUNTED`."""
    began_s, count = time.thread_time(), 0
    while count < MOST_COUNTED:
        count += 1
    return time.thread_time() - began_s


def cpu_s(topic: str, payload: bytes) -> float:
    intake = worker()
    began_s = time.thread_time()
    taken(intake, topic, payload)
    return time.thread_time() - began_s


def too_slow(topic: str, payload: bytes, most_s: float) -> bool:
    """Whether it takes longer, also than counting right after it, each of some times: what else
    the machine does is no fault of a decoder."""
    return cpu_s(topic, payload) > most_s and all(
        cpu_s(topic, payload) > counting_s() for _ in range(5)
    )


@pytest.fixture(scope="module")
def frozen_heap() -> Iterator[None]:
    """What other tests left in memory is not for a decoder to look through."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.promise("R3")
@pytest.mark.usefixtures("frozen_heap")
@pytest.mark.parametrize("topic", WAYS)
def test_no_bytes_take_long(topic: str) -> None:
    most_s = counting_s()
    assert [kind for kind, payload in WORST.items() if too_slow(topic, payload, most_s)] == []


def peak_bytes(topic: str, payload: bytes) -> int:
    intake = worker()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    taken(intake, topic, payload)
    return tracemalloc.get_traced_memory()[1] - before


@pytest.mark.promise("R3")
@pytest.mark.parametrize("topic", WAYS)
def test_no_bytes_take_much_memory(topic: str) -> None:
    tracemalloc.start()
    try:
        peaks = {kind: peak_bytes(topic, payload) for kind, payload in WORST.items()}
    finally:
        tracemalloc.stop()
    assert {kind: peak for kind, peak in peaks.items() if peak > MOST_MEMORY} == {}


@pytest.mark.promise("R3")
@pytest.mark.parametrize("topic", [*WAYS, *NOWHERE])
def test_refused_messages_are_not_kept_in_memory(topic: str) -> None:
    intake = worker()
    taken(intake, topic, b"first")
    tracemalloc.start()
    try:
        for number in range(100):
            taken(intake, topic, b"%d" % number + bytes(50_000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


def check(commit: Commit) -> None:
    """What is stored is finite and possible; what is refused says so in few plain words."""
    assert np.isfinite(commit.readings.value).all()
    assert (commit.readings.measured_at <= NOW + 86_400_000_000).all()
    for packet in commit.waveforms:
        assert len(packet.samples) > 0
        assert np.isfinite(packet.samples).all()
    for bad in commit.quarantined:
        assert bad.detail.isascii() or bad.reason is Reason.BAD_TOPIC
        assert len(bad.detail) <= 400


@pytest.mark.promise("R3")
@settings(max_examples=150, deadline=None)
@given(payload=mutilated() | st.binary(max_size=120))
def test_any_bytes_are_rows_or_quarantine(payload: bytes) -> None:
    intake = worker()
    for topic in WAYS:
        check(taken(intake, topic, payload))
    claim = senml.claimed(payload)
    assert claim is None or all(0 <= number <= 2**62 for number in claim)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SENML, *PACKET, *OPEN_EEW, *STATUS, "cm", "s"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@pytest.mark.promise("R3")
@settings(max_examples=100, deadline=None)
@given(value=VALUES)
def test_any_json_and_cbor_is_rows_or_quarantine(value: Any) -> None:
    payloads = [json.dumps(value).encode()]
    with suppress(cbor2.CBOREncodeError, UnicodeEncodeError):
        payloads.append(cbor2.dumps(value))
    intake = worker()
    for payload in payloads:
        for topic in WAYS:
            check(taken(intake, topic, payload))


@pytest.mark.promise("R3")
@given(
    words=st.lists(
        st.sampled_from(["hoshyar", "v1", "north", "gauge-1", "readings", "status", "spBv1.0",
                         "valley", "NDATA", "slope-1", "farm", "up", "", "+", "#", "$SYS", "\0"])
        | st.text(max_size=5),
        max_size=8,
    )
)  # fmt: skip
def test_any_topic_is_read_or_quarantined(words: list[str]) -> None:
    check(taken(worker(), "/".join(words), GOOD[0]))


@pytest.mark.parametrize("topic", ["/" * 65_535, "hoshyar/" * 8_191, "a" * 65_535])
def test_a_long_topic_is_quarantined(topic: str) -> None:
    commit = taken(worker(), topic, GOOD[0])
    assert [bad.reason for bad in commit.quarantined] == [Reason.BAD_TOPIC]
    assert not too_slow(topic, GOOD[0], counting_s())


@given(labels=st.dictionaries(st.integers() | st.text(max_size=3), st.floats(), max_size=30))
def test_cbor_records_may_be_counted_or_endless(labels: dict[Any, float]) -> None:
    """The two ways of writing an array and a map mean the same."""
    whole = cbor2.dumps([labels])
    inner = b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in labels.items())
    assert said(b"\x9f\xbf" + inner + b"\xff\xff") == said(whole)


def said(payload: bytes) -> object:
    try:
        return repr(senml.decode(payload))
    except BadMessage as fault:
        return fault.reason
