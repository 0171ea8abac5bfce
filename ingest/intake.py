"""The pure core of ingest: messages in the order they arrived become one commit.

Nothing here waits, reads a clock or knows a service, so that the live stage and a replay in
process share every decision. A message settles once, whether it becomes rows or is quarantined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ingest import limits, senml, statuses, stretches
from ingest.arrivals import Arrival, Batch, labelled
from ingest.checks import Checks
from ingest.clocks import Clocks
from ingest.decoders import Content, Decoder, Identity
from ingest.edge_nodes import Held
from ingest.feeds import Feeds
from ingest.gathering import Source
from ingest.ledger import Answer, Ledger, Ranges, Receipt
from ingest.numbering import Numbering
from ingest.places import Places
from ingest.recent import Recent
from ingest.routes import Route, Routes
from ingest.senml import Columns
from ingest.sparkplug import HELD_FOR, Sparkplug
from records.errors import BadMessage, Reason
from records.levels import Check, Flag
from records.readings import ReadingBatch, empty
from store import births
from store.births import Birth
from store.clocks import NO_BOOT, ClockState
from store.commits import Mended
from store.numbering import Unnumbered
from store.positions import Position
from store.quarantine import digest
from store.readings import Commit, Quarantined
from store.registry import Registry

# Of a message over the limit, enough is kept to see what it is and who sent it.
KEPT_OF_TOO_LARGE_BYTES = 4096


class Intake:
    """State of one ingest worker: ledger, hashes, checks; rebuilt from the store by `resume`."""

    def __init__(
        self,
        registry: Registry,
        *,
        scenario: bool = False,
        worker: int = 0,
        max_payload_bytes: int = 1_048_576,
    ) -> None:
        """`scenario`: messages say themselves when they arrived (label `received_at`)."""
        self._scenario = scenario
        self._worker = worker
        self._max_payload_bytes = max_payload_bytes
        self._ledger = Ledger()
        self._touched: set[tuple[int, int]] = set()
        # The last numbered message of this batch by topic, and whose number it has: who repeats it
        # at once is not decoded again.
        self._said: dict[str, tuple[bytes, tuple[int, int]]] = {}
        self._limits = limits.table(registry)
        self._checks = Checks(self._limits)
        self._nodes = Sparkplug()
        self._clocks = Clocks()
        self._places = Places(registry)
        self._numbering = Numbering()
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Go on with a changed registry. What was refused before may now be right."""
        self._registry = registry
        self._recent = Recent()
        self._feeds = Feeds(registry)
        self._routes = Routes(registry, self._nodes)
        self._limits = limits.table(registry)
        self._checks.use(self._limits)
        self._places.use(registry)

    def resume(
        self,
        settled: Mapping[tuple[int, int], Ranges],
        newest: ReadingBatch,
        quarantined: Mapping[bytes, int] | None = None,
        gone: Mapping[tuple[int, int], Ranges] | None = None,
        clocks: Sequence[ClockState] = (),
        positions: Sequence[Position] = (),
        unnumbered: Sequence[Unnumbered] = (),
        born: Sequence[Birth] = (),
    ) -> None:
        """Take up where the store stands.

        settled      inclusive ranges by (device number, boot)
        newest       the last rows of every series, as many as `Checks.history` says
        quarantined  arrival (microseconds) by digest, of the last hour
        gone         what devices have declared lost, as `settled`
        clocks       the newest clocks of every device, in the order they began
        positions    where the devices said last that they are
        unnumbered   the devices that send without numbers
        born         what Sparkplug's nodes said of themselves, in the order in which they did
        """
        self._ledger = Ledger(settled, gone)
        self._recent = Recent(quarantined)
        self._touched = set()
        self._checks = Checks(self._limits)
        self._checks.remember(newest)
        self._clocks = Clocks(clocks)
        self._places = Places(self._registry, positions)
        self._numbering = Numbering(unnumbered)
        self._nodes.remember(born)

    def forget(self) -> None:
        """Take every message for new and by itself from here on: what a rerun asks for."""
        self._ledger = Ledger()
        self._recent = Recent()
        self._nodes.forget()

    @property
    def registry(self) -> Registry:
        return self._registry

    def take(self, arrivals: Sequence[Arrival]) -> Commit:
        """Everything to store of these messages. Never raises for what a message says."""
        batch = Batch()
        self._said = {}
        for arrival in arrivals:
            said = self._said.get(arrival.topic)
            if said is not None and said[0] == arrival.payload:
                self._touched.add(said[1])
                continue
            route = self._routes.of(arrival.topic)
            decoder = route.decoder
            if decoder is not None and 0 < len(arrival.payload) <= self._max_payload_bytes:
                self._take_message(arrival, route, decoder, batch)
            else:
                self._take_other(arrival, route, batch)
        readings = self._readings(batch)
        quarantined = self._quarantined(batch)
        self._recent.forget(batch.latest)
        return Commit(
            worker=self._worker,
            received_at=batch.latest,
            decoder=self._routes.decoders,
            rules=self._registry.rules.version,
            readings=readings,
            settled=self._ledger.news(),
            gone=self._ledger.gone_news(),
            quarantined=quarantined,
            statuses=tuple(batch.statuses),
            waveforms=batch.waveforms,
            clocks=self._clocks.news(),
            unnumbered=self._numbering.news(),
            births=tuple(batch.births),
            mended=tuple(batch.mended),
        )

    def touched(self) -> set[tuple[int, int]]:
        """(device number, boot) of each sequenced message, new or repeated, since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def newest_boots(self) -> set[tuple[int, int]]:
        """(device number, newest boot) of every device with settled messages."""
        return set(self._ledger.newest_boots().items())

    def receipt(self, device: int, boot: int) -> Receipt | None:
        """What a device may be told once the last `take` is committed, None for nothing."""
        return self._ledger.receipt(device, boot)

    def wrong_clocks(self) -> dict[int, int]:
        """What devices' clocks are slow by (µs), by device number, where it is over a minute."""
        return self._clocks.wrong()

    def commands(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of what foreign devices are to be asked, since the last call."""
        return self._nodes.requests()

    def _take_message(self, arrival: Arrival, route: Route, decoder: Decoder, batch: Batch) -> None:
        try:
            message = decoder.decode(arrival.payload)
            if self._scenario and (label := decoder.label(message)) is not None:
                arrival = arrival._replace(received_at=labelled(label))
            if decoder.device is not None:
                route = self._routes.named(route, decoder.device(message))
            identity = decoder.identity(message)
        except BadMessage as fault:
            self._refuse(arrival, route, fault, batch, decoder.claimed(arrival.payload))
            return
        settled = decoder.repeatable or self._settle(arrival, route, identity)
        if settled is None:
            return
        sequenced = settled and not decoder.repeatable
        if route.device is not None:
            self._numbering.note(route.device, sequenced, arrival.received_at)
        boot = NO_BOOT if identity is None else identity[0]
        device = route.device or 0
        source = Source(
            device, boot, sequenced, route.channel != "backlog", self._places.astray(device)
        )
        try:
            found = decoder.content(message, arrival.received_at)
            if isinstance(found, Columns):
                self._take_columns(arrival, route, found, source, batch)
            else:
                self._take_content(arrival, route, found, source, batch)
            batch.latest = max(batch.latest, arrival.received_at)
        except BadMessage as fault:
            batch.refuse(arrival, route, route.fault or fault)
            if fault.reason is Reason.NO_BIRTH and route.fault is None and route.feed is not None:
                held = Held(message, route.feed, (arrival, route, source))
                self._nodes.hold(arrival.topic, len(arrival.payload), held)
        if self._nodes.born():
            self._take_confirmed(arrival, route, batch)

    def _take_confirmed(self, birth: Arrival, of: Route, batch: Batch) -> None:
        """Keep an enrolled device's birth, and take out of quarantine what waited for it."""
        if of.fault is None and len(birth.payload) <= births.LARGEST_BYTES:
            batch.births.append(Birth(birth.topic, birth.received_at, birth.payload))
        taken: set[Arrival] = set()
        for (arrival, route, source), content in self._nodes.confirmed():
            if birth.received_at - arrival.received_at > HELD_FOR:
                continue  # by now it could raise no live warning
            with suppress(BadMessage):
                self._take_content(arrival, route, content, source, batch)
                taken.add(arrival)
        if not taken:
            return
        for place in range(len(batch.refused) - 1, -1, -1):
            arrival = batch.refused[place].arrival
            if arrival in taken:
                taken.discard(arrival)
                del batch.refused[place]
        batch.mended += map(_mended, taken)

    def _take_columns(
        self, arrival: Arrival, route: Route, columns: Columns, source: Source, batch: Batch
    ) -> None:
        slots = self._feeds.slots(route.device_id, columns)
        if slots:
            batch.messages.append((arrival, route))
            batch.gathering.add(slots, columns, arrival.received_at, source)

    def _take_content(
        self, arrival: Arrival, route: Route, content: Content, source: Source, batch: Batch
    ) -> None:
        if route.fault is not None and (content.packets or content.columns is not None):
            raise route.fault.anew()
        found = stretches.resolved(
            self._feeds, self._limits, route.device_id, content.packets, arrival.received_at
        )
        if content.columns is not None:
            self._take_columns(arrival, route, content.columns, source, batch)
        if found:
            batch.messages.append((arrival, route))
            batch.gathering.add_packets(found, arrival.received_at, source)
        if content.state and route.device is not None:
            batch.statuses.append(statuses.of(route.device, content.state, arrival.received_at))

    def _settle(self, arrival: Arrival, route: Route, identity: Identity | None) -> bool | None:
        """True: settled by its number; False: new by its bytes; None: a repeat."""
        if identity is not None and route.device is not None:
            key = (route.device, identity[0])
            self._touched.add(key)
            answer = self._ledger.settle(key, identity[1])
            if answer is not Answer.FULL:
                self._said[arrival.topic] = (arrival.payload, key)
                return True if answer is Answer.NEW else None
        return False if self._is_new(arrival) else None

    def _is_new(self, arrival: Arrival) -> bool:
        message = digest(arrival.topic, arrival.payload)
        return self._recent.is_new(message, arrival.received_at)

    def _take_other(self, arrival: Arrival, route: Route, batch: Batch) -> None:
        """Statuses, replies, and what can be refused without a look into the payload."""
        payload, device = arrival.payload, route.device
        if len(payload) > self._max_payload_bytes:
            claim = senml.claimed(payload) if not (route.fault or route.feed) else None
            arrival = arrival._replace(payload=payload[:KEPT_OF_TOO_LARGE_BYTES])
            fault = BadMessage(Reason.TOO_LARGE, f"{len(payload)} bytes")
            self._refuse(arrival, route, fault, batch, claim)
        elif route.fault is not None or not payload:
            fault = route.fault or BadMessage(Reason.EMPTY_PAYLOAD)
            self._refuse(arrival, route, fault, batch, None)
        else:
            if route.channel == "status" and device is not None:
                self._take_status(arrival, route, device, batch)
            batch.latest = max(batch.latest, arrival.received_at)

    def _take_status(self, arrival: Arrival, route: Route, device: int, batch: Batch) -> None:
        try:
            status, gone = statuses.decode(arrival.payload, device, arrival.received_at)
        except BadMessage as fault:
            self._refuse(arrival, route, fault, batch, None)
            return
        batch.statuses.append(status)
        if status.lat is not None and status.lon is not None:
            self._places.move(device, status.lat, status.lon)
        for boot, first, last in gone:
            self._ledger.declare_gone((device, boot), first, last)
            # Also what is no news: the device says it until a receipt has reached it.
            self._touched.add((device, boot))

    def _refuse(
        self,
        arrival: Arrival,
        route: Route,
        fault: BadMessage,
        batch: Batch,
        claim: Identity | None,
    ) -> None:
        if claim is None or self._settle(arrival, route, claim) is not None:
            batch.refuse(arrival, route, fault, is_new=claim is not None)

    def _quarantined(self, batch: Batch) -> tuple[Quarantined, ...]:
        found = []
        for refused in batch.refused:
            if refused.is_new or self._is_new(refused.arrival):
                batch.latest = max(batch.latest, refused.arrival.received_at)
                found.append(refused.quarantined())
        return tuple(found)

    def _readings(self, batch: Batch) -> ReadingBatch:
        if not len(batch.gathering):
            return empty()
        found = batch.gathering.rows(self._feeds.table(), self._clocks)
        batch.waveforms = found.waveforms
        for number, fault in sorted(found.refused.items()):
            arrival, route = batch.messages[number]
            waited = _mended(arrival)
            if waited in batch.mended:
                batch.mended.remove(waited)  # it is in quarantine, and stays there
            else:
                batch.refuse(arrival, route, fault)
        if not len(found.readings):
            return found.readings
        flag, checks = self._checks.flag(found.readings, found.message)
        for doubted, check in ((found.wrong_clock, Check.CLOCK), (found.astray, Check.LOCATION)):
            checks[doubted] |= np.uint16(check)
            flag[doubted & (flag != Flag.FAIL)] = Flag.SUSPECT
        return replace(found.readings, flag=flag, checks=checks)


def _mended(arrival: Arrival) -> Mended:
    return Mended(digest(arrival.topic, arrival.payload), arrival.received_at)
