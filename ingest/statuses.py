"""What a device says of itself on its `status` channel."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ingest import extremes
from records.errors import BadMessage, Reason
from store.readings import DeviceStatus

# A thousand ranges, each with three long numbers.
MOST_BYTES = 65_536

Number = Annotated[int, Meta(ge=0, le=2**62)]


class Gone(NamedTuple):
    """Messages of a boot, `first` to `last`, that the device no longer has."""

    boot: Number
    first: Number
    last: Number


class Said(msgspec.Struct):
    """The JSON of docs/wire-format.md; labels that nobody knows are ignored."""

    state: Literal["online", "offline"]
    boot: Number | None = None
    firmware: Annotated[str, Meta(max_length=200)] = ""
    battery_v: float | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    gone: list[Gone] = []


_JSON = msgspec.json.Decoder(Said)


def decode(payload: bytes, device: int, received_at: int) -> tuple[DeviceStatus, list[Gone]]:
    """The status of this device (registry's number), and what it declares gone.

    Raises BadMessage (`undecodable`, `too large`).
    """
    if len(payload) > MOST_BYTES:
        raise BadMessage(Reason.TOO_LARGE, f"{len(payload)} bytes of status")
    extremes.check(payload)
    try:
        said = _JSON.decode(payload)
    except (ValueError, RecursionError) as error:
        raise BadMessage(Reason.UNDECODABLE, ascii(str(error))[1:-1][:200]) from None
    if any(part.last < part.first for part in said.gone):
        raise BadMessage(Reason.UNDECODABLE, "a range in `gone` ends before it begins")
    status = DeviceStatus(
        device=device,
        state=said.state,
        boot=said.boot,
        firmware=said.firmware,
        battery_v=said.battery_v,
        lat=said.lat,
        lon=said.lon,
        received_at=received_at,
    )
    return status, said.gone


def of(device: int, state: Literal["online", "offline"], received_at: int) -> DeviceStatus:
    """What a foreign message says of its device (registry's number): that it is there, or not."""
    return DeviceStatus(device, state, None, "", None, None, None, received_at)
