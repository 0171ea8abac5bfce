"""Fitting a joint detector on stored readings, with the code that a live stage fits it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from models.binding import Binding, bind, to_canonical
from models.history import History
from models.joint import Joint, Recording
from models.learned import Learned
from models.runner import Runner
from models.tenths import Tenths
from records.errors import InputError
from records.levels import Flag
from records.network import DetectorChoice
from records.readings import ReadingBatch
from store.directory import Registry

Say = Callable[[float, str], None]
_KEPT_OUT = (int(Flag.FAIL), int(Flag.MISSING))
_NEVER = -(2**63)


@dataclass(frozen=True, slots=True)
class Trained:
    learned: Learned
    recording: Recording


def bound(registry: Registry, choice: DetectorChoice) -> Binding:
    """The one binding of a choice. Raises InputError or SettingsError for one that can't be."""
    network = msgspec.structs.replace(registry.network, detector=(choice,))
    bindings = bind(network)
    if len(bindings) != 1 or not isinstance(bindings[0].detector, Joint):
        raise InputError(f"{choice.name} is no detector of several series: it can't be trained")
    if bindings[0].detector.learns is None:
        raise InputError(f"{choice.name} learns nothing: there is nothing to train")
    return bindings[0]


def train(registry: Registry, binding: Binding, rows: ReadingBatch, at: int, say: Say) -> Trained:
    """A model from the rows measured up to `at` (us). Raises InputError where they are too few."""
    detector = binding.detector
    assert isinstance(detector, Joint)
    recording = recorded(registry, binding, rows)
    recording = recording.take(recording.measured_at <= at)
    say(0.1, f"fitting on {len(recording.measured_at)} readings")
    model = detector.fit(recording, at)
    if model is None:
        raise InputError(
            f"{len(recording.measured_at)} readings are too few for {detector.name} to learn from:"
            " train on a longer time"
        )
    say(0.7, "scoring what it was trained on")
    runner = Runner(detector, binding.watched, model)
    runner.add(recording.place, recording.measured_at, recording.value)
    _, outcome = runner.judge(at)
    try:
        tenths = Tenths.of(outcome.score)
    except ValueError as error:
        raise InputError(f"{error}: train on a longer time") from None
    return Trained(Learned(binding, model, tenths), recording)


def recorded(registry: Registry, binding: Binding, rows: ReadingBatch) -> Recording:
    """The readings of the binding's series, canonical, without those flagged fail or missing."""
    history = History(binding.watched)
    rows = usable(rows)
    for place, one in enumerate(binding.watched):
        number = registry.series_number[one.id]
        factor, offset = to_canonical(registry.series(number))
        own = rows.take(rows.series == number)
        seats = np.full(len(own), place, np.intp)
        history.add(seats, own.measured_at, own.value * factor + offset)
    return history.between(_NEVER, 2**63 - 1)


def usable(rows: ReadingBatch) -> ReadingBatch:
    return rows.take(~np.isin(rows.flag, _KEPT_OUT))
