"""What the proxies do with the bytes of devices, of ingest and of its database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import NamedTuple

from tests.chaos import frames
from tests.chaos.frames import Cutter, Publish
from tests.chaos.relays import Line
from tests.chaos.schedule import Mischief
from tests.chaos.witness import Message, Witness, message_of

# Packet ids of our own copies: beyond what a client or a broker reaches in a schedule.
_OURS = 60_000
_STALE_KEPT = 200


class Ambush:
    """One fault that waits for its moment. `strike` kills whatever it is to kill."""

    def __init__(self, moment: str, portion: float, strike: Callable[[], None]) -> None:
        self.moment, self.portion, self.strike = moment, portion, strike


class Court(NamedTuple):
    """What all lines of a schedule share; `quiet` ends all mischief."""

    witness: Witness
    dice: random.Random
    mischief: Mischief
    ambushes: list[Ambush]
    sprung: list[str]
    receipts: list[Publish]
    quiet: asyncio.Event

    def chance(self, of: float) -> bool:
        return not self.quiet.is_set() and self.dice.random() < of

    def spring(self, moment: str) -> float | None:
        """Strike if somebody waits for this; which portion of the bytes goes on then."""
        for ambush in self.ambushes:
            if ambush.moment == moment and not self.quiet.is_set():
                self.ambushes.remove(ambush)
                self.sprung.append(moment)
                ambush.strike()
                return ambush.portion
        return None


class CourtLine(Line):
    def __init__(self, court: Court, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        super().__init__(near, far)
        self.court = court

    def ambushed(self, moment: str, data: bytes, *, up: bool) -> bool:
        """True where an ambush was sprung: then it has dealt with the bytes."""
        portion = self.court.spring(moment)
        if portion is None:
            return False
        self.send(data[: int(len(data) * portion)], up=up)
        if portion < 1:
            self.finish()
        return True


class StoreLine(CourtLine):
    """Ingest's connection to the database."""

    def pass_on(self, data: bytes, *, up: bool) -> None:
        moment = "commit sent" if up and b"COMMIT" in data else ""
        if not up and b"COMMIT\0" in data:
            moment = "commit done"
        if not moment or not self.ambushed(moment, data, up=up):
            self.send(data, up=up)


class MqttLine(CourtLine):
    """Packets instead of bytes: one that is held may be overtaken."""

    def __init__(self, court: Court, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        super().__init__(court, near, far)
        self._cutters = {True: Cutter(), False: Cutter()}
        self._copies = 0

    def later(self, data: bytes, *, up: bool, least_s: float = 0.02, most_s: float = 0.6) -> None:
        after_s = self.court.dice.uniform(least_s, most_s)
        asyncio.get_running_loop().call_later(after_s, lambda: self.send(data, up=up))

    def own_mid(self) -> int:
        self._copies += 1
        return _OURS + self._copies % 5_000


class DeviceLine(MqttLine):
    """A device's connection to the broker."""

    def pass_on(self, data: bytes, *, up: bool) -> None:
        for packet in self._cutters[up].feed(data):
            if frames.kind(packet) == frames.PUBLISH:
                said = frames.publish_of(packet)
                _, _, _, device, channel = said.topic.split("/")
                if up:
                    self._spoken(said, packet, device, channel)
                elif channel == "receipt":
                    self._receipt(said, packet)
            elif up or frames.kind(packet) != frames.PUBACK or frames.mid_of(packet) < _OURS:
                self.send(packet, up=up)

    def _spoken(self, said: Publish, packet: bytes, device: str, channel: str) -> None:
        witness, mischief = self.court.witness, self.court.mischief
        witness.messages += 1
        if channel == "status":
            witness.status(device, said.payload)
            self.send(packet, up=True)
            return
        if self.court.chance(mischief.repeat):
            self.later(frames.publish(said, self.own_mid()), up=True)
        if self.court.chance(mischief.lose):
            # As a broker whose queue is full: it says yes, and keeps nothing.
            self.send(frames.puback(said.mid), up=False)
        elif self.court.chance(mischief.hold):
            self.later(packet, up=True)
        else:
            self.send(packet, up=True)

    def _receipt(self, said: Publish, packet: bytes) -> None:
        court = self.court
        court.receipts.append(said)
        del court.receipts[:-_STALE_KEPT]
        mine = [one for one in court.receipts if one.topic == said.topic]
        if court.chance(court.mischief.stale):
            self.later(frames.publish(court.dice.choice(mine), 0), up=False, most_s=2.0)
        if self.ambushed("receipt arriving", packet, up=False):
            return
        if court.chance(court.mischief.lose):
            self.send(frames.puback(said.mid), up=True)
        elif court.chance(court.mischief.hold):
            self.later(packet, up=False)
        else:
            self.send(packet, up=False)


class IngestLine(MqttLine):
    """A session of ingest at the broker."""

    def __init__(self, court: Court, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        super().__init__(court, near, far)
        self._under_way: dict[int, Message | None] = {}
        self._looks = True

    def pass_on(self, data: bytes, *, up: bool) -> None:
        if up:
            self._said(self._cutters[True].feed(data))
            return
        for packet in self._cutters[False].feed(data):
            if frames.kind(packet) == frames.PUBLISH:
                self._delivered(packet)
            else:
                self.send(packet, up=False)

    def _delivered(self, packet: bytes) -> None:
        said = frames.publish_of(packet)
        words = said.topic.split("/")
        message = message_of(words[3], said.payload) if len(words) == 5 else None
        if said.mid:
            self._under_way[said.mid] = message
        if said.mid and self.court.chance(self.court.mischief.repeat):
            mid = self.own_mid()
            self._under_way[mid] = message
            self.later(frames.publish(said, mid), up=False)
        if self.court.chance(self.court.mischief.hold / 4):
            self.later(packet, up=False)
        else:
            self.send(packet, up=False)

    def _said(self, packets: list[bytes]) -> None:
        acknowledged: list[Message] = []
        passing, moment = b"", ""
        for packet in packets:
            kind = frames.kind(packet)
            if kind == frames.CONNECT:
                # The session for strays acknowledges copies of what others settle.
                self._looks = not frames.client_of(packet).endswith("-stray")
            elif kind == frames.PUBLISH:
                moment = self._receipt(frames.publish_of(packet)) or moment
            elif kind == frames.PUBACK:
                mid = frames.mid_of(packet)
                message = self._under_way.pop(mid, None)
                if message is not None:
                    acknowledged.append(message)
                moment = moment or "acknowledging"
                if mid >= _OURS:
                    continue
            passing += packet
        if self._looks and acknowledged:
            self.court.witness.acknowledge(acknowledged)
        if not self._looks or not moment or not self.ambushed(moment, passing, up=True):
            self.send(passing, up=True)

    def _receipt(self, said: Publish) -> str:
        *_, device, channel = said.topic.split("/")
        if channel != "receipt":
            return ""
        self.court.witness.receipt(device, said.payload)
        return "receipt sent"
