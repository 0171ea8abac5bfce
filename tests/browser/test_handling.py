"""Handling an event at the desk: taken on together, ended by a person, in sight after its end."""

from __future__ import annotations

from typing import Protocol

import pytest
from playwright.sync_api import Page, expect

from records.clock import WallClock
from records.language import say
from records.levels import LANGUAGES, Hazard, Level
from records.statements import HazardWarning, Phrase
from store import incidents, warnings
from store.connection import Database

pytestmark = pytest.mark.browser
PATIENCE_MS = 120_000


class Lab(Protocol):
    db: Database

    def warn(self, level: Level) -> None: ...
    def alerts(self) -> None: ...


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def flood(db: Database) -> None:
    """A second hazard at the lake's own station: the same event."""
    said = HazardWarning(
        source="stage-limit/bridge-stage", detector="stage-limit", version="1",
        hazard=Hazard.RIVER_FLOOD, area="valley", level=Level.ORANGE, stations=("bridge",),
        simulated=True, decided_at=WallClock().now(), reason=Phrase(text="because"),
    )  # fmt: skip
    warnings.append(db, [said])


def test_an_event_is_taken_on_with_one_click(page: Page, address: str, lab: Lab) -> None:
    flood(lab.db)
    lab.warn(Level.ORANGE)
    page.goto(f"{address}/desk?lang=en&who=Amna")
    cards = page.locator(".queue .card")
    expect(cards).to_have_count(2)
    expect(cards.nth(0)).to_contain_text("Lake outburst")
    expect(cards.nth(1)).to_contain_text("River flood")
    expect(page.locator(".incident .event")).to_have_text("Long valley (River flood)")
    page.get_by_role("button", name="Acknowledge all 2 of this event").click()
    expect(page.locator(".told")).to_have_text("Recorded.")
    lab.alerts()
    expect(cards.nth(0)).to_contain_text("acknowledged by Amna")
    expect(cards.nth(1)).to_contain_text("acknowledged by Amna")
    assert [one.acknowledged_by for one in incidents.current(lab.db)] == ["Amna", "Amna"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_over_stays_in_sight(page: Page, address: str, lab: Lab, language: str) -> None:
    lab.warn(Level.ORANGE)
    lab.warn(Level.GREEN)
    page.goto(f"{address}/desk?lang={language}&who=Amna")
    note = page.get_by_label(say("Note", language), exact=True)
    note.fill("the lake is full again")
    note.press("Control+Enter")
    page.get_by_role("button", name=say("All-clear", language)).click()
    expect(page.locator(".told")).to_have_text(say("Recorded.", language))
    lab.alerts()
    expect(page.locator(".queue .card")).to_have_count(0)
    over = page.locator(".queue .over li")
    expect(over).to_contain_text(say("Lake outburst", language))
    expect(over).to_contain_text("Amna")
    expect(over.locator(".mark.level-3")).to_have_count(1)


def test_the_wall_is_found_under_its_own_name(page: Page, address: str, lab: Lab) -> None:
    page.goto(f"{address}/wall?lang=en")
    expect(page.locator(".wall .tile")).to_have_count(2)
    expect(page.get_by_role("dialog")).to_have_count(0)
