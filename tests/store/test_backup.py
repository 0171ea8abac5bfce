"""A backup under load restores to one moment, on any server; what is no backup is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from records.errors import InputError, Reason, SettingsError
from records.readings import ReadingBatch
from records.times import DAY
from store import archive, asof, backup, migrations, queries, readings, restore, tables
from store.connection import Database, connect
from store.ledger import Settled
from store.readings import Commit, Committed, Quarantined
from tests.databases import Databases, as_stage, with_sessions
from tests.store.test_migrations import empty

T0 = 1_700_000_000_000_000
Store = Callable[..., Committed]


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def other(databases: Databases, kind: str) -> Iterator[str]:
    """Another server's or another database that was never migrated."""
    with empty(databases, kind) as dsn:
        yield dsn


def content(dsn: str) -> dict[str, list[Any]]:
    """Every row of every table, as text in order, and where numbering goes on."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        found: dict[str, list[Any]] = {}
        for name in tables.ordered(connection):
            statement = sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
            found[name] = [row[0] for row in connection.execute(statement)]
            for column, sequence in tables.identity(connection, name).items():
                last = "SELECT pg_sequence_last_value(%s::regclass)"
                found[f"{name}.{column}"] = connection.execute(last, (sequence,)).fetchall()
    return found


def fill(db: Database, store: Store) -> None:
    """Readings of some days, revised, late and packed; a message that was refused."""
    bad = Quarantined(1, "t", b"\x00", Reason.UNDECODABLE, "no JSON", T0)
    store([(1, 0, 1.5), (2, 0, -0.0), (1, -86400 * 500, 3.0)], settled=(Settled(1, 7, ((0, 4),)),))
    store([(1, 0, 2.5), (3, 86400, float("inf"))], 5, quarantined=(bad,))
    for _ in iter(lambda: db.flavour.compact_before(db, T0 // DAY), []):
        pass
    store([(1, -86400 * 500 + 1, 4.0)], 9, worker=1)


@pytest.mark.promise("R2")
def test_what_is_restored_is_what_was_stored(
    enrolled: Database, store: Store, dsn: str, other: str, tmp_path: Path
) -> None:
    fill(enrolled, store)
    path, manifest = backup.take(dsn, tmp_path, quiet)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    stored = content(dsn)
    assert {name: table.rows for name, table in manifest.tables.items()} == {
        name: len(stored[name]) for name in manifest.tables
    }
    assert set(manifest.tables) == set(migrations.tables())
    restore.restore(other, path, quiet)
    assert content(other) == stored
    with connect(other, stage="test") as db:
        more = Commit(0, T0, "senml/1", "qc/1", readings.between(enrolled, [2], 0, T0 + DAY))
        assert readings.commit(db, more) == Committed(3, 0, 1, 0)
        assert [s.first for s in db.flavour.spans(db)] == [
            s.first for s in enrolled.flavour.spans(enrolled)
        ]


@pytest.mark.parametrize(("kind", "onto"), [("embedded", "timescale"), ("timescale", "debian")])
def test_a_backup_of_one_kind_of_server_is_restored_on_another(
    databases: Databases, enrolled: Database, store: Store, dsn: str, onto: str, tmp_path: Path
) -> None:
    fill(enrolled, store)
    path, _ = backup.take(dsn, tmp_path / "one.zip", quiet)
    stored = content(dsn)
    with empty(databases, onto) as there:
        restore.restore(there, path, quiet)
        assert content(there) == stored
        with connect(there, stage="test") as db:
            assert readings.newest(db) == readings.newest(enrolled)
            later = readings.between(enrolled, [1], 0, T0 - 400 * DAY)
            assert readings.between(db, [1], 0, T0 - 400 * DAY).value.tolist() == [3.0, 4.0]
            late = Commit(0, T0, "senml/1", "qc/1", later)
            assert readings.commit(db, late) == Committed(3, 0, 2, 0)


@with_sessions
@pytest.mark.promise("R2")
def test_a_backup_under_load_is_one_moment(
    enrolled: Database,
    store: Store,
    dsn: str,
    other: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(enrolled, store)
    stop, begun = threading.Event(), threading.Event()

    def load() -> None:
        second = 10.0
        with connect(dsn, stage="load") as db:
            while not stop.is_set():
                rows = [(1, second, 1.0), (2, 0, second), (3, second + 86400 * 3, 2.0)]
                ours = Settled(2, 1, ((round(second), round(second)),))
                store(rows, second, db=db, worker=2, settled=(ours,))
                second += 1
                begun.set()

    copied: list[str] = []
    plain = backup._table

    def slowly(connection: Any, writer: Any, name: str, say: Any) -> archive.Table:
        # Each table is read after more was committed than when the one before it was read.
        begun.clear()
        assert begun.wait(20)
        copied.append(name)
        return plain(connection, writer, name, say)

    monkeypatch.setattr(backup, "_table", slowly)
    thread = threading.Thread(target=load)
    thread.start()
    try:
        path, _ = backup.take(dsn, tmp_path, quiet)
    finally:
        stop.set()
        thread.join()
    assert set(copied) == set(migrations.tables())
    restore.restore(other, path, quiet)
    with connect(other, stage="test") as db:
        last = db.run("SELECT number, last_batch FROM worker ORDER BY number")
        positions = dict(last)
        assert positions[2] < enrolled.run("SELECT last_batch FROM worker WHERE number = 2")[0][0]
        then, origin = asof.with_origin(enrolled, [1, 2, 3], 0, T0 + 9 * DAY, positions)
        now, restored = queries.with_origin(db, [1, 2, 3], 0, T0 + 9 * DAY)
        assert [columns(then), origin.tolist()] == [columns(now), restored.tolist()]
        through = f"WHERE worker = 2 AND number <= {positions[2]} ORDER BY number"
        rows = [d.run(f"SELECT * FROM batch {through}") for d in (db, enrolled)]
        assert rows[0] == rows[1]
        settled = db.run("SELECT sequences::text FROM settled WHERE device = 2")
        assert settled == [(f"{{[10,{10 + positions[2]})}}",)]


def columns(batch: ReadingBatch) -> list[Any]:
    return [(n, getattr(batch, n).tobytes()) for n in batch.__dataclass_fields__]


_TAKE = """
import sys, time
from pathlib import Path
from store import backup
def say(line):
    print(line, flush=True)
    time.sleep(60)
backup.take(sys.argv[1], Path(sys.argv[2]), say)
"""


@with_sessions
def test_a_backup_that_is_killed_is_none(
    enrolled: Database, dsn: str, other: str, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _TAKE, dsn, str(tmp_path / "one.zip")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.send_signal(signal.SIGKILL)
    left = list(tmp_path.iterdir())
    assert [path.suffix for path in left] == [".part"]
    with pytest.raises(InputError, match="is no whole backup"):
        restore.restore(other, left[0], quiet)


def test_a_file_that_fails_leaves_nothing(
    enrolled: Database, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.Writer, "add", full)
    with pytest.raises(InputError, match="can't be written: No space left on device"):
        backup.take(dsn, tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "one.zip").write_text("kept")
    with pytest.raises(InputError, match="is there already"):
        backup.take(dsn, tmp_path / "one.zip", quiet)
    assert (tmp_path / "one.zip").read_text() == "kept"


@with_sessions
def test_an_older_schema_is_restored_and_goes_forward(
    enrolled: Database, store: Store, dsn: str, other: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fill(enrolled, store)
    path, _ = backup.take(dsn, tmp_path / "one.zip", quiet)
    later = migrations.Migration(
        migrations.SCHEMA_VERSION + 1, "later", "ALTER TABLE lab ADD later int NOT NULL DEFAULT 3"
    )
    known = (*migrations.known(), later)
    monkeypatch.setattr(migrations, "known", lambda: known)
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", later.number)
    restore.restore(other, path, quiet)
    with connect(other, stage="test") as db:
        assert db.run("SELECT id, later FROM lab") == [("karakoram", 3)]


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file with another manifest."""
    made = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                manifest = msgspec.json.decode(data)
                change(manifest)
                data = msgspec.json.encode(manifest)
            new.writestr(name, data)
    return made


def newer(manifest: dict[str, Any]) -> None:
    manifest["migrations"].append({"number": 9999, "name": "later", "sha256": "0"})


def foreign(manifest: dict[str, Any]) -> None:
    manifest["migrations"][0]["sha256"] = "0"


def short(manifest: dict[str, Any]) -> None:
    manifest["tables"]["lab"]["rows"] = 7


def changed(manifest: dict[str, Any]) -> None:
    manifest["tables"]["lab"]["sha256"] = "0"


def unknown(manifest: dict[str, Any]) -> None:
    manifest["more"] = 1


@pytest.mark.parametrize("kind", ["embedded"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (newer, "has schema 9999, this program knows only"),
        (foreign, "was taken with another migration 1"),
        (short, "table lab of the backup has other rows"),
        (changed, "table lab is not what was written"),
        (unknown, "is no whole backup"),
    ],
)
def test_a_file_that_is_not_whole_or_not_ours_is_refused_and_changes_nothing(
    enrolled: Database,
    dsn: str,
    other: str,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    path, _ = backup.take(dsn, tmp_path / "one.zip", quiet)
    with pytest.raises(InputError, match=said) as refused:
        restore.restore(other, rewritten(path, change), quiet)
    assert "\n" not in str(refused.value)
    if content(other):
        assert content(other)["lab"] == []


@pytest.mark.parametrize("kind", ["embedded"])
def test_no_changed_or_missing_byte_passes(enrolled: Database, dsn: str, tmp_path: Path) -> None:
    path, manifest = backup.take(dsn, tmp_path / "one.zip", quiet)
    whole = path.read_bytes()
    bad = tmp_path / "bad.zip"
    for at in range(0, len(whole), 97):
        bad.write_bytes(whole[:at])
        with pytest.raises(InputError), archive.verified(bad):
            pass
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        # Or it is a byte that says nothing, as the moment of a member.
        with suppress(InputError), archive.verified(bad) as reader:
            assert reader.manifest == manifest


@with_sessions
def test_a_database_that_holds_something_or_is_in_use_is_refused(
    enrolled: Database, dsn: str, other: str, tmp_path: Path
) -> None:
    path, _ = backup.take(dsn, tmp_path, quiet)
    with pytest.raises(SettingsError, match="in use by hoshyar-test: stop the stages first"):
        restore.restore(dsn, path, quiet)
    restore.restore(other, path, quiet)
    stored = content(other)
    with pytest.raises(SettingsError, match=r"not empty \(table lab has rows\)"):
        restore.restore(other, path, quiet)
    assert content(other) == stored


@with_sessions
def test_a_database_that_is_migrated_and_empty_takes_a_backup(
    enrolled: Database, dsn: str, other: str, tmp_path: Path
) -> None:
    migrations.migrate(other)
    path, _ = backup.take(dsn, tmp_path, quiet)
    restore.restore(other, path, quiet)
    assert content(other) == content(dsn)


@with_sessions
def test_who_may_not_read_all_tables_can_take_no_backup(
    enrolled: Database, dsn: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="needs the rights of the tables' owner"):
        backup.take(as_stage(dsn, "lab_ui"), tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []
