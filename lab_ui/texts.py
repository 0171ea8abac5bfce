"""The fixed texts of the browser's side, by the name that the scripts know them under."""

from __future__ import annotations

from records.language import is_draft, say

TEXTS = {
    "exercise": "Exercise",
    "exercise_note": "Simulated devices: nothing on this screen is a real event.",
    "test": "Test",
    "test_note": "Replay on a scenario clock: nothing on this screen is happening now.",
    "live": "live",
    "data_age": "Data age",
    "stages": "Stages",
    "all_up": "all stages up",
    "down": "down",
    "since": "since {time}",
    "never": "never",
    "open_incidents": "Open incidents",
    "no_incidents": "No open incident. Watching.",
    "not_watching": "Not everything is watched: see Unwatched on the desk.",
    "unacknowledged": "not acknowledged",
    "acknowledged_by": "acknowledged by {person}",
    "blind": "blind: a sensor behind this is silent",
    "lead": "expected in",
    "lead_over": "expected now",
    "under_way": "under way",
    "lead_past": "expected {age} ago",
    "event": "One event with",
    "closed": "Closed in the last 24 hours",
    "silent": "Silent sensors",
    "opened": "Opened",
    "sensors": "What its sensors say now",
    "unwatched": "Unwatched",
    "all_watched": "Everything is watched.",
    "streams": "Streams",
    "key_streams": "Overview",
    "all_series": "All series",
    "no_reading": "no reading yet",
    "stale": "The store can't be read since {time}. What you see is old.",
    "link_lost": "This screen has lost its server since {time}. What you see is old.",
    "boundaries": "Boundaries are not an endorsement. Dashed: disputed.",
    "map_source": "Natural Earth",
    "utc": "UTC",
    "draft": "machine draft",
    "level_0": "No data",
    "level_1": "Normal",
    "level_2": "Yellow",
    "level_3": "Orange",
    "level_4": "Red",
    "flag_1": "good",
    "flag_2": "not evaluated",
    "flag_3": "suspect",
    "flag_4": "fail",
    "flag_9": "missing",
    "quarantined": "Quarantined messages",
    "history": "History",
    "stations": "Stations",
    "detector": "Detector",
    "value": "Value",
    "unit": "Unit",
    "quantity": "Quantity",
    "flag": "Flag",
    "measured": "Measured",
    "age": "Age",
    "level": "Level",
}


def texts(language: str) -> dict[str, str]:
    return {name: say(text, language) for name, text in TEXTS.items()}


def any_draft(language: str) -> bool:
    """True while some fixed text in this language is a machine's, not read by a person yet."""
    return any(is_draft(text, language) for text in TEXTS.values())
