"""Feeds of foreign devices: which MQTT topics are read, in which format, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import msgspec

from records.errors import BadMessage, InputError
from records.network import Record, Slug
from records.quantities import conversion, quantity

FORMATS = ("flat-json", "openeew", "sparkplug-b")
# The level of a topic filter that names the device.
NAMED = "{device}"
SPARKPLUG = "spBv1.0"
_OURS = ("hoshyar", "#")
_PATH = re.compile(r"[^\s*?\[\]]+(\.[^\s*?\[\]]+)*\Z")


class Reading(Record, frozen=True):
    """What one field holds. `unit` is a UCUM unit, None for the series' own."""

    field: str
    quantity: str
    point: Slug = "main"
    unit: str | None = None


class Time(Record, frozen=True):
    """Where a message says when it measured, and in which form."""

    field: str
    form: Literal["iso8601", "epoch-s", "epoch-ms"]


class Feed(Record, frozen=True):
    """One row of the table.

    topic         MQTT filter; a level `{device}` matches any word, and that word names the device
    device        id of the device that all its messages are from, or
    device_field  the field that names it, or a level of the topic
    devices       ids by the names that the messages use; where the topic names the device other
                  names are ids themselves, else they are nobody's
    readings      field -> point, quantity, unit; a Sparkplug field is a metric's name
    ignore        fields that are not read, `*` for any characters
    time          flat JSON; None: a message is as old as its arrival
    boot, seq     flat JSON: fields with the numbers that receipts go by
    each          flat JSON: field with an array, whose items are read each for itself
    """

    name: Slug
    topic: str
    format: Literal["flat-json", "openeew", "sparkplug-b"]
    device: str = ""
    device_field: str = ""
    devices: dict[str, Slug] = {}
    readings: tuple[Reading, ...] = ()
    ignore: tuple[str, ...] = ()
    time: Time | None = None
    boot: str = ""
    seq: str = ""
    each: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError that names the field."""
        _check_topic(self.topic)
        _check_device(self)
        _check_readings(self)
        if self.format != "flat-json":
            for name in ("time", "boot", "seq", "each", "device_field"):
                if getattr(self, name):
                    raise ValueError(f"{name}: only flat-json has it")
        if bool(self.boot) != bool(self.seq):
            raise ValueError("seq: boot and seq go together, a count alone begins anew unnoticed")

    @property
    def filter(self) -> str:
        """The filter as a broker takes it."""
        return self.topic.replace(NAMED, "+")

    @property
    def is_whole(self) -> bool:
        """Whether its messages are of several devices that no topic keeps apart."""
        return not self.device and NAMED not in self.topic

    def filters_of(self, device: str) -> list[str]:
        """The filters of one device, where the topic names it."""
        names = [name for name, id_ in self.devices.items() if id_ == device]
        names += [device] if device not in self.devices else []
        return [self.topic.replace(NAMED, name) for name in names if not set("/+#") & set(name)]

    def id_of(self, name: str) -> str | None:
        """The id of the device of this name, None for nobody's."""
        known = self.devices.get(name)
        return known if known is not None or self.is_whole else name


def _check_topic(topic: str) -> None:
    words = topic.split("/")
    if not topic or len(topic) > 1000 or "\0" in topic or topic.startswith("$"):
        raise ValueError("topic: not a topic filter")
    for place, word in enumerate(words):
        if ("+" in word or "#" in word) and len(word) > 1:
            raise ValueError(f"topic: {word!r}: + and # stand alone between slashes")
        if word == "#" and place < len(words) - 1:
            raise ValueError("topic: # stands last")
        if "{" in word and word != NAMED:
            raise ValueError(f"topic: {word!r}: only {NAMED} may stand in braces, alone")
    if topic.count(NAMED) > 1:
        raise ValueError(f"topic: {NAMED} stands there twice")
    if _meet(words, _OURS):
        raise ValueError("topic: it would also match Hoshyar's own topics, hoshyar/...")


def _check_device(feed: Feed) -> None:
    ways = [bool(feed.device), bool(feed.device_field), NAMED in feed.topic]
    if feed.format == "sparkplug-b":
        if feed.topic.split("/")[0] != SPARKPLUG or not feed.topic.endswith("/#"):
            raise ValueError(f"topic: a Sparkplug filter is {SPARKPLUG}/GROUP/# or .../+/NODE/#")
        if NAMED in feed.topic:
            raise ValueError("topic: Sparkplug topics name node and device themselves")
    elif sum(ways) > 1 or (feed.format == "flat-json" and not any(ways)):
        raise ValueError(
            f"device: name the device in one way: device, device_field or {NAMED} in the topic"
        )


def _check_readings(feed: Feed) -> None:
    if feed.format == "openeew":
        if feed.readings or feed.ignore:
            raise ValueError("readings: openeew has none, its fields are fixed")
        return
    if not feed.readings:
        raise ValueError("readings: at least one field must be mapped")
    fields = [reading.field for reading in feed.readings]
    for reading in feed.readings:
        where = f"readings: {reading.field!r}"
        if fields.count(reading.field) > 1:
            raise ValueError(f"{where} is mapped twice")
        if feed.format == "flat-json" and not _PATH.match(reading.field):
            raise ValueError(f"{where} is no path such as data.level")
        try:
            measured = quantity(reading.quantity)
            conversion(reading.unit or measured.unit, measured.unit)
        except BadMessage as error:
            raise ValueError(f"{where}: {error}") from None


def check_all(feeds: Sequence[Feed]) -> None:
    """Raises InputError where a name stands twice or one topic would belong to two feeds."""
    for one, other in combinations(feeds, 2):
        if one.name == other.name:
            raise InputError(f"feed {one.name!r}, name: stands there twice")
        if _meet(one.filter.split("/"), other.filter.split("/")):
            raise InputError(
                f"feed {other.name!r}, topic: {other.topic} and the {one.topic} of feed"
                f" {one.name!r} match the same topics"
            )


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """True where some topic matches both filters (words)."""
    for place in range(max(len(one), len(other)) + 1):
        left = one[place] if place < len(one) else None
        right = other[place] if place < len(other) else None
        if left == "#" or right == "#":
            return True
        if left is None or right is None:
            return left is right
        if left != right and not {left, right} & {"+", NAMED}:
            return False
    return True


def matched(feed: Feed, words: Sequence[str]) -> str | None:
    """The word that names the device ("" for none) of a topic that matches, else None."""
    name = ""
    wanted = feed.topic.split("/")
    for place, want in enumerate(wanted):
        if want == "#":
            return name
        if place >= len(words) or (want not in ("+", NAMED) and want != words[place]):
            return None
        if want == NAMED:
            name = words[place]
    return name if len(words) == len(wanted) else None


def described(feed: Feed) -> dict[str, object]:
    """A feed as a row of the file, without what is left at its default."""
    everything: dict[str, object] = msgspec.to_builtins(feed)
    plain: dict[str, object] = {"point": "main", "unit": None}
    rows = everything["readings"]
    assert isinstance(rows, (list, tuple))
    everything["readings"] = [
        {key: value for key, value in row.items() if key not in plain or value != plain[key]}
        for row in rows
    ]
    return {key: value for key, value in everything.items() if value}
