"""The sessions at the broker: two a shard (live, backlog), and one for what has gone astray.

A session belongs to its shard: whoever owns the shard connects with its client id and goes on with
what the broker has kept. So nothing is lost or read twice when a shard moves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ingest.client import broker_of
from ingest.homes import Homes
from ingest.session import Session
from records import topics
from records.foreign import NAMED, Feed, matched
from records.settings import BrokerAddress, Settings
from store.registry import Registry

# A waveform is as live as a reading: an earthquake may be in it.
LIVE = ("readings", "status", "reply", "waveform")
BACKLOG = ("backlog",)
# The shard whose owner also takes what belongs to no shard.
_STRAYS_WITH = 0
# Everything below our root. The embedded broker carries nothing but Hoshyar's, so whatever comes
# there is ours; with a password an access list stands before us, and lets known channels through.
_SHORT_AND_LONG = ("hoshyar/+", "hoshyar/+/+", "hoshyar/v1/+/+", "hoshyar/v1/+/+/+/+/#")
_ANYWHERE = ("#",)
# So long after its enrolment a device's own filter stands for certain.
_FRESH_S = 2.0


def strays(settings: Settings) -> tuple[str, ...]:
    """Filters of the session that looks for what no device should send."""
    if settings.broker_user:
        known = tuple(f"hoshyar/+/+/+/{channel}" for channel in (*LIVE, *BACKLOG))
        return (*known, *_SHORT_AND_LONG)
    embedded = BrokerAddress("127.0.0.1", settings.broker_port, False)
    return _ANYWHERE if broker_of(settings) == embedded else ("hoshyar/+/+/+/+", *_SHORT_AND_LONG)


def filters(devices: Iterable[str], channels: Iterable[str]) -> list[str]:
    """Filters for what these devices say on these channels, under any lab."""
    kept = tuple(channels)
    return [f"{topics.ROOT}/+/{device}/{channel}" for device in devices for channel in kept]


class Lane(NamedTuple):
    """One session, the channels it is for, and its shard: None for the strays'."""

    session: Session
    channels: tuple[str, ...]
    shard: int | None


class Lanes:
    """The sessions of the shards that this worker owns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lanes: list[Lane] = []
        self._homes: Homes | None = None
        self._devices: dict[int, list[str]] = {}
        self._foreign: tuple[Feed, ...] = ()
        self._enrolled: frozenset[str] = frozenset()
        self._fresh: frozenset[str] = frozenset()
        self._fresh_until_s = 0.0

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    @property
    def trouble(self) -> str:
        """Why some session doesn't stand; empty when all do."""
        return next((lane.session.trouble for lane in self._lanes if lane.session.trouble), "")

    @property
    def standing(self) -> int:
        """How many sessions stand."""
        return sum(not lane.session.trouble for lane in self._lanes)

    def use(self, registry: Registry, now_s: float) -> None:
        """Go on with a changed registry. Call it once before the first `open`."""
        before = self._enrolled | {feed.filter for feed in self._foreign}
        self._enrolled, self._foreign = frozenset(registry.device_number), registry.foreign
        after = self._enrolled | {feed.filter for feed in self._foreign}
        self._fresh, self._fresh_until_s = after - before, now_s + _FRESH_S
        self._homes, self._devices = Homes(registry), {}
        for device in sorted(self._enrolled):
            self._devices.setdefault(self._homes.of(device), []).append(device)
        for lane in self._lanes:
            lane.session.use(self._filters(lane))

    def is_settled(self, now_s: float) -> bool:
        """True once after `use`, when what is fresh has become known."""
        if not self._fresh or now_s < self._fresh_until_s:
            return False
        self._fresh = frozenset()
        return True

    def open(self, shards: Collection[int]) -> None:
        """Go on with the sessions of these shards; they connect by and by."""
        user = self._settings.broker_user or "hoshyar-ingest"
        for shard in sorted(shards):
            for channels, name in ((LIVE, ""), (BACKLOG, "-backlog")):
                session = Session(self._settings, f"{user}-{shard:02d}{name}")
                lane = Lane(session, channels, shard)
                session.use(self._filters(lane))
                self._lanes.append(lane)
        if _STRAYS_WITH in shards:
            session = Session(self._settings, f"{user}-stray")
            lane = Lane(session, (), None)
            session.use(self._filters(lane))
            self._lanes.append(lane)

    def close(self, shards: Collection[int]) -> None:
        """Leave the sessions of these shards to their next owner."""
        leaving = {*shards, None} if _STRAYS_WITH in shards else {*shards}
        for lane in self._lanes:
            if lane.shard in leaving:
                lane.session.close()
        self._lanes = [lane for lane in self._lanes if lane.shard not in leaving]

    def close_all(self) -> None:
        for lane in self._lanes:
            lane.session.close()
        self._lanes = []

    def live(self, device: str) -> Session | None:
        """The live session of a device's shard; None where another worker owns it."""
        return None if self._homes is None else self._session(self._homes.of(device))

    def _session(self, shard: int | None) -> Session | None:
        found = (lane.session for lane in self._lanes if lane.shard == shard)
        return next(found, None)

    def ask(self, topic: str, payload: bytes) -> None:
        """Say something to a foreign device; it is said again while nothing comes of it."""
        if self._lanes:
            self._lanes[0].session.publish(topic, payload)

    def ignores(self, topic: str, stray: bool) -> bool:
        """True for what the server says itself, and for what another session takes."""
        words = topic.split("/")
        if not topics.is_under_root(topic):
            for feed in self._foreign:
                name = matched(feed, words)
                if name is not None:
                    return self._ignores_foreign(feed, name, stray)
        ours = len(words) == 5 and words[:2] == ["hoshyar", "v1"] and words[4] in (*LIVE, *BACKLOG)
        if not ours or words[3] not in self._enrolled:
            return not stray or topics.is_ours(topic)
        owned = self.live(words[3]) is not None
        return not owned or (stray and words[3] not in self._fresh)

    def _ignores_foreign(self, feed: Feed, name: str, stray: bool) -> bool:
        assert self._homes is not None
        if NAMED not in feed.topic:
            owned = self._session(self._homes.of_feed(feed)) is not None
            return not owned or (stray and feed.filter not in self._fresh)
        device = feed.id_of(name)
        if device not in self._enrolled:
            return not stray
        fresh = device in self._fresh or feed.filter in self._fresh
        return self.live(device) is None or (stray and not fresh)

    def _filters(self, lane: Lane) -> list[str]:
        assert self._homes is not None
        if lane.shard is None:
            wide = strays(self._settings)
            named = [feed.filter for feed in self._foreign if NAMED in feed.topic]
            return [*wide, *(named if wide != _ANYWHERE else ())]
        devices = self._devices.get(lane.shard, ())
        own = filters(devices, lane.channels)
        if lane.channels is LIVE:
            for feed in self._foreign:
                if self._homes.of_feed(feed) == lane.shard:
                    own.append(feed.filter)
                elif NAMED in feed.topic:
                    own += [one for device in devices for one in feed.filters_of(device)]
        return own
