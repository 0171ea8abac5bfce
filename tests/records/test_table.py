"""A table lets go of its file, whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from records.errors import InputError
from records.table import Table


def read(path: Path) -> None:
    with Table(path, ["a"]) as table:
        for _ in table:
            raise ValueError("is not wanted")


@pytest.mark.parametrize("text", ["b\n1\n", "a,b,b\n1,2,3\n", "a,b\n1\n2,3\n", "a\n1\n2\n"])
def test_a_file_that_is_refused_or_left_is_closed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(text)
    # What is raised holds the frames that had the file.
    with pytest.raises(InputError) as raised:
        read(path)
    assert raised.value
    assert str(path) not in [file.path for file in psutil.Process().open_files()]
