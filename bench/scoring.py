"""P3: nanoseconds of this process's CPU that a reading costs a detector, by the number of series.

Every series has one reading a round, in order, as the engine hands them on; the first rounds are
not counted. Where only some of the series have one, state is gathered and scattered, and a reading
costs more: that is a case of its own. The figure is the best of several stretches, so that it shows
the code more than its neighbours on the machine. `bank` is the always-on bank: the cheap robust
detector over all series. Beside it: a bare numpy pass (a running mean and the distance from it,
arrays as they lie) over as many series, and river's half-space trees, one model that scores and
learns value by value.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
from river.anomaly import HalfSpaceTrees

from models import joint_checks
from models.bank import Bank
from models.catalogue import catalogue
from models.detector import Detector
from models.joint import Joint
from models.runner import Runner
from models.samples import series_of, size_of
from records.times import DAY, SECOND

SERIES = (100, 1_000, 10_000, 100_000)
ALWAYS_ON = "robust-level"
# State of this many bytes at most: the buffers of some detectors do not fit for 100,000 series.
MOST_BYTES = 1 << 30
_WARM = 4
Result = dict[str, Any]


def best(work: Callable[[], int], least_s: float, stretches: int = 5) -> float:
    """Nanoseconds of CPU an item of `work`, which returns how many it did."""
    found = []
    for _ in range(stretches):
        items, began_s = 0, time.process_time()
        while time.process_time() - began_s < least_s / stretches or not items:
            items += work()
        found.append(1e9 * (time.process_time() - began_s) / items)
    return min(found)


def bank(detector: Detector, count: int, least_s: float, share: float = 1.0) -> float:
    """Readings of `count` series through a detector's bank; a `share` of them, drawn anew each
    round, has one."""
    kind = series_of(detector)[0]
    watched = [msgspec.structs.replace(kind, id=f"{i:06}") for i in range(count)]
    usual, large = size_of(kind.quantity)
    noise = np.random.default_rng(1).standard_normal((8, count))
    value = usual + 0.01 * large * noise
    scoring, random = Bank(detector, watched), np.random.default_rng(2)
    drawn = [np.flatnonzero(random.random(count) < share) for _ in range(8)]
    interval = round((kind.interval_s or 60.0) * SECOND)
    at = 20_000 * DAY

    def round_() -> int:
        nonlocal at
        at += interval
        turn = at // interval % 8
        place = drawn[turn]
        scoring.advance(place, np.full(len(place), at), value[turn][place])
        return len(place)

    for _ in range(_WARM):
        round_()
    return best(round_, least_s)


def state_bytes(detector: Detector) -> int:
    """What one series keeps."""
    return sum(slot.array(1).nbytes for slot in detector.slots().values())


def together(kind: type[Joint]) -> tuple[float, int]:
    """Rows of a whole recording through a joint detector, fits included; its number of series."""
    make = joint_checks.maker(kind)
    given = joint_checks.given_to(make)
    detector = make(joint_checks.fit_until(given), joint_checks.TARGET)

    def whole() -> int:
        runner = Runner(detector, given.watched)
        joint_checks.advance(runner, given, 0, len(given.place))
        return len(given.place)

    return best(whole, 0.0, stretches=2), len(given.watched)


def numpy_pass(count: int, least_s: float) -> float:
    """The least that a detector with a state can do: two arrays read, one written."""
    mean, value = np.zeros(count), np.random.default_rng(1).standard_normal(count)

    def pass_() -> int:
        off = value - mean
        np.add(mean, 0.01 * off, out=mean)
        np.abs(off)
        return count

    return best(pass_, least_s)


def half_space_trees(least_s: float) -> float:
    """River's default: 10 trees of height 8 over one value between 0 and 1."""
    model: Any = HalfSpaceTrees(seed=1)
    random = np.random.default_rng(1)

    def reading() -> int:
        for value in random.random(50).tolist():
            model.score_one({"value": value})
            model.learn_one({"value": value})
        return 50

    reading()
    return best(reading, least_s)


def results(least_s: float) -> Iterator[Result]:
    river = round(half_space_trees(least_s))
    for count in SERIES:
        beside = {
            "numpy_pass": round(numpy_pass(count, least_s), 2),
            "river_half_space_trees": river,
        }
        found = bank(catalogue()[ALWAYS_ON](), count, 4 * least_s)
        yield _result(f"bank, {count:,} series", found, beside, count)
    found = bank(catalogue()[ALWAYS_ON](), 10_000, least_s, share=0.1)
    yield _result("bank, a tenth of 10,000 series", found, {}, 10_000)
    for name, kind in catalogue().items():
        if issubclass(kind, Joint):
            value, series = together(kind)
            yield _result(f"{name}, {series} series", value, {}, series)
        elif name != ALWAYS_ON:
            for count in SERIES:
                if count * state_bytes(kind()) <= MOST_BYTES:
                    found = bank(kind(), count, least_s)
                    yield _result(f"{name}, {count:,} series", found, {}, count)


def _result(case: str, value: float, beside: dict[str, float], count: int) -> Result:
    return {
        "id": "P3",
        "case": case,
        "value": round(value, 1),
        "unit": "ns/reading",
        "beside": beside,
        "n": count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench scoring", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="end within 60 s")
    options = parser.parse_args()
    found = []
    for one in results(0.05 if options.quick else 1.0):
        found.append(one)
        if not options.json:
            beside = ", ".join(f"{name} {value}" for name, value in one["beside"].items())
            print(f"{one['id']} {one['case']:<36} {one['value']:>12,} {one['unit']}  {beside}")
    if options.json:
        print(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main()
