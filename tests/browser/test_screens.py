"""Wall, station and desk in a real browser, over a real store, in all three languages."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Page, expect

from records.clock import WallClock
from records.language import say
from records.levels import LANGUAGES, Level
from records.statements import Action
from records.times import SECOND
from store import incidents, stages
from store.connection import Database

pytestmark = pytest.mark.browser
PATIENCE_MS = 120_000
AREAS = {"en": "Long valley", "ur": "لمبی وادی", "zh": "长谷"}
LAKES = {"en": "High lake", "ur": "اونچی جھیل", "zh": "高湖"}


class Lab(Protocol):
    silent: set[str]
    db: Database

    def measure(self, series: str, value: float) -> None: ...
    def warn(self, level: Level) -> None: ...
    def alerts(self) -> None: ...


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def in_direction(page: Page, language: str) -> None:
    root = page.locator("html")
    expect(root).to_have_attribute("dir", "rtl" if language == "ur" else "ltr")
    expect(root).to_have_attribute("lang", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_wall_speaks_the_language_and_shows_what_arrives(
    page: Page, address: str, lab: Lab, language: str
) -> None:
    page.goto(f"{address}/?lang={language}")
    in_direction(page, language)
    expect(page.locator(".exercise")).to_contain_text(say("Exercise", language))
    expect(page.locator(".wall-incidents")).to_contain_text(
        say("No open incident. Watching.", language)
    )
    tile = page.locator('.tile[data-series="lake-level"]')
    expect(tile).to_contain_text(say("Lake level", language))
    expect(tile).to_contain_text(LAKES[language])
    expect(page.locator(".stream-chart canvas")).to_have_count(2)

    lab.measure("lake-level", 5.55)
    expect(tile.locator(".tile-value")).to_have_text("5.55")
    expect(page.locator('.stream[data-series="lake-level"] .stream-value')).to_have_text("5.55")

    lab.warn(Level.ORANGE)
    card = page.locator(".wall-incidents .card")
    expect(card).to_have_attribute("data-level", str(int(Level.ORANGE)))
    for text in ("Orange", "Lake outburst", "Exercise", "not acknowledged"):
        expect(card).to_contain_text(say(text, language))
    expect(card).to_contain_text(AREAS[language])
    expect(card.locator(".lead bdi")).to_contain_text("59:")
    expect(tile).to_have_attribute("data-level", str(int(Level.ORANGE)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_desk_acknowledges_with_one_key(
    page: Page, address: str, lab: Lab, language: str
) -> None:
    lab.warn(Level.ORANGE)
    page.goto(f"{address}/desk?lang={language}")
    in_direction(page, language)
    for text in ("Orange", "Be prepared", "Lake outburst", "not acknowledged"):
        expect(page.locator(".incident")).to_contain_text(say(text, language))
    button = page.get_by_role("button", name=say("Acknowledge", language))
    expect(button).to_be_disabled()

    name = page.get_by_label(say("On duty (your name)", language))
    name.fill("Zara Khan")
    name.press("Enter")
    expect(button).to_be_enabled()
    name.blur()
    page.keyboard.press("a")
    expect(page.locator(".told")).to_have_text(say("Recorded.", language))
    ((_, action),) = incidents.actions_after(lab.db, 0)
    (incident,) = incidents.current(lab.db)
    assert action == Action(
        alert=incident.last.alert, kind="acknowledge", person="Zara Khan", at=action.at
    )

    lab.alerts()
    expect(page.locator(".incident .log li")).to_have_count(2)
    expect(page.locator(".queue .card")).to_contain_text("Zara Khan")
    expect(button).to_be_disabled()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_station_shows_its_series_what_is_known_of_it_and_gives_its_readings(
    page: Page, address: str, lab: Lab, language: str, tmp_path: Path
) -> None:
    page.goto(f"{address}/station?lang={language}&station=lake")
    in_direction(page, language)
    row = page.locator('tr[data-series="lake-level"]')
    for text in ("Lake level", "Normal", "good"):
        expect(row).to_contain_text(say(text, language))
    expect(page.locator(".registry")).to_contain_text(say("Origin of data", language))
    expect(page.locator(".registry")).to_contain_text("36.4700, 74.5900")
    lab.measure("lake-level", 5.75)
    expect(row).to_contain_text("5.75")

    with page.expect_download() as waiting:
        page.get_by_role("button", name=say("Download CSV", language)).click()
    file = tmp_path / "readings.csv"
    waiting.value.save_as(file)
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert {row["series"] for row in rows} == {"lake-level"}
    assert rows[-1]["value"] == "5.75"


def test_the_language_is_switched_on_the_screen(page: Page, address: str) -> None:
    page.goto(f"{address}/?lang=en")
    in_direction(page, "en")
    left = page.locator(".wall-left").bounding_box()
    page.locator('[data-language="ur"]').click()
    in_direction(page, "ur")
    expect(page.get_by_role("link", name=say("Alert desk", "ur"))).to_be_visible()
    expect(page.locator(".exercise")).to_contain_text(say("Exercise", "ur"))
    mirrored = page.locator(".wall-left").bounding_box()
    assert left is not None
    assert mirrored is not None
    assert left["x"] < 100
    assert mirrored["x"] > 700


def test_all_series_fit_and_nothing_is_cut_at_the_edges(page: Page, address: str) -> None:
    for language in LANGUAGES:
        for width, height in ((1920, 1080), (1366, 768)):
            page.set_viewport_size({"width": width, "height": height})
            page.goto(f"{address}/?lang={language}")
            expect(page.locator(".tile")).to_have_count(2)
            expect(page.locator(".exercise")).to_be_visible()
            for part in (".strip", ".wall-map", ".streams", ".bar-line"):
                box = page.locator(part).bounding_box()
                assert box is not None
                assert 0 <= box["x"] <= box["x"] + box["width"] <= width, (language, width, part)
                assert 0 <= box["y"] <= box["y"] + box["height"] <= height, (language, width, part)


@pytest.mark.promise("R5")
def test_a_silent_stage_is_said_on_every_screen(page: Page, address: str, lab: Lab) -> None:
    page.goto(f"{address}/desk?lang=en")
    expect(page.locator(".bar-stages")).to_contain_text("all stages up")
    lab.silent.add("models")
    stages.beat(lab.db, "models", 1, "running", "", WallClock().now() - 16 * SECOND)
    expect(page.locator(".bar-stages")).to_contain_text("Models down")
    expect(page.locator(".health .unwatched")).to_contain_text("Models")


@pytest.mark.promise("R5")
def test_the_screens_say_when_the_store_was_lost_and_go_on_when_it_is_back(
    page: Page, address: str, lab: Lab
) -> None:
    page.goto(f"{address}/?lang=en")
    tile = page.locator('.tile[data-series="lake-level"] .tile-value')
    expect(tile).to_have_text("4.01")
    lab.db.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'hoshyar-lab_ui' AND datname = current_database()"
    )
    expect(page.locator(".lost")).to_contain_text("The store can't be read since")
    lab.measure("lake-level", 6.25)
    expect(tile).to_have_text("6.25")
    expect(page.locator(".lost")).to_have_count(0)
