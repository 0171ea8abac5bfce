"""Which shard each device is at home in: all that it says, on any topic, is for that shard's owner.

A device goes by its id. Where a feed can only be read whole, since its messages say themselves
whose they are or one sequence runs over many devices, the devices that it lists are at home where
the feed is read; feeds that share a device are read together.
"""

from __future__ import annotations

from ingest.shards import shard_of
from records.foreign import NAMED, Feed
from store.directory import Registry


class Homes:
    """Of one version of the registry; the same in every worker."""

    def __init__(self, registry: Registry) -> None:
        self._shards: dict[str, int] = {}
        self._feeds: dict[str, int] = {}
        for names, devices in _together([feed for feed in registry.foreign if feed.is_whole]):
            shard = shard_of(min(names))
            self._feeds |= dict.fromkeys(names, shard)
            self._shards |= dict.fromkeys(devices, shard)

    def of(self, device: str) -> int:
        """The device's shard."""
        found = self._shards.get(device)
        return shard_of(device) if found is None else found

    def of_feed(self, feed: Feed) -> int | None:
        """The shard that reads all of a feed; None where each device's own one does."""
        if NAMED in feed.topic:
            return None
        return self.of(feed.device) if feed.device else self._feeds[feed.name]


def _together(feeds: list[Feed]) -> list[tuple[set[str], set[str]]]:
    """(names, devices) of feeds that share devices, and of those with others."""
    groups: list[tuple[set[str], set[str]]] = []
    for feed in feeds:
        names, devices = {feed.name}, set(feed.devices.values())
        apart = []
        for other in groups:
            if devices & other[1]:
                names, devices = names | other[0], devices | other[1]
            else:
                apart.append(other)
        groups = [*apart, (names, devices)]
    return groups
