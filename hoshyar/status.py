"""`hoshyar status`: the figures of a running system, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alerts import memory
from hoshyar.access import find
from hoshyar.folder import RunState
from records.clock import WallClock
from records.times import SECOND
from store import stages
from store.clock import scenario
from store.connection import connect
from store.figures import figures, last_reading_age_s

# A stage says that it lives about every 2 s.
SILENT_AFTER_S = 15.0
DEVICES_SILENT_AFTER_S = 60.0


def status(data: Path | None) -> dict[str, Any]:
    """What `hoshyar status --json` prints.

    readings_per_s     over the last ten seconds
    last_reading_age_s None before the first reading
    unwatched          sources that are silent, as the desk counts them
    stages             name; state `running`, `starting` or `down`; restarts; pid
    Raises SettingsError when nothing runs, StoreUnavailable when the database doesn't answer.
    """
    dsn, state = find(data)
    now_at = WallClock().now()
    with closing(connect(dsn, stage="status")) as db:
        scenario_at = scenario(db)
        counted = figures(db, now_at if scenario_at is None else scenario_at)
        beats = stages.all(db)
        silent = memory.unwatched(db)
    return {
        **asdict(counted),
        "unwatched": len(silent),
        "stages": _started(state, beats, now_at)
        if state
        else _heard(beats, now_at, counted.last_reading_age_s),
        "addresses": state.addresses if state else {},
    }


def _started(state: RunState, beats: Sequence[stages.Stage], now_at: int) -> list[dict[str, Any]]:
    """The parts of a running instance. Broker, database and devices give no signs of their own."""
    heard = {beat.name: beat for beat in beats}
    return [
        {
            "name": part.name,
            "state": _state(part.pid, heard.get(part.name), now_at),
            "restarts": part.restarts,
            "pid": part.pid,
        }
        for part in state.parts
    ]


def _state(pid: int | None, beat: stages.Stage | None, now_at: int) -> str:
    if pid is None:
        return "down"
    if beat is None:
        return "running"
    return "running" if beat.pid == pid and _lives(beat, now_at) else "starting"


def _heard(
    beats: Sequence[stages.Stage], now_at: int, last_reading_age_s: float | None
) -> list[dict[str, Any]]:
    """Stages somewhere else, by their signs of life; who counts restarts is not known here.

    Of devices, readings are the sign.
    """
    alive = {beat.name: (_lives(beat, now_at), beat.pid) for beat in beats}
    sending = last_reading_age_s is not None and last_reading_age_s < DEVICES_SILENT_AFTER_S
    return [
        {"name": name, "state": "running" if lives else "down", "restarts": None, "pid": pid}
        for name, (lives, pid) in {**alive, "devices": (sending, None)}.items()
    ]


def _lives(beat: stages.Stage, now_at: int) -> bool:
    return now_at - beat.beat_at < SILENT_AFTER_S * SECOND


def is_running(data: Path | None, stage: str) -> bool:
    """True when this stage runs: what a health check asks, with no more rights than it has."""
    dsn, state = find(data)
    now_at = WallClock().now()
    with closing(connect(dsn, stage="status")) as db:
        beats, age_s = stages.all(db), last_reading_age_s(db, now_at)
    found = _started(state, beats, now_at) if state else _heard(beats, now_at, age_s)
    return any(one["name"] == stage and one["state"] == "running" for one in found)


def as_text(found: dict[str, Any]) -> str:
    """The same for people, a line each."""
    age_s = found["last_reading_age_s"]
    lines = [
        f"readings    {found['readings_stored']:,} stored, {found['readings_per_s']:.1f}/s,"
        f" the last {'never' if age_s is None else f'{age_s:.1f} s ago'}",
        f"quarantine  {found['quarantined']:,}",
        f"alerts      {found['alerts_open']} open, {found['unwatched']} not watched",
    ]
    for stage in found["stages"]:
        again = f", {stage['restarts']} restarts" if stage["restarts"] else ""
        lines.append(f"{stage['name']:<11} {stage['state']}{again}")
    lines += [f"{name:<11} {address}" for name, address in found["addresses"].items()]
    return "\n".join(lines)
