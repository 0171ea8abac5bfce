"""What a device says of itself on its `status` channel."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from records.errors import BadMessage, Reason
from store.readings import DeviceStatus


class Said(msgspec.Struct):
    """The JSON of docs/wire-format.md; labels that nobody knows are ignored."""

    state: Literal["online", "offline"]
    boot: Annotated[int, Meta(ge=0, le=2**62)] | None = None
    firmware: Annotated[str, Meta(max_length=200)] = ""
    battery_v: float | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None


_JSON = msgspec.json.Decoder(Said)


def decode(payload: bytes, device: int, received_at: int) -> DeviceStatus:
    """The status of this device (registry's number). Raises BadMessage (`undecodable`)."""
    try:
        said = _JSON.decode(payload)
    except (ValueError, RecursionError) as error:
        raise BadMessage(Reason.UNDECODABLE, ascii(str(error))[1:-1][:200]) from None
    return DeviceStatus(
        device=device,
        state=said.state,
        boot=said.boot,
        firmware=said.firmware,
        battery_v=said.battery_v,
        lat=said.lat,
        lon=said.lon,
        received_at=received_at,
    )
