"""The file of a backup: a zip with one member a table and a manifest that says what is whole.

A member is what PostgreSQL's binary COPY writes, the same on every server of this program. The
manifest is the last member, and a zip's directory is its end: a file that was cut says so.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from records.errors import InputError
from records.times import text

_MANIFEST = "manifest.json"
_FORM = 1
_PIECE_BYTES = 1 << 20
# What zipfile raises for a file that is not what was written.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError,
           RuntimeError)  # fmt: skip


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing unknown is passed over: it may be what a newer program needs."""


class Applied(Strict, frozen=True):
    """A migration of the database that was backed up."""

    number: int
    name: str
    sha256: str


class Table(Strict, frozen=True):
    """One member: `columns` as (name, type), `identity` the last number given by column."""

    columns: tuple[tuple[str, str], ...]
    rows: int
    sha256: str
    identity: dict[str, int]


class Manifest(Strict, frozen=True):
    """`taken_at` in microseconds since 1970; `spans` of days with readings, as (first, end)."""

    form: int
    taken_at: int
    server: str
    layout: str
    migrations: tuple[Applied, ...]
    spans: tuple[tuple[int, int], ...]
    tables: dict[str, Table]

    @property
    def version(self) -> int:
        return self.migrations[-1].number


class Writer:
    """A file in the making, under another name until `finish`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip = file

    def add(self, table: str, pieces: Iterable[bytes | memoryview]) -> str:
        """Write a member; its SHA-256."""
        digest = hashlib.sha256()
        with self._zip.open(table, "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                member.write(piece)
        return digest.hexdigest()

    def close(self, manifest: Manifest) -> None:
        self._zip.writestr(_MANIFEST, msgspec.json.encode(manifest))


@contextmanager
def written(path: Path) -> Iterator[Writer]:
    """A new file at `path`, on the disk and whole when this ends, or not there at all.

    Raises InputError where there is one already or it can't be written. A program that is killed
    leaves `.NAME.*.part` behind.
    """
    try:
        if path.exists():
            raise InputError(f"{path} is there already: name a new file")
        with _aside(path) as part:
            with part.open("r+b") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
                    yield Writer(packed)
                file.flush()
                os.fsync(file.fileno())
            # Never over another file, whoever was quicker.
            os.link(part, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}") from error


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    # Readable by its owner alone.
    descriptor, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Reader:
    """A whole file. `verified` makes it."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip = file
        self.manifest = manifest

    def pieces(self, table: str) -> Iterator[bytes]:
        with self._zip.open(table) as member:
            while piece := member.read(_PIECE_BYTES):
                yield piece


@contextmanager
def verified(path: Path) -> Iterator[Reader]:
    """A file whose every byte has been read and is what was written. Raises InputError."""
    try:
        file = zipfile.ZipFile(path)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise InputError(f"{path} is no whole backup ({error}): take another one") from error
    with file:
        yield _verify(path, file)


def _verify(path: Path, file: zipfile.ZipFile) -> Reader:
    try:
        manifest = msgspec.json.decode(file.read(_MANIFEST), type=Manifest)
        reader = Reader(file, manifest)
        if manifest.form != _FORM:
            raise InputError(f"{path} has form {manifest.form}: use the program that wrote it")
        if not manifest.migrations:
            raise ValueError("it names no schema")
        for name, table in manifest.tables.items():
            digest = hashlib.sha256()
            for piece in reader.pieces(name):
                digest.update(piece)
            if digest.hexdigest() != table.sha256:
                raise ValueError(f"table {name} is not what was written")
    except (*_DAMAGE, OSError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path} is no whole backup ({said}): take another one") from error
    return reader


def name_at(taken_at: int) -> str:
    """What a backup of a moment is called in a folder."""
    digits = "".join(sign for sign in text(taken_at) if sign.isdigit())[:14]
    return f"hoshyar-{digits[:8]}T{digits[8:]}Z.zip"
