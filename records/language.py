"""The three languages: gettext catalogues read from `records/locale/*.po` with Babel.

A machine's draft carries gettext's `fuzzy` mark in the catalogue: it is shown, and
`is_draft` says so, until a person who speaks the language removes the mark.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from records.levels import LANGUAGES
from records.statements import Phrase

LOCALE = Path(__file__).parent / "locale"
RIGHT_TO_LEFT = frozenset({"ur"})


@cache
def catalogue(language: str) -> Catalog:
    """The catalogue of a language other than English."""
    with (LOCALE / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def say(text: str, language: str) -> str:
    """`text` (English, a message id) in this language; English where it is not translated.

    Raises KeyError for a language outside `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise KeyError(language)
    if language == "en":
        return text
    message = catalogue(language).get(text)
    return str(message.string) if message and message.string else text


def is_draft(text: str, language: str) -> bool:
    """True where the translation of `text` has not been read by a person."""
    message = None if language == "en" else catalogue(language).get(text)
    return bool(message and message.fuzzy)


def phrase(said: Phrase, language: str) -> str:
    """A phrase with its values filled in. Words among the values are translated too.

    Where there is no unit, its space goes too.
    """
    values = {
        name: say(value, language) if isinstance(value, str) else value
        for name, value in said.values.items()
    }
    text = say(said.text, language)
    if values.get("unit") == "":
        text = text.replace(" {unit}", "{unit}")
    return text.format(**values)
