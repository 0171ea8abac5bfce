"""CAP 1.2 messages (OASIS, 2010): one `info` a language, the whole incident by reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lxml import etree

from alerts import naming, profiles, wording
from alerts.lifecycle import Change
from alerts.policy import RENEW_AFTER
from records.language import say
from records.levels import LANGUAGES
from records.network import Area, Network
from records.statements import AlertChange
from records.times import HOUR, to_datetime

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
# What is told to the world; what people do among themselves is not.
KINDS: dict[str, str] = {
    Change.RAISED: "Alert",
    Change.ESCALATED: "Update",
    Change.EASED: "Update",
    Change.RETURNED: "Update",
    Change.BLIND: "Update",
    Change.SIGHTED: "Update",
    Change.RENEWED: "Update",
    Change.CLEARED: "Cancel",
}
# A message is renewed before it expires, with this to spare.
_VALID = RENEW_AFTER + 6 * HOUR
_PREFIXES: Any = {None: NAMESPACE}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_told(change: AlertChange) -> bool:
    """True for a change that makes a CAP message."""
    return change.change in KINDS


def lab_of(area: str, network: Network) -> str:
    """The lab that speaks for an area; an area that is not described is a lab's own."""
    known = naming.area_of(area, network)
    return known.lab if known else area


def message(history: Sequence[AlertChange], network: Network) -> bytes:
    """The message for the last change of an incident's whole history, as UTF-8 XML.

    Its identifier is the alert's id and the place of the change in the history, so that the same
    change always makes the same message. Raises ValueError for a change that is not told.
    """
    change = history[-1]
    if not is_told(change):
        raise ValueError(f"{change.change!r} makes no CAP message")
    sender = f"hoshyar.{lab_of(change.area, network)}"
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap=_PREFIXES)
    _add(alert, "identifier", _identifier(history))
    _add(alert, "sender", sender)
    _add(alert, "sent", _time(change.at))
    _add(alert, "status", change.status.value)
    _add(alert, "msgType", KINDS[change.change])
    _add(alert, "source", change.detector)
    public = profiles.PROFILES[change.hazard].public
    _add(alert, "scope", "Public" if public else "Restricted")
    if not public:
        _add(alert, "restriction", profiles.RESTRICTION)
    if change.status in wording.NOTES:
        notes = (say(wording.NOTES[change.status], language) for language in LANGUAGES)
        _add(alert, "note", " / ".join(notes))
    told = [end for end in range(1, len(history)) if is_told(history[end - 1])]
    if told:
        _add(alert, "references", " ".join(_reference(sender, history[:end]) for end in told))
    _add(alert, "incidents", change.alert)
    for language in LANGUAGES:
        _info(alert, change, network, language)
    return etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _info(alert: etree._Element, change: AlertChange, network: Network, language: str) -> None:
    info = _add(alert, "info")
    _add(info, "language", language)
    _add(info, "category", profiles.PROFILES[change.hazard].category)
    _add(info, "event", wording.event(change.hazard, language))
    _add(info, "responseType", profiles.response(change))
    _add(info, "urgency", profiles.urgency(change))
    _add(info, "severity", profiles.severity(change))
    _add(info, "certainty", profiles.certainty(change))
    _named(info, "eventCode", "hoshyar:hazard", change.hazard.value)
    _add(info, "effective", _time(change.at))
    if change.onset_at is not None:
        _add(info, "onset", _time(change.onset_at))
    _add(info, "expires", _time(max(change.at, change.onset_at or 0) + _VALID))
    _add(info, "senderName", naming.area_name(lab_of(change.area, network), network, "en"))
    _add(info, "headline", wording.headline(change, network, language))
    _add(info, "description", wording.description(change, network, language))
    _add(info, "instruction", wording.instruction(change, language))
    _named(info, "parameter", "hoshyar:level", change.level.word)
    _named(info, "parameter", "hoshyar:change", change.change)
    _named(info, "parameter", "hoshyar:blind", "true" if change.blind else "false")
    if change.lead_s is not None:
        _named(info, "parameter", "hoshyar:lead_s", f"{change.lead_s:.0f}")
    _area(info, change.area, network, language)


def _area(info: etree._Element, name: str, network: Network, language: str) -> None:
    area = _add(info, "area")
    _add(area, "areaDesc", naming.area_name(name, network, language))
    if corners := _polygon(naming.area_of(name, network)):
        _add(area, "polygon", corners)
    _named(area, "geocode", "hoshyar:area", name)


def _polygon(area: Area | None) -> str:
    """Corners as CAP writes them: `lat,lon` pairs, the first again at the end; "" for none."""
    corners = list(area.polygon) if area else []
    if len(corners) < 3:
        return ""
    if corners[0] != corners[-1]:
        corners.append(corners[0])
    return " ".join(f"{lat:.6f},{lon:.6f}" for lat, lon in corners)


def _identifier(history: Sequence[AlertChange]) -> str:
    return f"{history[-1].alert}.{len(history)}"


def _reference(sender: str, history: Sequence[AlertChange]) -> str:
    return f"{sender},{_identifier(history)},{_time(history[-1].at)}"


def _time(at: int) -> str:
    """CAP's form of a moment: whole seconds, and -00:00 for UTC."""
    return f"{to_datetime(at):%Y-%m-%dT%H:%M:%S}-00:00"


def _named(parent: etree._Element, name: str, value_name: str, value: str) -> None:
    element = _add(parent, name)
    _add(element, "valueName", value_name)
    _add(element, "value", value)


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text:
        element.text = _FORBIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return element
