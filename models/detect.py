"""The core of `hoshyar detect`: a file of series through the live detector code to a table."""

from __future__ import annotations

import csv
import io
import math
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bank import Bank, Outcome
from models.catalogue import detector_class, make
from models.detector import Detector
from models.joint import TOGETHER, Joint
from models.runner import Runner
from models.series_file import SeriesFile, read
from records.errors import InputError, SettingsError
from records.language import phrase
from records.levels import Level
from records.statements import Phrase

HEADER = ("series", "measured_at", "score", "p_value", "level", "reason")

Row = tuple[str, str, str, str, str, str]


def detect(
    detector_name: str, input_path: Path, output_path: Path, params: Mapping[str, str]
) -> int:
    """Score the file at `input_path` and write the table to `output_path`.

    `params` are texts as given on the command line. Returns the number of rows. Nothing but the
    input and the parameters is read. Raises SettingsError for an unknown detector or parameter
    and InputError for a file that can't be read; then nothing is written.
    """
    detector = make(detector_name, converted(detector_class(detector_name), params))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    rows = list(_rows(detector, read(input_path)))
    writer.writerows(rows)
    try:
        output_path.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output_path} can't be written: {error}") from None
    return len(rows)


def _rows(detector: Detector, file: SeriesFile) -> Iterator[Row]:
    if not isinstance(detector, Joint):
        return table(detector, file)
    return iter(joint_table(detector, file))


def joint_table(detector: Joint, file: SeriesFile) -> list[Row]:
    """The target's rows alone, or one row a time with series `*`.

    Raises InputError where the detector can take none of the series, or lacks its target.
    """
    seats = _seats(detector, file)
    if not seats:
        return []
    if not len(file.measured_at):
        detector.check([file.columns[place].watched for place in seats])
        return []
    columns = [file.columns[place] for place in seats]
    names = [column.watched.id for column in columns]
    detector = detector.aimed([column.watched for column in columns])
    if detector.target in names:
        target = columns[names.index(detector.target)]
        detector = detector.canonical(target.factor, target.offset)
    runner = Runner(detector, [column.watched for column in columns])
    seat, mine = _seated(seats, file)
    runner.add(seat[mine], file.measured_at[mine], file.value[mine])
    times, outcome = runner.judge(int(file.measured_at[-1]))
    written_at = dict(zip(file.measured_at.tolist(), file.written_at, strict=True))
    if detector.target:
        own = np.flatnonzero(file.place == seats[names.index(detector.target)])
        written_at = {int(file.measured_at[row]): file.written_at[row] for row in own.tolist()}
    name = target.name if detector.target else TOGETHER
    return [
        (name, written_at[at], _number(score), _number(p_value), Level(level).word, reason)
        for at, score, p_value, level, reason in zip(
            times.tolist(),
            outcome.score.tolist(),
            outcome.p_value.tolist(),
            outcome.level.tolist(),
            _reasons([0] * len(times), outcome),
            strict=True,
        )
    ]


def table(detector: Detector, file: SeriesFile) -> Iterator[Row]:
    """One row a value, in the order of the file: what `detect` writes.

    A series that the detector can't take has rows without a score. Raises InputError where it can
    take none of them.
    """
    seats = _seats(detector, file)
    watched = [file.columns[place].watched for place in seats]
    bank = Bank(detector, watched)
    seat, mine = _seated(seats, file)
    outcome = bank.advance(seat[mine], file.measured_at[mine], file.value[mine])
    reasons = _reasons(seat[mine].tolist(), outcome)
    scored = iter(zip(outcome.score.tolist(), outcome.p_value.tolist(), reasons, strict=True))
    levels = iter(outcome.level.tolist())
    for place, written_at, own in zip(
        file.place.tolist(), file.written_at, (seat >= 0).tolist(), strict=True
    ):
        name = file.columns[place].name
        if not own:
            yield name, written_at, "", "", Level.GREEN.word, ""
            continue
        score, p_value, reason = next(scored)
        yield name, written_at, _number(score), _number(p_value), Level(next(levels)).word, reason


def _seats(detector: Detector, file: SeriesFile) -> list[int]:
    seats = [i for i, column in enumerate(file.columns) if detector.takes(column.watched)]
    if file.columns and not seats:
        raise InputError(
            f"{detector.name} can take none of the series (it takes: {detector.wants};"
            " a series is named ID:QUANTITY:UNIT)"
        )
    return seats


def _seated(seats: list[int], file: SeriesFile) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The seat of each row's series (-1: none), and the rows that have one."""
    seat_of = np.full(len(file.columns), -1, np.intp)
    seat_of[seats] = np.arange(len(seats))
    seat = seat_of[file.place]
    return seat, np.flatnonzero(seat >= 0)


def _reasons(seats: list[int], outcome: Outcome) -> list[str]:
    """Why each row's level is what it is: the words of the last change, none while green."""
    said = {row: words.reason for row, _, words in outcome.crossings}
    current: dict[int, str] = {}
    levels = outcome.level.tolist()
    reasons = []
    for row, (seat, level) in enumerate(zip(seats, levels, strict=True)):
        if row in said:
            current[seat] = _english(said[row])
        reasons.append(current.get(seat, "") if level > Level.GREEN else "")
    return reasons


def _english(reason: Phrase) -> str:
    return phrase(reason, "en")


def _number(value: float) -> str:
    """The shortest text that reads back as the same bits; nothing for NaN."""
    return "" if math.isnan(value) else repr(value)


def converted(kind: type[Detector], texts: Mapping[str, str]) -> dict[str, Any]:
    """Parameters from text, by the types of the constructor. Raises SettingsError."""
    hints = typing.get_type_hints(kind.__init__)
    return {
        name: _converted(kind.name, name, hints[name], text) if name in hints else text
        for name, text in texts.items()
    }


def _converted(detector: str, name: str, hint: Any, text: str) -> Any:
    wanted = [t for t in typing.get_args(hint) or (hint,) if t is not types.NoneType]
    try:
        return _READ[wanted[0]](text)
    except ValueError:
        kind = wanted[0].__name__
        raise SettingsError(f"{detector}: {name}={text!r} is not a {_WORDS[kind]}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _truth(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


_READ: dict[type, Any] = {float: _finite, int: int, bool: _truth, str: str}
_WORDS = {"float": "number", "int": "whole number", "bool": "truth value (true or false)"}
