"""A CSV file with a line of names, plain or gzip: its columns, rows, and what is wrong where."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from records.errors import InputError


def lines(path: Path) -> Generator[str, None, None]:
    """The text lines of a plain or gzipped UTF-8 file. Raises InputError."""
    try:
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            data = gzip.GzipFile(fileobj=file) if packed else file
            with io.TextIOWrapper(data, encoding="utf-8-sig", newline="") as text:
                yield from text
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}") from error


class Table:
    """Rows of a file, to be read within `with`: a ValueError there becomes an InputError with the
    file and the line.

    columns  place of each name in a row; columns without a name are passed over
    needed   names that must be there
    """

    def __init__(self, path: Path, needed: Sequence[str]) -> None:
        self._path = path
        self._needed = needed
        self._lines = lines(path)
        self._reader = csv.reader(self._lines)
        self.columns: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self._read_names()
        except BaseException:
            self._lines.close()
            raise
        return self

    def _read_names(self) -> None:
        try:
            names = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise self._wrong(error) from error
        self._width = len(names)
        self.columns = {name: at for at, name in enumerate(names) if name}
        absent = [name for name in self._needed if name not in self.columns]
        if absent:
            there = ", ".join(map(repr, self.columns))[:200] or "nothing"
            raise InputError(
                f"{self._path} has no column {absent[0]!r} in its first line (there is: {there})"
            )
        twice = {name for name in self.columns if names.count(name) > 1}
        if twice:
            raise InputError(f"{self._path} has the column {min(twice)!r} twice")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        if isinstance(error, ValueError | csv.Error):
            raise self._wrong(error) from error

    def __iter__(self) -> Iterator[list[str]]:
        """The rows that are not empty."""
        for cells in filter(None, self._reader):
            if len(cells) < self._width:
                raise ValueError("has fewer columns than the first line")
            if any(cells[self._width :]):
                raise ValueError("has more columns than the first line")
            yield cells

    def _wrong(self, error: BaseException) -> InputError:
        return InputError(f"{self._path}, line {self._reader.line_num}: {error}")
