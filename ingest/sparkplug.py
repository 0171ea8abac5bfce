"""Sparkplug B: what edge nodes have said of themselves, and so what their data mean.

A node numbers its messages 0 to 255 and over again; its birth says the names and types of its
metrics, its data may say aliases alone. After a gap, or after a start of ours, an alias may mean
something else: such data are refused (`no birth`) and the node is asked to be born again. Data that
say name and type themselves are read all the same. Nothing is ever guessed.

Births survive a start of ours, and what they said survives a gap, as something to be confirmed:
where the next birth is of the same session (`bdSeq`) and means the same by an alias, then the data
between meant that too, and are taken after all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from ingest import metrics, protobuf
from ingest.decoders import Content, Decoder
from ingest.edge_nodes import Edge, Held, Named, Said, agree
from ingest.fields import Fields, Rows, absolute
from ingest.metrics import BOOLEAN, Metric, Payload
from records.errors import BadMessage, Reason
from records.foreign import SPARKPLUG, Feed
from records.times import SECOND
from store.births import Birth

VERSION = "sparkplug-b-1"
# A node that doesn't answer is asked again after this, and with its next message.
REBIRTH_EVERY = 30 * SECOND
_MOST_NODES = 10_000
# Data that wait for a birth: so many of a node, so many in all, none larger.
MOST_HELD = 200
_MOST_HELD_OF_ALL = 20_000
LARGEST_HELD_BYTES = 4_096
# Long enough for two requests; a birth that comes later finds data too old to be live.
HELD_FOR = 2 * REBIRTH_EVERY
ALWAYS_IGNORED = ("bdSeq", "Node Control/*", "Device Control/*")
_NODE_TYPES = frozenset({"NBIRTH", "NDATA", "NDEATH"})
_DEVICE_TYPES = frozenset({"DBIRTH", "DDATA", "DDEATH"})
_NOT_DATA = frozenset({"NCMD", "DCMD"})

Reader = Callable[[Payload, int], Content]


class Sparkplug:
    """All nodes of one ingest worker, and what they are to be asked."""

    def __init__(self) -> None:
        self._edges: dict[tuple[str, str], Edge] = {}
        self._requests: dict[str, bytes] = {}
        self._held = 0
        self._born: tuple[str, str, str] | None = None

    def requests(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of commands to send, each once."""
        requests, self._requests = self._requests, {}
        return list(requests.items())

    def forget(self) -> None:
        """Believe no birth any more: what comes next is not what came after it."""
        self._edges.clear()
        self._held = 0

    def remember(self, births: Sequence[Birth]) -> None:
        """What was said before a start of ours, in the order in which it came."""
        for birth in births:
            group, node, device = _speaker(birth.topic)
            with suppress(BadMessage):
                payload, edge = metrics.decode(birth.payload), self.edge(group, node)
                if not device:
                    edge.doubted, edge.doubted_bd = Said(), _bd_seq(payload)
                    edge.bd_seq = edge.doubted_bd
                if edge.doubted is not None:
                    edge.doubted.learn(device, payload)

    def hold(self, topic: str, size_bytes: int, held: Held) -> None:
        """Keep data that wait for a birth, as long as there is room."""
        group, node, device = _speaker(topic)
        edge = self._edges.get((group, node))
        if edge is None or edge.doubted is None or size_bytes > LARGEST_HELD_BYTES:
            return
        of_node = sum(len(some) for some in edge.held.values())
        if of_node < MOST_HELD and self._held < _MOST_HELD_OF_ALL:
            edge.held.setdefault(device, []).append(held)
            self._held += 1

    def born(self) -> bool:
        """Whether a birth has been believed since the last `confirmed`."""
        return self._born is not None

    def confirmed(self) -> list[tuple[Any, Content]]:
        """(taken, content) of data that this birth gives the meaning that they had before."""
        assert self._born is not None
        (group, node, device), self._born = self._born, None
        edge = self._edges[group, node]
        waiting, doubted = self._released(edge, device), edge.doubted
        if doubted is None:
            return []
        return [
            (held.taken, content)
            for held in waiting
            if agree(doubted, edge.said, device, held.payload)
            and (content := _Speaker(self, held.feed, group, node, device).again(held.payload))
        ]

    def learned(self, group: str, node: str, device: str) -> None:
        self._born = group, node, device

    def drop(self, edge: Edge) -> None:
        """What waits is not of the session that is now."""
        for device in list(edge.held):
            self._released(edge, device)
        edge.doubted = None

    def _released(self, edge: Edge, device: str) -> list[Held]:
        waiting = edge.held.pop(device, [])
        self._held -= len(waiting)
        return waiting

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

    def edge(self, group: str, node: str) -> Edge:
        """Raises BadMessage where there are too many."""
        edge = self._edges.get((group, node))
        if edge is None:
            if len(self._edges) >= _MOST_NODES:
                raise BadMessage(Reason.TOO_LARGE, f"more than {_MOST_NODES} Sparkplug nodes")
            edge = self._edges[group, node] = Edge()
        return edge

    def ask(self, group: str, node: str, edge: Edge, now_at: int) -> None:
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

    def again(self, payload: Payload) -> Content | None:
        """Data that waited, read as the births now say; None where they can't be."""
        try:
            return self._content(payload, self._edge())
        except BadMessage:
            return None

    def _node_born(self, payload: Payload, _: int) -> Content:
        edge = self._edge()
        edge.doubt()
        edge.seq, edge.bd_seq, edge.asked_at = payload.seq, _bd_seq(payload), None
        if edge.bd_seq is None or edge.bd_seq != edge.doubted_bd:
            self._nodes.drop(edge)
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

    def _learn(self, edge: Edge, payload: Payload) -> None:
        edge.said.learn(self._device, payload)
        self._nodes.learned(self._group, self._node, self._device)

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
        edge.seq, edge.bd_seq, edge.said = None, None, Said()
        self._nodes.drop(edge)
        return Content(state="offline")

    def _device_died(self, payload: Payload, now_at: int) -> Content:
        edge = self._edge()
        self._follow(edge, payload, now_at)
        edge.said.forget(self._device)
        if edge.doubted is not None:
            edge.doubted.forget(self._device)
        return Content(state="offline")

    def _edge(self) -> Edge:
        return self._nodes.edge(self._group, self._node)

    def _follow(self, edge: Edge, payload: Payload, now_at: int) -> None:
        """Take the message's number; after a gap nothing that births said is believed."""
        if edge.seq is None or payload.seq != (edge.seq + 1) % 256:
            edge.doubt()
            self._nodes.ask(self._group, self._node, edge, now_at)
        else:
            edge.seq = payload.seq

    def _content(self, payload: Payload, edge: Edge, state: Literal["online", ""] = "") -> Content:
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

    def _named(self, metric: Metric, edge: Edge) -> Named:
        """Its name and data type. Raises BadMessage (`no birth`)."""
        known = edge.said.named(self._device, metric)
        if known is None:
            raise BadMessage(Reason.NO_BIRTH, f"alias {metric.alias}")
        if not known[1] and not self._fields.ignored(known[0]):
            raise BadMessage(Reason.NO_BIRTH, f"data type of {ascii(known[0])[:120]}")
        return known


def _speaker(topic: str) -> tuple[str, str, str]:
    """(group, node, device or "") of a node's or device's topic."""
    _, group, _, node, *rest = topic.split("/")
    return group, node, "".join(rest)


def _bd_seq(payload: Payload) -> int | None:
    found = [int(m.raw) for m in payload.metrics if m.name == "bdSeq" and m.kind in (10, 11)]
    return found[0] if found else None


def _seconds(metric: Metric, payload: Payload) -> float:
    milliseconds = payload.timestamp if metric.timestamp is None else metric.timestamp
    if milliseconds is None:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, "neither metric nor payload has a timestamp")
    return absolute(milliseconds / 1000)
