"""The grammar of MQTT topics: `hoshyar/v1/{lab}/{device}/{channel}` (docs/wire-format.md)."""

from __future__ import annotations

from records.errors import BadMessage, Reason
from records.network import is_slug

ROOT = "hoshyar/v1"
FROM_DEVICE = frozenset({"readings", "backlog", "waveform", "status", "reply"})
TO_DEVICE = frozenset({"receipt", "command"})
# Second words that the server itself publishes under a lab; no device may have these ids.
RESERVED = frozenset({"alerts", "system"})


def device_topic(lab: str, device: str, channel: str) -> str:
    return f"{ROOT}/{lab}/{device}/{channel}"


def parse(topic: str) -> tuple[str, str, str]:
    """(lab, device, channel) of a device's topic. Raises BadMessage (`bad topic`)."""
    words = topic.split("/")
    if (
        len(words) != 5
        or words[:2] != ["hoshyar", "v1"]
        or not is_slug(words[2])
        or not is_slug(words[3])
        or words[3] in RESERVED
        or words[4] not in FROM_DEVICE
    ):
        raise BadMessage(Reason.BAD_TOPIC, topic[:200])
    return words[2], words[3], words[4]


def is_under_root(topic: str) -> bool:
    """True for topics that this grammar is for; all others are foreign devices'."""
    return topic.startswith("hoshyar/") or topic == "hoshyar"


def is_ours(topic: str) -> bool:
    """True for what the server itself publishes (receipts, commands, alerts, health)."""
    words = topic.split("/")
    return words[:2] == ["hoshyar", "v1"] and (
        (len(words) == 5 and words[4] in TO_DEVICE) or (len(words) > 4 and words[3] in RESERVED)
    )


def alert_topic(lab: str, area: str, hazard: str) -> str:
    """Retained current state of one incident, JSON."""
    return f"{ROOT}/{lab}/alerts/{area}/{hazard}"


def cap_topic(lab: str) -> str:
    """The stream of CAP 1.2 XML messages."""
    return f"{ROOT}/{lab}/alerts/cap"
