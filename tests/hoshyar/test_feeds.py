"""A file of feeds that is wrong: one line that names the feed and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoshyar.feeds import read
from records.errors import InputError

FEED = """
[[feed]]
name = "farm"
topic = "farm/{device}/up"
format = "flat-json"
readings = [{ field = "data.cm", quantity = "stage", unit = "cm" }]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"flat-json"', '"xml"', "feed 'farm', format: Invalid enum value 'xml'"),
        ("farm/{device}/up", "farm/+up", "feed 'farm', topic: '+up'"),
        ('quantity = "stage", ', "", "feed 'farm', readings[0]: Object missing required field"),
        ('name = "farm"', "name = 7", "feed 7, name: Expected `str`, got `int`"),
        ('name = "farm"', "", "feed 1, Object missing required field `name`"),
        ("[[feed]]", "[feeds]", "only [[feed]] tables are known"),
        ("name", "name name", "Expected"),
    ],
)
def test_it_is_refused_where_it_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "feeds.toml"
    file.write_text(FEED.replace(old, new, 1))
    with pytest.raises(InputError) as refused:
        read(file)
    assert str(refused.value).startswith(f"{file}: {said}")
    assert "\n" not in str(refused.value)
