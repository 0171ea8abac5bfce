"""A fitted model as arrays, estimators and plain values, and put together again.

What a detector's `fit` returns is a frozen dataclass whose fields are arrays, scikit-learn
estimators, numbers, texts, None, such dataclasses, and tuples of all these.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from models.artefacts import Part
from records.errors import ArtefactRefused


def taken_apart(model: Any) -> tuple[Any, dict[str, Part]]:
    """How the model is built, as JSON has it, and its parts by name.

    Raises TypeError for something that a model can't hold.
    """
    parts: dict[str, Part] = {}
    return _apart(model, parts), parts


def _apart(value: Any, parts: dict[str, Part]) -> Any:
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _apart(getattr(value, field.name), parts) for field in fields}
    if isinstance(value, tuple):
        return [_apart(one, parts) for one in value]
    if isinstance(value, np.ndarray | BaseEstimator):
        name = f"part-{len(parts)}"
        parts[name] = value
        return {"part": name}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a model can't hold a {type(value).__name__}")


def put_together(kind: Any, built: Any, parts: Mapping[str, Part]) -> Any:
    """The model of this type. Raises ArtefactRefused where something else was taken apart."""
    try:
        return _together(kind, built, parts)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactRefused(f"the model is not built as one of this program: {error}") from None


def _together(kind: Any, built: Any, parts: Mapping[str, Part]) -> Any:
    if isinstance(built, dict) and "part" in built:
        return parts[built["part"]]
    if dataclasses.is_dataclass(kind) and isinstance(built, dict):
        hints = typing.get_type_hints(kind)
        values = {name: _together(hints[name], one, parts) for name, one in built.items()}
        return kind(**values)  # type: ignore[operator]
    if isinstance(built, list):
        return tuple(_together(_item(kind, at), one, parts) for at, one in enumerate(built))
    return built


def _item(kind: Any, at: int) -> Any:
    """The type of a tuple's item; of `X | None`, that of X."""
    if isinstance(kind, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not types.NoneType)
    given = typing.get_args(kind)
    return given[0] if given[-1] is Ellipsis else given[at]
