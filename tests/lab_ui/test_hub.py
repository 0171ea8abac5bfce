"""The hub: one encoding for all, and a slow viewer starts again from the newest."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import numpy as np

from lab_ui.hub import Hub
from lab_ui.picture import Picture
from lab_ui.viewers import WAITING, Viewer
from records import times
from records.clock import ScenarioClock
from records.levels import Level
from records.readings import ReadingBatch

NOW = times.parse("2026-03-01T03:00:00Z")
AT_MS = NOW // 1000


def rows(*readings: tuple[int, float, float]) -> ReadingBatch:
    """(series number, seconds after NOW, value), received half a second after its measurement."""
    series, at, value = zip(*readings, strict=True)
    measured = np.array([NOW + int(s * times.SECOND) for s in at], np.int64)
    return ReadingBatch(
        np.array(series, np.int32),
        measured,
        measured + times.SECOND // 2,
        np.array(value),
        np.ones(len(value), np.uint8),
        np.zeros(len(value), np.uint8),
        np.zeros(len(value), np.bool_),
    )


def hub_of(picture: Picture) -> Hub:
    return Hub(picture, ScenarioClock(NOW + 10 * times.SECOND))


def viewer_of(hub: Hub, *numbers: int, language: str = "en") -> Viewer:
    viewer = Viewer(language)
    hub.join(viewer)
    hub.watch(viewer, numbers)
    assert asyncio.run(viewer.next_frames()) == []  # it must be given everything first
    return viewer


def received(viewer: Viewer) -> list[Any]:
    return [json.loads(frame) for frame in asyncio.run(viewer.next_frames())]


def test_a_viewer_gets_every_point_of_what_it_watches_and_the_newest_of_the_rest(
    picture: Picture,
) -> None:
    hub = hub_of(picture)
    viewer = viewer_of(hub, 1)
    hub.take_readings(rows((1, 0, 5.0), (2, 0, 1.0), (1, 1, 5.5)))
    assert received(viewer) == [
        {
            "k": "tick",
            "now": AT_MS + 10_000,
            "scenario": False,
            "registry": 0,
            "received": AT_MS + 1500,
            "last": [
                [1, AT_MS + 1000, 5.5, 1, AT_MS + 1500],
                [2, AT_MS, 1.0, 1, AT_MS + 500],
            ],
            "points": {"1": [[AT_MS, AT_MS + 1000], [5.0, 5.5]]},
        }
    ]


def test_viewers_who_watch_the_same_are_given_the_same_encoded_frame(picture: Picture) -> None:
    hub = hub_of(picture)
    one, other = viewer_of(hub, 1, 2), viewer_of(hub, 2, 1)
    hub.take_readings(rows((1, 0, 5.0)))
    (first,), (second,) = asyncio.run(one.next_frames()), asyncio.run(other.next_frames())
    assert first is second


def test_a_slow_viewer_loses_what_waits_and_is_given_everything_anew(picture: Picture) -> None:
    hub = hub_of(picture)
    slow = viewer_of(hub, 1)
    for second in range(WAITING + 1):
        hub.take_readings(rows((1, second, 5.0 + second)))
    assert asyncio.run(slow.next_frames()) == []
    kinds = [json.loads(frame)["k"] for frame in hub.everything(slow)]
    history = json.loads(hub.history_frame(slow))
    assert kinds == ["state", "tick", "history"]
    assert history["points"]["1"][1] == [5.0 + second for second in range(WAITING + 1)]


def test_history_reaches_back_as_far_as_the_chart_of_the_series(picture: Picture) -> None:
    hub = hub_of(picture)
    hub.fill(rows((1, -3600, 1.0), (1, -500, 2.0), (3, -3600, 3.0)))
    viewer = viewer_of(hub, 1, 3)
    points = json.loads(hub.history_frame(viewer))["points"]
    assert [points["1"][1], points["3"][1]] == [[2.0], [3.0]]


def test_a_series_that_does_not_exist_is_not_watched(picture: Picture) -> None:
    hub = hub_of(picture)
    assert viewer_of(hub, 1, 999).watched == {1}


def test_an_older_reading_changes_no_newest_value_but_is_a_point(picture: Picture) -> None:
    hub = hub_of(picture)
    viewer = viewer_of(hub, 1)
    hub.take_readings(rows((1, 5, 5.0)))
    hub.take_readings(rows((1, 2, 4.0)))
    frames = received(viewer)
    assert [frame["last"] for frame in frames][1] == []
    assert frames[1]["points"] == {"1": [[AT_MS + 2000], [4.0]]}


def test_a_new_state_reaches_each_viewer_in_its_language(picture: Picture) -> None:
    hub = hub_of(picture)
    english, urdu = viewer_of(hub), viewer_of(hub, language="ur")
    hub.take_state(replace(picture, votes={"limit/lake-level": Level.RED}))
    (first,), (second,) = received(english), received(urdu)
    assert first["levels"] == second["levels"] == {"1": 4}
    assert [stage["word"] for stage in first["stages"]] == ["Alerts", "Ingest", "Models"]
    assert [stage["word"] for stage in second["stages"]] == ["الرٹس", "وصولی", "ماڈلز"]


def test_a_state_does_not_take_the_newest_values_back(picture: Picture) -> None:
    hub = hub_of(picture)
    hub.take_readings(rows((1, 0, 5.0)))
    hub.take_state(replace(picture, stale_since=NOW))
    assert hub.picture.last[1].value == 5.0
    assert hub.picture.stale_since == NOW


def test_a_viewer_that_left_is_offered_nothing(picture: Picture) -> None:
    hub = hub_of(picture)
    viewer = viewer_of(hub, 1)
    hub.leave(viewer)
    hub.take_readings(rows((1, 0, 5.0)))
    hub.join(viewer)
    hub.beat()
    assert [frame["last"] for frame in received(viewer)] == [[]]
