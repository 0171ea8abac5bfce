"""OpenEEW JSON: a message a second with three axes of acceleration, each evenly sampled.

`device_t` is the device's clock at the last sample; `cloud_t`, where the sender's cloud has added
it, is not read: arrival is ours. The form is that of https://openeew.com/docs/data.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from ingest.decoders import Content, Decoder
from ingest.fields import absolute
from ingest.flat_json import parse
from records.errors import BadMessage, Reason
from records.recordings import AXES, DEFAULT_RATE_HZ
from records.times import SECOND, from_seconds
from records.waveforms import Packet

VERSION = "openeew-1"
# Samples of one axis: a second of the fastest accelerometers, many times over.
MOST_SAMPLES = 20_000
_LATEST_S = 253_402_300_799
_LONGEST_NAME = 200


class Message(msgspec.Struct):
    """One second; x, y, z in Gal, `sr` in samples a second. Other fields are not read."""

    device_id: str
    x: list[float]
    y: list[float]
    z: list[float]
    device_t: float
    sr: float = DEFAULT_RATE_HZ


_JSON = msgspec.json.Decoder(Message)


def decode(payload: bytes) -> Message:
    """Raises BadMessage (`undecodable`, `too large`)."""
    if payload.count(b",") > 4 * MOST_SAMPLES:
        raise BadMessage(Reason.TOO_LARGE, f"more than {MOST_SAMPLES} samples an axis")
    message: Message = parse(payload, _JSON)
    return message


def device(message: Message) -> str:
    """The name that the message gives its device."""
    return message.device_id[:_LONGEST_NAME]


def content(message: Message, _: int) -> Content:
    """A packet an axis that has samples. Raises BadMessage."""
    if not (math.isfinite(message.sr) and message.sr > 0):
        raise BadMessage(Reason.UNDECODABLE, f"sr is {message.sr!r}, not a rate in samples/s")
    last_s = absolute(message.device_t)
    if not last_s <= _LATEST_S:
        raise BadMessage(Reason.IMPOSSIBLE_TIME, f"time {last_s!r} s")
    last_at = from_seconds(last_s)
    packets = []
    for axis in AXES:
        samples = np.array(getattr(message, axis), np.float64)
        if len(samples):
            lead = (len(samples) - 1) / message.sr * SECOND
            if lead > last_at:
                raise BadMessage(Reason.IMPOSSIBLE_TIME, f"sr is {message.sr!r}")
            start_at = last_at - round(lead)
            packets.append(Packet(axis, "acceleration", "Gal", start_at, message.sr, samples))
    return Content(packets=tuple(packets))


DECODER = Decoder(VERSION, decode, content)
SAYING_DEVICE = Decoder(VERSION, decode, content, device=device)
