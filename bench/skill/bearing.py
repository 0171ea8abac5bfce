"""A bearing run to failure: hours from the warning to the end of the record.

Four bearings on one shaft; the first of the file is the one that failed.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.skill.recordings import Result, Scored, by_time, result, scored
from records.times import DAY, HOUR

LEAST_H = 72.0


def results(data: Path, *, quick: bool) -> list[Result]:  # noqa: ARG001
    frame = pd.read_csv(data / "bearing_ims" / "test2.csv")
    times = frame.iloc[:, 0]
    columns = {name: by_time(times, frame[name]) for name in frame.columns[1:]}
    found = scored("bearing", {f"{_id(name)}:vibration:[g]": v for name, v in columns.items()})
    end = max(int(values.index[-1]) for values in columns.values())
    first_at = min(int(values.index[0]) for values in columns.values())
    leads = {name: _leads_h(one, end) for name, one in found.items()}
    own = leads[f"{_id(frame.columns[1])}:vibration:[g]"]
    # The last run of warnings is the failure's; whatever any bearing said before it was false.
    lead = own[-1] if own else 0.0
    false = sum(one > lead for several in leads.values() for one in several)
    days = (end - first_at) / DAY
    return [
        result("bearing", "hours before the end", own[-1] if own else None, "h", 1, bar=LEAST_H,
               six_sigma_for_three=74.0, always_on=days * 24),
        result("bearing", "false warnings of any of the four before", false, "warnings",
               f"{4 * days:.0f} days", always_on=3),
    ]  # fmt: skip


def _id(name: str) -> str:
    return name.lower().replace(" ", "-").replace("_", "-")


def _leads_h(found: Scored, end: int) -> list[float]:
    return [(end - warning.begins_at) / HOUR for warning in found.warnings()]
