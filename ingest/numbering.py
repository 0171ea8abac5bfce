"""Which devices send messages without a number: told to the store once an hour and device."""

from __future__ import annotations

from collections.abc import Sequence

from records.times import HOUR
from store.numbering import Unnumbered


class Numbering:
    """What is known of the devices that send without numbers; of the others it keeps nothing."""

    def __init__(self, known: Sequence[Unnumbered] = ()) -> None:
        self._known = {one.device: one for one in known}
        self._changed: set[int] = set()

    def note(self, device: int, numbered: bool, received_at: int) -> None:
        """A message that is no repeat, from this device (registry's number), arrived then (µs)."""
        before = self._known.get(device)
        if before is None:
            if numbered:
                return
            after = Unnumbered(device, received_at // HOUR * HOUR)
        else:
            newest = before.numbered_at if numbered else before.last_at
            if newest is not None and received_at < newest + HOUR:
                return
            hour = received_at // HOUR * HOUR
            after = before._replace(numbered_at=hour) if numbered else before._replace(last_at=hour)
        self._known[device] = after
        self._changed.add(device)

    def news(self) -> tuple[Unnumbered, ...]:
        """What has changed since the last call, by device."""
        changed, self._changed = self._changed, set()
        return tuple(self._known[device] for device in sorted(changed))
