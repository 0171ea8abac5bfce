"""Schedules one after the other, and what came of them all."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests import needs
from tests.chaos.oracle import Verdict
from tests.chaos.schedule import Schedule, schedule
from tests.chaos.services import DatabaseServer
from tests.chaos.trial import Trial

COUNTS = ("sent", "receipted", "stored", "gone", "lost", "invented", "duplicates", "unsettled",
          "unfounded")  # fmt: skip


class Campaign:
    """Servers that outlive a schedule. Use it from one thread; close it at the end."""

    def __init__(self, keep_on_failure: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hoshyar-chaos-"))
        self._folder.chmod(0o755)
        self._keep = keep_on_failure
        self._servers: dict[str, DatabaseServer] = {}

    def run(self, plan: Schedule, planted: str = "") -> dict[str, Any]:
        """The line of one schedule."""
        if plan.database not in self._servers:
            self._servers[plan.database] = DatabaseServer(self._folder, plan.database)
        folder = Path(tempfile.mkdtemp(prefix="trial-", dir=self._folder))
        folder.chmod(0o755)
        began_s = time.monotonic()
        trial = Trial(plan, self._servers[plan.database], folder, planted)
        try:
            verdict = trial.run()
        finally:
            trial.close()
            self._logs(folder, plan)
        shutil.rmtree(folder, ignore_errors=True)
        return _line(plan, trial, verdict, time.monotonic() - began_s)

    def _logs(self, folder: Path, plan: Schedule) -> None:
        if self._keep:
            kept = Path(tempfile.gettempdir()) / f"chaos-{plan.seed}-{plan.number}"
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir()
            for log in folder.glob("*.log"):
                shutil.copy(log, kept)

    def close(self) -> None:
        for server in self._servers.values():
            server.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def campaign(*, keep_logs: bool = False) -> Iterator[Campaign]:
    found = Campaign(keep_logs)
    try:
        yield found
    finally:
        found.close()


def installed() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Kinds of broker and of database that this machine has."""
    mosquitto = shutil.which("mosquitto", path=needs.PLACES)
    debian = any(needs.POSTGRESQL.glob("*/bin/postgres"))
    return (
        ("mosquitto", "embedded") if mosquitto else ("embedded",),
        ("embedded", "debian") if debian else ("embedded",),
    )


def schedules(seed: int, first: int = 0) -> Iterator[Schedule]:
    number = first
    while True:
        yield schedule(seed, number, *installed())
        number += 1


def total(seed: int, lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sum over schedules, in the form that `scripts/chaos --json` prints."""
    lines = list(lines)
    kills: Counter[str] = Counter()
    for line in lines:
        kills.update(line["kills"])
    sums = {name: sum(line[name] for line in lines) for name in COUNTS}
    failed = [line["schedule"] for line in lines if not line["good"]]
    return {
        "seed": seed, "schedules": len(lines), "kills": dict(sorted(kills.items())),
        **sums, "failed": failed,
    }  # fmt: skip


def run_for(
    seconds: float, seed: int, tell: Callable[[dict[str, Any]], None], first: int = 0
) -> dict[str, Any]:
    """Schedules until the time is used up, one at least."""
    until_s = time.monotonic() + seconds
    lines: list[dict[str, Any]] = []
    longest_s = 0.0
    with campaign(keep_logs=True) as running:
        for plan in schedules(seed, first):
            began_s = time.monotonic()
            if lines and began_s + longest_s > until_s:
                break
            lines.append(running.run(plan))
            longest_s = max(longest_s, time.monotonic() - began_s)
            tell(lines[-1])
    return total(seed, lines)


def _line(plan: Schedule, trial: Trial, verdict: Verdict, took_s: float) -> dict[str, Any]:
    witness = trial.witness
    return {
        "seed": plan.seed,
        "schedule": plan.number,
        "broker": plan.broker,
        "database": plan.database,
        "took_s": round(took_s, 1),
        "kills": dict(sorted(trial.kills.items())),
        "messages": witness.messages,
        "acknowledged": witness.acknowledged,
        "receipts": witness.receipts,
        "good": verdict.good,
        **asdict(verdict),
    }
