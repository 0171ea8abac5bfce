"""Skill of the detectors on the recordings, settings fixed for all files of a kind.

Each figure stands beside what costs nothing (nulls that read no sensor, plain rules) and says how
many events it rests on. `--write` puts the table into docs/skill.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import msgspec

from bench.skill import anomalies, bearing, earthquake, flood, pressure, rain, surge, tide_gauge
from bench.skill.recordings import Result

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "skill.md"
MARK = "<!-- scripts/bench models --write -->"
KINDS = {
    "earthquake": earthquake,
    "tide-gauge": tide_gauge,
    "bottom-pressure": pressure,
    "bearing": bearing,
    "flood": flood,
    "surge": surge,
    "rain": rain,
    "ensemble": anomalies,
}


def table(found: list[Result]) -> str:
    """As Markdown, for people and for docs/skill.md."""
    lines = ["| case | value | n | beside |", "|---|---|---|---|"]
    for one in found:
        value = "none" if one["value"] is None else f"{one['value']:g}"
        beside = ", ".join(f"{name.replace('_', ' ')} {v}" for name, v in one["beside"].items())
        lines.append(f"| {one['case']} | {value} {one['unit']} | {one['n']} | {beside} |")
    return "\n".join(lines)


def write(found: list[Result]) -> None:
    """Replace the table between the marks of docs/skill.md."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARK)
    _, _, after = rest.partition(MARK)
    PAGE.write_text(f"{before}{MARK}\n{table(found)}\n{MARK}{after}", "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(prog="scripts/bench models", description=__doc__)
    options.add_argument("--json", action="store_true", help="a list of records instead of a table")
    options.add_argument("--quick", action="store_true", help="end within 60 s")
    options.add_argument("--kind", choices=KINDS, action="append", help="this one only")
    options.add_argument("--write", action="store_true", help="put the table into docs/skill.md")
    chosen = options.parse_args()
    data = Path(os.environ.get("HOSHYAR_DATA") or ROOT.parent / "shared" / "data")
    if not data.is_dir():
        raise SystemExit(f"bench: there are no recordings in {data}: name them with HOSHYAR_DATA")
    found: list[Result] = []
    for kind in chosen.kind or KINDS:
        began = time.monotonic()
        found += KINDS[kind].results(data, quick=chosen.quick)
        print(f"{kind}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if chosen.write:
        write(found)
    print(msgspec.json.encode(found).decode() if chosen.json else table(found))


if __name__ == "__main__":
    main()
