"""What goes wrong when: everything of a schedule follows from (seed, number)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from tests.chaos.generator import Probe

LAB = "north"
PLENTY = 1_000_000
# Moments that a proxy sees before the bytes go on.
MOMENTS = (
    "commit sent",
    "commit done",
    "acknowledging",
    "receipt sent",
    "receipt arriving",
)
# What an ambush strikes, more often what is nearest.
STRUCK = ("ingest", "ingest", "ingest", "database", "broker", "link", "link", "site-0")
PORTIONS = (0.0, 0.5, 1.0)


class Fault(NamedTuple):
    """`deed` at `at_s` seconds after the begin, for `for_s` seconds.

    kill, pause   a process: ingest, database, broker, site-N
    backend       kill -9 of ingest's server process in the database, which then recovers
    forget        kill the broker and take its memory
    cut, stall, slow  a link: link-N (a site's), link-ingest, link-store
    fill          a disk: site-N, database
    ambush        strike `victim` when `moment` comes next, with this portion of its bytes passed on
    """

    at_s: float
    deed: str
    victim: str
    for_s: float
    moment: str = ""
    portion: float = 1.0


class Mischief(NamedTuple):
    """Chances for each message on a device's link, and on ingest's."""

    lose: float = 0.0
    repeat: float = 0.0
    hold: float = 0.0
    stale: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """One trial. `persistent`: the broker has a memory on disk."""

    seed: int
    number: int
    broker: str
    database: str
    persistent: bool
    sites: tuple[tuple[Probe, ...], ...]
    rate: float
    active_s: float
    capacity: int
    mischief: Mischief
    faults: tuple[Fault, ...]

    @property
    def probes(self) -> tuple[Probe, ...]:
        return tuple(probe for site in self.sites for probe in site)


def schedule(
    seed: int, number: int, brokers: tuple[str, ...], databases: tuple[str, ...]
) -> Schedule:
    """The schedule of this number, on what is installed."""
    dice = random.Random(f"{seed}/{number}")
    sites = _sites(dice)
    active_s = dice.uniform(5.0, 8.0)
    faults = sorted(
        fault for _ in range(dice.randint(5, 10)) for fault in _faults(dice, active_s, len(sites))
    )
    return Schedule(
        seed=seed,
        number=number,
        broker=brokers[number % len(brokers)],
        database=databases[number // len(brokers) % len(databases)],
        persistent=dice.random() < 0.5,
        sites=sites,
        rate=dice.choice((40.0, 80.0, 120.0)),
        active_s=active_s,
        capacity=dice.choice((PLENTY, PLENTY, PLENTY, 400)),
        mischief=_mischief(dice),
        faults=tuple(faults),
    )


def _sites(dice: random.Random) -> tuple[tuple[Probe, ...], ...]:
    points = ("main", "left", "right", "deep")
    return tuple(
        tuple(
            Probe(f"gauge-{site}-{n}", points[: dice.randint(1, 4)])
            for n in range(dice.randint(1, 3))
        )
        for site in range(dice.randint(2, 3))
    )


def _mischief(dice: random.Random) -> Mischief:
    chances = (0.0, 0.02, 0.1)
    lose, repeat, hold = (dice.choice(chances) for _ in range(3))
    return Mischief(lose, repeat, hold, dice.choice((0.0, 0.3)))


def _faults(dice: random.Random, active_s: float, sites: int) -> list[Fault]:
    """One fault, or some that belong together."""
    at_s = dice.uniform(0.3, active_s - 0.5)
    for_s = dice.uniform(0.05, 1.5)
    site = f"site-{dice.randrange(sites)}"
    link = dice.choice((f"link-{dice.randrange(sites)}", "link-ingest", "link-store"))
    deed = dice.choice((*_PLAIN, *["ambush"] * 8, "amnesia"))
    if deed == "ambush":
        struck = dice.choice(STRUCK)
        moment = dice.choice(MOMENTS)
        return [Fault(at_s, "ambush", struck, for_s, moment, dice.choice(PORTIONS))]
    if deed == "amnesia":
        # A backlog waits at ingest for a slow store when the broker forgets what it was.
        return [
            Fault(at_s, "cut", "link-0", 1.5),
            Fault(at_s + 1.0, "slow", "link-store", 2.0),
            Fault(at_s + 2.0, "forget", "broker", 0.1),
        ]
    word, victim = deed.split()
    names = {"site": site, "link": link}
    return [Fault(at_s, word, names.get(victim, victim), for_s)]


_PLAIN = (
    "kill ingest",
    "kill ingest",
    "pause ingest",
    "kill database",
    "pause database",
    "backend database",
    "kill broker",
    "pause broker",
    "forget broker",
    "kill site",
    "kill site",
    "pause site",
    "cut link",
    "cut link",
    "stall link",
    "slow link",
    "fill site",
    "fill database",
)
