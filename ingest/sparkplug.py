"""Sparkplug B: what edge nodes have said of themselves, and so what their data mean.

A node numbers its messages 0 to 255 and over again; its birth says the names and types of its
metrics, its data may say aliases alone. After a gap, or after a start of ours, an alias may mean
something else: such data are refused (`no birth`) and the node is asked to be born again. Data that
say name and type themselves are read all the same. Nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ingest import metrics, protobuf
from ingest.decoders import Content, Decoder
from ingest.fields import Fields, Rows, absolute
from ingest.metrics import BOOLEAN, Metric, Payload
from records.errors import BadMessage, Reason
from records.foreign import SPARKPLUG, Feed
from records.times import SECOND

VERSION = "sparkplug-b-1"
# A node that doesn't answer is asked again after this, and with its next message.
REBIRTH_EVERY = 30 * SECOND
_MOST_NODES = 10_000
_MOST_DEVICES = 1_000
ALWAYS_IGNORED = ("bdSeq", "Node Control/*", "Device Control/*")
_NODE_TYPES = frozenset({"NBIRTH", "NDATA", "NDEATH"})
_DEVICE_TYPES = frozenset({"DBIRTH", "DDATA", "DDEATH"})
_NOT_DATA = frozenset({"NCMD", "DCMD"})

Named = tuple[str, int]
Reader = Callable[[Payload, int], Content]


@dataclass(slots=True)
class _Edge:
    """One node. `seq` is its last number; None: there was a gap, or no birth yet.

    names     (name, data type) by alias, for each device; "" is the node itself
    types     data type by name, likewise
    asked_at  when it was last asked to be born again (microseconds)
    """

    seq: int | None = None
    bd_seq: int | None = None
    names: dict[str, dict[int, Named]] = field(default_factory=dict)
    types: dict[str, dict[str, int]] = field(default_factory=dict)
    asked_at: int | None = None


class Sparkplug:
    """All nodes of one ingest worker, and what they are to be asked."""

    def __init__(self) -> None:
        self._edges: dict[tuple[str, str], _Edge] = {}
        self._requests: dict[str, bytes] = {}

    def requests(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of commands to send, each once."""
        requests, self._requests = self._requests, {}
        return list(requests.items())

    def forget(self) -> None:
        """Believe no birth any more: what comes next is not what came after it."""
        self._edges.clear()

    def decoder(self, feed: Feed, topic: str) -> Decoder | None:
        """For a topic of this feed; None for commands and states, which are not devices' data.

        Raises BadMessage (`bad topic`).
        """
        words = topic.split("/")
        kind = words[2] if len(words) > 2 else ""
        if kind in _NOT_DATA or (len(words) > 1 and words[1] == "STATE"):
            return None
        whole = (kind in _NODE_TYPES and len(words) == 4) or (
            kind in _DEVICE_TYPES and len(words) == 5
        )
        if not whole or "" in words:
            raise BadMessage(Reason.BAD_TOPIC, topic[:200])
        speaker = _Speaker(self, feed, words[1], words[3], words[4] if len(words) == 5 else "")
        return Decoder(
            VERSION,
            metrics.decode,
            speaker.reader(kind),
            repeatable=kind in ("NDEATH", "DDEATH"),
        )

    def edge(self, group: str, node: str) -> _Edge:
        """Raises BadMessage where there are too many."""
        edge = self._edges.get((group, node))
        if edge is None:
            if len(self._edges) >= _MOST_NODES:
                raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_NODES} Sparkplug nodes")
            edge = self._edges[group, node] = _Edge()
        return edge

    def ask(self, group: str, node: str, edge: _Edge, now_at: int) -> None:
        """Have the node asked for its birth, at most once in a while."""
        if edge.asked_at is None or not 0 <= now_at - edge.asked_at < REBIRTH_EVERY:
            edge.asked_at = now_at
            self._requests[f"{SPARKPLUG}/{group}/NCMD/{node}"] = rebirth(now_at)


def rebirth(now_at: int) -> bytes:
    """The command `Node Control/Rebirth` = true."""
    metric = (
        protobuf.field(1, b"Node Control/Rebirth")
        + protobuf.field(4, BOOLEAN)
        + protobuf.field(14, 1)
    )
    return protobuf.field(1, now_at // 1000) + protobuf.field(2, metric)


class _Speaker:
    """One node, or one device behind it ("" for the node itself), as one feed reads it."""

    def __init__(self, nodes: Sparkplug, feed: Feed, group: str, node: str, device: str) -> None:
        self._nodes, self._group, self._node, self._device = nodes, group, node, device
        self._fields = Fields(feed, ALWAYS_IGNORED)

    def reader(self, kind: str) -> Reader:
        return {
            "NBIRTH": self._node_born,
            "DBIRTH": self._device_born,
            "NDATA": self._data,
            "DDATA": self._data,
            "NDEATH": self._node_died,
            "DDEATH": self._device_died,
        }[kind]

    def _node_born(self, payload: Payload, _: int) -> Content:
        edge = self._edge()
        edge.seq, edge.bd_seq = payload.seq, _bd_seq(payload)
        edge.names, edge.types, edge.asked_at = {}, {}, None
        if payload.seq is None:
            raise BadMessage(Reason.BAD_SEQUENCE, "a birth without seq")
        self._learn(edge, payload)
        return self._content(payload, edge, "online")

    def _device_born(self, payload: Payload, now_at: int) -> Content:
        edge = self._edge()
        self._follow(edge, payload, now_at)
        if edge.seq is not None:
            self._learn(edge, payload)
        return self._content(payload, edge, "online")

    def _data(self, payload: Payload, now_at: int) -> Content:
        edge = self._edge()
        self._follow(edge, payload, now_at)
        try:
            return self._content(payload, edge)
        except BadMessage as fault:
            if fault.reason is Reason.NO_BIRTH:
                self._nodes.ask(self._group, self._node, edge, now_at)
            raise

    def _node_died(self, payload: Payload, _: int) -> Content:
        edge, bd_seq = self._edge(), _bd_seq(payload)
        if edge.bd_seq is not None and bd_seq is not None and bd_seq != edge.bd_seq:
            return Content()  # the will of a session before this one
        edge.seq, edge.bd_seq, edge.names, edge.types = None, None, {}, {}
        return Content(state="offline")

    def _device_died(self, payload: Payload, now_at: int) -> Content:
        edge = self._edge()
        self._follow(edge, payload, now_at)
        edge.names.pop(self._device, None)
        edge.types.pop(self._device, None)
        return Content(state="offline")

    def _edge(self) -> _Edge:
        return self._nodes.edge(self._group, self._node)

    def _follow(self, edge: _Edge, payload: Payload, now_at: int) -> None:
        """Take the message's number; after a gap nothing that births said is believed."""
        if edge.seq is None or payload.seq != (edge.seq + 1) % 256:
            edge.seq, edge.names, edge.types = None, {}, {}
            self._nodes.ask(self._group, self._node, edge, now_at)
        else:
            edge.seq = payload.seq

    def _learn(self, edge: _Edge, payload: Payload) -> None:
        if len(edge.names) >= _MOST_DEVICES and self._device not in edge.names:
            raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_DEVICES} devices behind a node")
        aliased = [m for m in payload.metrics if m.alias is not None and m.name]
        names = {m.alias: (m.name, m.datatype) for m in aliased if m.alias is not None}
        if len(names) < len(aliased):
            raise BadMessage(Reason.UNDECODABLE, "a birth gives one alias to two metrics")
        edge.names[self._device] = names
        edge.types[self._device] = {m.name: m.datatype for m in payload.metrics}

    def _content(self, payload: Payload, edge: _Edge, state: Literal["online", ""] = "") -> Content:
        rows = Rows()
        for metric in payload.metrics:
            name, datatype = self._named(metric, edge)
            key = self._fields.keys.get(name)
            if key is None:
                if self._fields.ignored(name):
                    continue
                raise self._fields.unmapped(name)
            value = metrics.value(metric, datatype)
            if value is not None:
                rows.add(key, value, _seconds(metric, payload))
        return Content(rows.columns(), state=state)

    def _named(self, metric: Metric, edge: _Edge) -> Named:
        """Its name and data type. Raises BadMessage (`no birth`)."""
        if metric.name:
            datatype = metric.datatype or edge.types.get(self._device, {}).get(metric.name, 0)
            if datatype or self._fields.ignored(metric.name):
                return metric.name, datatype
            raise BadMessage(Reason.NO_BIRTH, f"data type of {ascii(metric.name)[:120]}")
        known = edge.names.get(self._device, {}).get(-1 if metric.alias is None else metric.alias)
        if known is None:
            raise BadMessage(Reason.NO_BIRTH, f"alias {metric.alias}")
        return known[0], metric.datatype or known[1]


def _bd_seq(payload: Payload) -> int | None:
    found = [int(m.raw) for m in payload.metrics if m.name == "bdSeq" and m.kind in (10, 11)]
    return found[0] if found else None


def _seconds(metric: Metric, payload: Payload) -> float:
    milliseconds = payload.timestamp if metric.timestamp is None else metric.timestamp
    if milliseconds is None:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, "neither metric nor payload has a timestamp")
    return absolute(milliseconds / 1000)
