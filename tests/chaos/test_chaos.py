"""Seeded faults against the real chain, and proof that the harness would see a broken promise.

Longer runs: `scripts/chaos --seconds S --seed N` (docs/chaos.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import needs
from tests.chaos.aimed import AIMED, aimed
from tests.chaos.campaign import Campaign, campaign
from tests.chaos.schedule import schedule

SEED = 3
BROKERS, DATABASES = ("mosquitto", "embedded"), ("embedded", "debian")


@pytest.fixture(scope="module")
def running() -> Iterator[Campaign]:
    with campaign() as found:
        yield found


@pytest.mark.promise("R1")
@pytest.mark.promise("R2")
@pytest.mark.parametrize("number", range(4))
def test_no_reading_is_lost_invented_or_doubled_whatever_is_killed(
    running: Campaign, number: int
) -> None:
    plan = schedule(SEED, number, BROKERS, DATABASES)
    if plan.broker == "mosquitto":
        needs.program("mosquitto")
    if plan.database == "debian":
        needs.postgresql()
    line = running.run(plan)
    assert line["good"], line
    assert line["sent"] == line["stored"] + line["gone"]


@pytest.mark.parametrize("planted", AIMED)
def test_the_harness_catches_a_planted_fault(running: Campaign, planted: str) -> None:
    needs.program("mosquitto")
    line = running.run(aimed(planted, "mosquitto", "embedded"), planted)
    assert not line["good"], line
    if planted == "dropped buffer":
        assert line["lost"] > 0
    else:
        assert line["unfounded"] > 0


def test_the_hardest_schedule_is_passed_without_its_fault(running: Campaign) -> None:
    needs.program("mosquitto")
    line = running.run(aimed("stale acknowledgement", "mosquitto", "embedded"), "small pieces")
    assert line["good"], line
