"""What a detector is: plain parameters, a vectorised step, limits on its score, and words.

A detector never loops over series and never keeps anything on itself: the state of all its series
lies in numpy arrays (row = series) that a `models.bank.Bank` owns, saves and loads. The bank also
takes care of disorder, repeats, rounds, hysteresis and cold start, once for all detectors.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from records.levels import Hazard, Level
from records.network import Record, Thresholds
from records.statements import Phrase

Floats = NDArray[np.float64]
State = dict[str, NDArray[Any]]
Places = slice | NDArray[np.intp]
Fixed = Mapping[str, NDArray[Any]]
Values = dict[str, str | int | float]

# A moment before all others, which may be subtracted from any without overflow.
NEVER = -(2**62)

CONDITION_ENDED = "The condition has ended: the last value is {value} {unit}."


class Watched(Record, frozen=True):
    """A series as a detector sees it: values and thresholds in the quantity's canonical unit.

    `quantity` and `unit` are "" where nobody said what the series measures; `station` is "" where
    there is no network (`detect`). `converts` is the factor and offset to the canonical unit from
    the one that the series is written in, in which people give limits as parameters.
    """

    id: str
    quantity: str = ""
    unit: str = ""
    interval_s: float | None = None
    thresholds: Thresholds = Thresholds()
    station: str = ""
    converts: tuple[float, float] = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Slot:
    """One piece of state that every series has: an array of `shape` filled with `fill`."""

    dtype: str = "float64"
    shape: tuple[int, ...] = ()
    fill: float = 0.0

    def array(self, count: int) -> NDArray[Any]:
        return np.full((count, *self.shape), self.fill, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of one round: each series at most once, each newer than all its series had before.

    at           places of the series in the state arrays, ascending, without repeats
    measured_at  microseconds since 1970 UTC
    gap_s        seconds since the reading before of the same series; NaN for its first one
    value        in the canonical unit of the series' quantity, finite
    span         `at`, as a slice where the places follow each other

    `state[x][rows.span]` may be a view: compute all that rests on it before it is written to. That
    is several times as fast as to gather and scatter.
    """

    at: NDArray[np.intp]
    measured_at: NDArray[np.int64]
    gap_s: Floats
    value: Floats
    span: Places

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Some of the rows; at least one."""
        at = self.at[rows]
        columns = (self.measured_at[rows], self.gap_s[rows], self.value[rows])
        return Rows(at, *columns, spanned(at))


@dataclass(frozen=True, slots=True)
class Scores:
    """A score for each row of a round (higher is more unusual; NaN while unknown).

    `p_value` is the chance of such a score in quiet data; None where the detector has none.
    """

    score: Floats
    p_value: Floats | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the score, shape (series, 3) for yellow, orange, red; inf = never.

    A level is reached at `score >= up` and kept while `score >= keep` (keep <= up).
    """

    up: Floats
    keep: Floats

    @classmethod
    def same(
        cls, count: int, up: tuple[float, float, float], keep: tuple[float, float, float]
    ) -> Limits:
        """The same limits for every series."""
        return cls(np.tile(np.array(up), (count, 1)), np.tile(np.array(keep), (count, 1)))


@dataclass(frozen=True, slots=True)
class Crossing:
    """A change of level of one series, decided by the row it names. `limit` is on the score."""

    at: int
    watched: Watched
    measured_at: int
    value: float
    score: float
    p_value: float | None
    before: Level
    level: Level
    limit: float


@dataclass(frozen=True, slots=True)
class Said:
    """Why a level changed, in words that can be translated, with what it rests on.

    `onset_at` is when the hazard is expected where the warning applies, None when not known.
    """

    reason: Phrase
    evidence: dict[str, Any]
    onset_at: int | None = None


class Detector:
    """Base of all detectors. A subclass sets the class attributes and writes `slots` and `step`.

    name          slug that choices, sources and the command line use
    hazard        what it warns of
    quantities    names of the quantities that it takes; empty: any series, but only where chosen
    version       changes whenever the same input could give another output (drops old state)
    experimental  True until recordings have shown its skill: never used without being chosen
    any_value     True: is shown values too that no sensor of the quantity can read
    cold_start_s  history (s) of a series below which its level stays green
    hold_s        how long (s) a score stays below the kept limit before the level falls
    card          model card: what it is for, method with source, null, limits of use
    """

    name: ClassVar[str]
    hazard: ClassVar[Hazard]
    quantities: ClassVar[frozenset[str]] = frozenset()
    version: ClassVar[str] = "1"
    experimental: ClassVar[bool] = False
    any_value: ClassVar[bool] = False
    cold_start_s: float = 0.0
    hold_s: float = 0.0
    card: ClassVar[str]

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Name and default of each constructor parameter, in order."""
        given = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {p.name: p.default for p in given if p.kind == p.POSITIONAL_OR_KEYWORD}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """The constructor parameters, as scikit-learn's estimators give them."""
        return {name: getattr(self, name) for name in self.parameters()}

    def takes(self, watched: Watched) -> bool:
        """True where this detector can say something about this series."""
        return not self.quantities or watched.quantity in self.quantities

    @property
    def wants(self) -> str:
        """In words, what `takes` asks for."""
        return ", ".join(sorted(self.quantities))

    def slots(self) -> dict[str, Slot]:
        """The state of one series, besides what the bank keeps (its names begin with `bank_`)."""
        raise NotImplementedError

    def fixed(self, watched: Sequence[Watched]) -> Fixed:  # noqa: ARG002
        """What is known of each series beforehand (row = series): not state, never written."""
        return {}

    def limits(self, watched: Sequence[Watched]) -> Limits:
        """Limits on the score for each series."""
        raise NotImplementedError

    def step(self, rows: Rows, state: State, fixed: Fixed) -> Scores:
        """Score one round and update the state of its series in place (`state[x][rows.at] = ...`).

        Must read and write places `rows.at` only, and never write to `rows` or `fixed`.
        """
        raise NotImplementedError

    def explain(self, crossing: Crossing, state: State, fixed: Fixed) -> Said:
        """Words and evidence of a change of level, from the state right after its row.

        Called for changes up or down to yellow, orange and red; `ended` speaks for green.
        """
        raise NotImplementedError

    def ended(self, crossing: Crossing) -> Said:
        values: Values = {"value": rounded(crossing.value), "unit": crossing.watched.unit}
        return Said(Phrase(text=CONDITION_ENDED, values=values), evidence_of(crossing))

    def __repr__(self) -> str:
        given = self.get_params()
        changed = [f"{n}={given[n]!r}" for n, d in self.parameters().items() if given[n] != d]
        return f"{type(self).__name__}({', '.join(changed)})"


def spanned(at: NDArray[np.intp]) -> Places:
    """Ascending places without repeats, as a slice where they follow each other."""
    first, end = int(at[0]), int(at[-1]) + 1
    return slice(first, end) if end - first == len(at) else at


def evidence_of(crossing: Crossing, **more: Any) -> dict[str, Any]:
    """The part of the evidence that all detectors give: input, limit, distance from firing."""
    return {
        "value": crossing.value,
        "unit": crossing.watched.unit,
        "measured_at": crossing.measured_at,
        "score": crossing.score,
        "limit": crossing.limit,
        **more,
    }


def rounded(value: float, digits: int = 4) -> float:
    """A value to so many significant digits, as it is said to people."""
    return float(f"{value:.{digits}g}")


def unusual(score_samples: Floats) -> Floats:
    """scikit-learn's `score_samples` (higher is more normal) as our score, and the other way round.

    The only place where the sign is turned.
    """
    return -score_samples
