"""docs/operations.md lists each measure that a stage says, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import prometheus_client

from alerts.measures import Measures as OfAlerts
from hoshyar.upkeep.measures import Measures as OfUpkeep
from ingest.measures import Measures as OfIngest
from lab_ui.hub import Hub
from lab_ui.measures import Measures as OfScreens
from lab_ui.picture import Picture
from models.measures import Measures as OfModels
from records.clock import WallClock
from records.network import Network
from records.telemetry import Telemetry
from store.registry import Registry

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"


def said() -> set[str]:
    telemetry = Telemetry("any")
    for stage in (OfIngest, OfModels, OfAlerts, OfUpkeep):
        stage(telemetry)
    nobody = Picture(Registry.of(Network((), (), (), ())))
    OfScreens(telemetry, Hub(nobody, WallClock()))
    return {
        family.name + ("_total" if counts(family) else "")
        for family in telemetry.registry.collect()
    }


def counts(family: prometheus_client.Metric) -> bool:
    return family.type == "counter"


def test_the_page_of_operations_lists_every_measure() -> None:
    listed = set(re.findall(r"`(hoshyar_\w+?)(?:\{[\w,]+\})?`", PAGE.read_text("utf-8")))
    assert listed == said()
