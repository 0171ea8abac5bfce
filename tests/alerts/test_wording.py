"""Every text of the stage is there in every language, with the values that it names."""

from __future__ import annotations

import string

import pytest

from alerts import actions, wording
from records.language import catalogue
from records.levels import LANGUAGES


def named(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_text_is_translated_with_its_values(language: str) -> None:
    known = catalogue(language)
    texts = wording.MESSAGES | set(actions.REFUSALS)
    said = {text: str(found.string) for text in texts if (found := known.get(text))}
    assert {text for text in texts if not said.get(text)} == set()
    assert {text: named(found) for text, found in said.items()} == {t: named(t) for t in texts}
