"""What goes to which channel when an incident changes: pure, put into the outbox by the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from alerts import cap
from alerts.lines import fields, line
from records.network import Network
from records.statements import AlertChange
from records.times import text
from records.topics import alert_topic, cap_topic

LOG = "log"
MQTT = "mqtt"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing to deliver; `retain` where it replaces what was said on the topic before."""

    channel: str
    topic: str
    payload: bytes
    retain: bool
    alert: str


def of_change(history: Sequence[AlertChange], network: Network) -> list[Announcement]:
    """For the last change of an incident's whole history: a log line, and CAP where it is told."""
    change = history[-1]
    announcements = [Announcement(LOG, "alerts", line(change, network), False, change.alert)]
    if cap.is_told(change):
        topic = cap_topic(cap.lab_of(change.area, network))
        payload = cap.message(history, network)
        announcements.append(Announcement(MQTT, topic, payload, False, change.alert))
    return announcements


def of_standing(
    change: AlertChange, standing: Sequence[AlertChange], network: Network
) -> Announcement:
    """The retained state of a hazard in an area, after `change`.

    Its JSON lists the incidents that stand, each with its status, so that an exercise never hides
    or replaces a real one; an empty list: nothing stands.
    """
    incidents = [
        {**fields(latest, network), "blind": latest.blind, "onset_at": _moment(latest.onset_at)}
        for latest in standing
    ]
    state = {
        "hazard": change.hazard.value,
        "area": change.area,
        "changed_at": _moment(change.at),
        "incidents": incidents,
    }
    topic = alert_topic(cap.lab_of(change.area, network), change.area, change.hazard.value)
    return Announcement(MQTT, topic, msgspec.json.encode(state), True, change.alert)


def _moment(at: int | None) -> str | None:
    return None if at is None else text(at)
