"""A trained model of a joint detector: what takes the place of its `fit`, sealed and opened.

When it is opened, the detector's own code scores the golden vectors again: a recording that was
scored when the model was trained, with the scores it gave.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artefacts import About, Part, libraries, seal, unseal
from models.bank import Outcome
from models.binding import Binding, joint_source
from models.catalogue import detector_class, make
from models.detector import Floats
from models.joint import Joint, Recording
from models.parts import put_together, taken_apart
from models.runner import Runner
from models.tenths import Tenths
from records.errors import ArtefactRefused, SettingsError
from records.levels import Level
from records.settings import Secret
from records.times import DAY, SECOND

GOLDEN_ROWS = 32
_MOST_GOLDEN = 50_000
_GOLDEN = ("golden-place", "golden-measured_at", "golden-value", "golden-score")


@dataclass(frozen=True, slots=True)
class Learned:
    """A model with the binding it was trained for.

    tenths  where the scores of its training lay
    """

    binding: Binding
    model: Any
    tenths: Tenths

    @property
    def detector(self) -> Joint:
        detector = self.binding.detector
        assert isinstance(detector, Joint)
        return detector

    @property
    def name(self) -> str:
        """The source that it speaks as."""
        return joint_source(self.detector, self.binding.watched)


class Remembering(Runner):
    """A runner with a given model, that remembers what it judged until it is asked."""

    def __init__(self, learned: Learned, number: int = 1) -> None:
        super().__init__(learned.detector, learned.binding.watched, learned.model, number)
        self.tenths = learned.tenths
        self._outcomes: list[tuple[NDArray[np.int64], Outcome]] = []

    def judge(self, through_at: int) -> tuple[NDArray[np.int64], Outcome]:
        judged = super().judge(through_at)
        self._outcomes.append(judged)
        return judged

    def taken(self) -> list[tuple[NDArray[np.int64], Outcome]]:
        """Times and outcomes since it was asked last."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model did with the rows of one UTC day (since 1970-01-01)."""

    model: int
    day: int
    rows: int
    scored: int
    warned: int
    scores: tuple[int, ...]


def seen(runner: Remembering) -> list[Seen]:
    """Counts since this was asked last, a line a day; `warned`: how often it reached orange."""
    found = []
    for times, outcome in runner.taken():
        reached = [row for row, crossing, _ in outcome.crossings
                   if crossing.level >= Level.ORANGE > crossing.before]  # fmt: skip
        for day in np.unique(times // DAY).tolist():
            rows = times // DAY == day
            score = outcome.score[rows]
            found.append(
                Seen(
                    runner.model_number,
                    day,
                    int(rows.sum()),
                    int((~np.isnan(score)).sum()),
                    sum(bool(rows[row]) for row in reached),
                    tuple(runner.tenths.count(score).tolist()),
                )
            )
    return found


def sealed(learned: Learned, recording: Recording, recipe: str, key: Secret) -> bytes:
    """The artefact. `recording` is what golden vectors are cut from: the end of the training."""
    built, parts = taken_apart(learned.model)
    golden, since = _golden(learned.detector, recording)
    score = _scores(learned, golden, since)
    parts |= dict(
        zip(_GOLDEN, (golden.place, golden.measured_at, golden.value, score), strict=True)
    )
    detector = learned.detector
    about = About(
        detector=detector.name,
        version=detector.version,
        params=detector.get_params(),
        watched=learned.binding.watched,
        model=built,
        since=since,
        tenths=learned.tenths.edges,
        libraries=libraries(),
        recipe=recipe,
    )
    data = seal(about, parts, key)
    opened(data, key)
    return data


def opened(data: bytes, key: Secret) -> Learned:
    """The model, checked. Raises ArtefactRefused with the recipe to train it again."""
    about, parts = unseal(data, key)
    kind = detector_class(about.detector)
    if not issubclass(kind, Joint) or kind.learns is None:
        raise ArtefactRefused(f"{about.detector} learns nothing: it takes no trained model")
    if kind.version != about.version:
        raise ArtefactRefused(
            f"the model was made by version {about.version} of {about.detector} (here:"
            f" {kind.version}): train it again with `{about.recipe}`"
        )
    try:
        model = put_together(kind.learns, about.model, parts)
        binding = Binding(make(about.detector, about.params), about.watched)
        learned = Learned(binding, model, Tenths(about.tenths))
        _need_golden(learned, about, parts)
    except SettingsError:
        raise
    except Exception as error:
        # Whatever a part that is missing or misshapen leads to: no stage may end by it.
        raise ArtefactRefused(
            f"the model can't be used here ({type(error).__name__}: {error}): train it again with"
            f" `{about.recipe}`"
        ) from error
    return learned


def _need_golden(learned: Learned, about: About, parts: Mapping[str, Part]) -> None:
    place, measured_at, value, score = (parts[name] for name in _GOLDEN)
    recording = Recording(about.watched, place.astype(np.intp), measured_at, value)
    found = _scores(learned, recording, about.since)
    if found.shape != score.shape or not np.allclose(
        found, score, rtol=1e-6, atol=1e-9, equal_nan=True
    ):
        raise ArtefactRefused(
            f"the model gives other scores here than where it was trained: train it again with"
            f" `{about.recipe}`"
        )


def _golden(detector: Joint, recording: Recording) -> tuple[Recording, int]:
    """The last rows that get a score, with all that they look back on, and the time before them."""
    shown = recording.measured_at[recording.shown(detector.target, -(2**63))]
    since = int(shown[-GOLDEN_ROWS - 1]) if len(shown) > GOLDEN_ROWS else -(2**63)
    memory = detector.memory_s * SECOND
    first = since - round(memory) if np.isfinite(memory) and since > -(2**62) else -(2**63)
    rows = np.flatnonzero(recording.measured_at > first)
    return recording.take(rows[-_MOST_GOLDEN:]), since


def _scores(learned: Learned, recording: Recording, since: int) -> Floats:
    return learned.detector.judge(recording, since, learned.model, {}).score


def recipe(
    detector: str, params: Mapping[str, Any], series: Sequence[str], from_: str, until: str
) -> str:
    """The command that trains such a model again, from the store as it is then."""
    given = [f"--param {shlex.quote(f'{k}={_text(v)}')}" for k, v in sorted(params.items())]
    named = [f"--series {one}" for one in series]
    return " ".join(
        ["hoshyar model train", detector, *named, *given, f"--from {from_} --until {until}"]
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
