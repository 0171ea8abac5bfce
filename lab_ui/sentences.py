"""Reasons as people read them: stations by name, and values apart from the sentence's direction."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alerts import naming
from lab_ui import places
from records.language import RIGHT_TO_LEFT, say
from records.statements import Phrase
from store.registry import Registry

# Unicode's isolates: what stands between them has its own direction, first letter or left to right.
_OWN, _LEFT_TO_RIGHT, _END = "\u2068", "\u2066", "\u2069"
# A number and its unit run from left to right together.
_MEASURE = re.compile(r"\{\w+[^}]*\} (?:\{unit\}|k?m\b)")


@dataclass(frozen=True, slots=True)
class _Isolated:
    """A value inside a sentence that runs from right to left."""

    value: str | int | float

    def __format__(self, form: str) -> str:
        opening = _OWN if isinstance(self.value, str) else _LEFT_TO_RIGHT
        return f"{opening}{self.value:{form}}{_END}"


def sentence(said: Phrase, registry: Registry, language: str) -> str:
    """A phrase in this language. Ids of stations among its values become their names."""
    names = {s.id: places.short_name(registry, s.id, language) for s in registry.network.station}
    values = {key: naming.told(value, names.get, language) for key, value in said.values.items()}
    if language in RIGHT_TO_LEFT:
        text = _MEASURE.sub(f"{_LEFT_TO_RIGHT}\\g<0>{_END}", say(said.text, language))
        return text.format(**{name: _Isolated(value) for name, value in values.items()})
    return say(said.text, language).format(**values)
