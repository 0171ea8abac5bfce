"""Where a topic leads: which device, which channel, and who reads its bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingest.decoders import CHANNELS, SENML, Decoder
from ingest.foreign import Foreign
from ingest.sparkplug import Sparkplug
from records import topics
from records.errors import BadMessage, Reason
from records.foreign import Feed
from store.registry import Registry

_MOST_TOPICS = 50_000


@dataclass(frozen=True, slots=True)
class Route:
    """Where a topic leads. `device` is the registry's number, None where `fault` says why.

    `decoder` reads what is settled by its number or its bytes; None where there is a fault and for
    channels that are not settled. `feed` is that of a foreign topic: it is read even with a
    fault, since one message may say how others are to be read.
    """

    device: int | None
    device_id: str
    channel: str
    fault: BadMessage | None = None
    decoder: Decoder | None = None
    feed: Feed | None = None


class Routes:
    """Each topic is looked at once; made anew when the registry changes."""

    def __init__(self, registry: Registry, nodes: Sparkplug) -> None:
        """`nodes`: what Sparkplug's nodes have said of themselves, whatever the registry says."""
        self._registry = registry
        self._foreign = Foreign(registry.foreign, nodes)
        self._known: dict[str, Route] = {}
        self.decoders = " ".join([SENML.version, *self._foreign.versions])

    def of(self, topic: str) -> Route:
        """Never raises: a topic that leads nowhere has its fault."""
        return self._known.get(topic) or self._learn(topic)

    def named(self, route: Route, name: str) -> Route:
        """The route of a foreign message, once it is known who sent it."""
        device = name if route.feed is None else route.feed.id_of(name)
        if device is None:
            unlisted = f"{ascii(name)[:200]} is not among the devices of its feed"
            return replace(route, fault=BadMessage(Reason.UNKNOWN_DEVICE, unlisted))
        if (number := self._registry.device_number.get(device)) is not None:
            return replace(route, device=number, device_id=device)
        unknown = f"{ascii(device)[:200]} is not enrolled"
        return replace(route, fault=BadMessage(Reason.UNKNOWN_DEVICE, unknown))

    def _learn(self, topic: str) -> Route:
        try:
            route = self._parse(topic)
        except BadMessage as fault:
            route = Route(None, "", "", fault.anew())
        if len(self._known) >= _MOST_TOPICS:
            self._known.clear()
        self._known[topic] = route
        return route

    def _parse(self, topic: str) -> Route:
        if not topics.is_under_root(topic):
            feed, decoder, name = self._foreign.find(topic)
            route = Route(None, "", feed.format, decoder=decoder, feed=feed)
            return self.named(route, name) if name else route
        lab, device, channel = topics.parse(topic)
        number = self._registry.device_number.get(device)
        if number is None:
            fault = BadMessage(Reason.UNKNOWN_DEVICE, f"{device} is not enrolled")
            return Route(None, "", "", fault)
        owner = self._registry.lab_of_device(device)
        if owner != lab:
            fault = BadMessage(Reason.WRONG_LAB, f"{device} belongs to {owner}")
            return Route(number, device, channel, fault)
        return Route(number, device, channel, decoder=CHANNELS.get(channel))
