"""Schedules aimed at one planted fault each; ingest and devices without it pass them."""

from __future__ import annotations

from tests.chaos.generator import Probe
from tests.chaos.schedule import PLENTY, Fault, Mischief, Schedule

_SITES = ((Probe("gauge-0-0", ("main", "left")), Probe("gauge-0-1", ("main",))),
          (Probe("gauge-1-0", ("main",)),))  # fmt: skip

AIMED: dict[str, tuple[Fault, ...]] = {
    "acknowledge before commit": (
        Fault(1.0, "ambush", "ingest", 0.2, "acknowledging", 1.0),
        Fault(2.0, "pause", "database", 0.5),
    ),
    "receipt before commit": (
        Fault(1.0, "ambush", "ingest", 0.2, "receipt sent", 1.0),
        Fault(2.0, "ambush", "ingest", 0.2, "receipt arriving", 1.0),
    ),
    "stale acknowledgement": (
        Fault(0.3, "cut", "link-0", 2.5),
        Fault(0.3, "cut", "link-1", 2.5),
        Fault(2.6, "slow", "link-store", 8.0),
        Fault(5.0, "forget", "broker", 0.1),
    ),
    "dropped buffer": (
        Fault(1.0, "forget", "broker", 0.2),
        Fault(2.0, "kill", "broker", 0.2),
    ),
}


def aimed(planted: str, broker: str, database: str) -> Schedule:
    """A short schedule in which this fault must show."""
    slow = planted == "stale acknowledgement"
    return Schedule(
        seed=0,
        number=list(AIMED).index(planted),
        broker=broker,
        database=database,
        persistent=False,
        sites=_SITES,
        rate=60.0 if slow else 80.0,
        active_s=9.0 if slow else 4.0,
        capacity=PLENTY,
        mischief=Mischief(lose=0.05),
        faults=AIMED[planted],
    )
