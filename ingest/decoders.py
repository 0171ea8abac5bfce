"""Which decoder reads what: one file a format, all of them used in the same four steps.

A decoder is asked in this order: `decode` the bytes, `identity`, and, of a message that is no
repeat, `content`. Of bytes that can't be decoded, `claimed` says what they seem to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ingest import senml, waveform
from ingest.senml import Columns, Entry
from records.waveforms import Packet

Identity = tuple[int, int]


class Content(NamedTuple):
    """What a message holds beside or instead of columns.

    columns  readings, None for none
    packets  evenly sampled stretches
    state    what the message says of its device, "" where it says nothing
    """

    columns: Columns | None = None
    packets: tuple[Packet, ...] = ()
    state: Literal["online", "offline", ""] = ""


def _nothing(_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Decoder:
    """One format. All but `identity` and `claimed` raise BadMessage, and `identity` may.

    version   stands with every batch
    decode    payload -> the message in a form of the decoder's own
    content   message, its arrival (microseconds) -> what it holds
    identity  message -> (boot, seq), None for a message without: a hash of its bytes stands for it
    claimed   payload that can't be decoded -> (boot, seq) if they are plain to see
    label     message -> its arrival as a replay says it, None where it doesn't
    device    message -> the name of the device that it is from, where the topic isn't Hoshyar's
    repeatable  True where the same bytes may mean something each time they are said
    """

    version: str
    decode: Callable[[bytes], Any]
    content: Callable[[Any, int], Columns | Content]
    identity: Callable[[Any], Identity | None] = _nothing
    claimed: Callable[[bytes], Identity | None] = _nothing
    label: Callable[[Any], object] = _nothing
    device: Callable[[Any], str] | None = None
    repeatable: bool = False


def _columns(entries: list[Entry], _: int) -> Columns:
    return senml.columns(entries)


def _first_identity(entries: list[Entry]) -> Identity | None:
    return senml.identity(entries[0])


def _first_label(entries: list[Entry]) -> object:
    return entries[0].received_at


def _one_packet(message: waveform.Message, _: int) -> Content:
    return Content(packets=(waveform.packet(message),))


SENML = Decoder(senml.VERSION, senml.decode, _columns, _first_identity, senml.claimed, _first_label)
WAVEFORM = Decoder(
    waveform.VERSION,
    waveform.decode,
    _one_packet,
    waveform.identity,
    senml.claimed,
    lambda message: message.received_at,
)
# What was kept back is sent on one channel, told apart by the first byte: a map is a packet.
BACKLOG = Decoder(
    senml.VERSION,
    lambda payload: waveform.decode(payload) if waveform.is_map(payload) else senml.decode(payload),
    lambda message, at: _of(message).content(message, at),
    lambda message: _of(message).identity(message),
    senml.claimed,
    lambda message: _of(message).label(message),
)
CHANNELS = {"readings": SENML, "backlog": BACKLOG, "waveform": WAVEFORM}


def _of(message: list[Entry] | waveform.Message) -> Decoder:
    return SENML if isinstance(message, list) else WAVEFORM
