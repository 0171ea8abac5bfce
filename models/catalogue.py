"""Which detectors there are: every `Detector` that a file of `models/detectors/` defines."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from models import detectors
from models.detector import Detector
from records.errors import SettingsError
from records.times import from_datetime, text


@cache
def catalogue() -> MappingProxyType[str, type[Detector]]:
    """Detector classes by name, in order of name. A new file is found by being there."""
    found: dict[str, type[Detector]] = {}
    for module_info in pkgutil.iter_modules(detectors.__path__):
        module = importlib.import_module(f"{detectors.__name__}.{module_info.name}")
        for item in vars(module).values():
            if inspect.isclass(item) and issubclass(item, Detector) and _is_own(item, module):
                found[item.name] = item
    return MappingProxyType(dict(sorted(found.items())))


def _is_own(item: type[Detector], module: object) -> bool:
    return item.__module__ == getattr(module, "__name__", "") and "name" in vars(item)


def detector_class(name: str) -> type[Detector]:
    """The detector of this name. Raises SettingsError that lists those there are."""
    known = catalogue()
    if name not in known:
        raise SettingsError(f"there is no detector {name!r} (there are: {', '.join(known)})")
    return known[name]


def make(name: str, params: dict[str, Any]) -> Detector:
    """A detector with these parameters; a time may be given as text or as TOML has it.

    Raises SettingsError that names what is wrong.
    """
    chosen = detector_class(name)
    known = chosen.parameters()
    for param in params:
        if param not in known:
            has = ", ".join(known) or "none"
            raise SettingsError(f"{name} has no parameter {param!r} (it has: {has})")
    try:
        return chosen(**{param: _plain(value) for param, value in params.items()})
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name}: {error}") from None


def _plain(value: Any) -> Any:
    return text(from_datetime(value)) if isinstance(value, datetime) else value


def describe() -> list[dict[str, Any]]:
    """What `hoshyar detectors --json` prints: one plain record a detector."""
    return [
        {
            "name": name,
            "hazard": str(kind.hazard),
            "quantities": sorted(kind.quantities),
            "params": kind.parameters(),
            "cold_start_s": kind().cold_start_s,
            "experimental": kind.experimental,
            "card": kind.card,
        }
        for name, kind in catalogue().items()
    ]
