"""Every text of the screens and the models is translated; a missing one fails here."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import lab_ui
import models
from lab_ui import words
from lab_ui.texts import TEXTS
from records.language import LOCALE, catalogue, phrase, say
from records.levels import LANGUAGES
from records.quantities import QUANTITIES
from records.statements import Phrase

TRANSLATED = [language for language in LANGUAGES if language != "en"]
TABLES = (
    words.LEVELS,
    words.MEANINGS,
    words.HAZARDS,
    words.FLAGS,
    words.STATUSES,
    words.QUANTITIES,
    words.STAGES,
    words.CHANGES,
    TEXTS,
)
SAYING = {"say", "Phrase"}


def said_in_code() -> set[str]:
    """The literals that the package's code gives to `say` and `Phrase`."""
    folder = Path(lab_ui.__file__).parent
    return {text for file in folder.rglob("*.py") for text in literals(ast.parse(file.read_text()))}


def literals(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in SAYING:
            first = [*call.args, *(k.value for k in call.keywords if k.arg == "text")][:1]
            for part in ast.walk(first[0]) if first else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def reasons() -> set[str]:
    """Texts of the models' reasons: the constants, in capitals, of modules that make phrases."""
    found: set[str] = set()
    for file in Path(models.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text())
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        if any(isinstance(node, ast.Name) and node.id == "Phrase" for node in ast.walk(tree)):
            found |= {text for text in constants.values() if " " in text}
    return found


def every_text() -> set[str]:
    quantities = {name.replace("_", " ") for name in QUANTITIES}
    return said_in_code().union(*(table.values() for table in TABLES), reasons(), quantities)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_the_screens_is_translated(language: str) -> None:
    known = catalogue(language)
    missing = {text for text in every_text() if not (known.get(text) and known[text].string)}
    assert missing == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_names_the_same_values(language: str) -> None:
    wrong = {
        str(message.id): str(message.string)
        for message in catalogue(language)
        if message.id and fields(str(message.id)) != fields(str(message.string))
    }
    assert wrong == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_says_each_text_once(language: str) -> None:
    lines = (LOCALE / f"{language}.po").read_text().splitlines()
    ids = [line for line in lines if line.startswith("msgid ") and line != 'msgid ""']
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_is_in_its_own_language(language: str) -> None:
    with (LOCALE / f"{language}.po").open("rb") as file:
        assert str(read_po(file).locale) == language


def test_every_quantity_has_a_word() -> None:
    assert set(words.QUANTITIES) == set(QUANTITIES)


def test_a_phrase_is_said_with_its_values_in_each_language() -> None:
    text = "acknowledged by {person}"
    said = [phrase(Phrase(text=text, values={"person": "Bo"}), one) for one in LANGUAGES]
    assert [line.count("Bo") for line in said] == [1, 1, 1]
    assert len(set(said)) == 3


def test_an_unknown_text_is_said_in_english() -> None:
    assert say("never heard of", "ur") == "never heard of"
