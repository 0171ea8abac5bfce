"""`hoshyar db` on a store that nothing else uses: to a file and back into a new data folder."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from records.network import Lab, Network
from store import registry
from store.connection import connect
from store.migrations import migrate
from tests.hoshyar.test_cli import hoshyar, refused


@pytest.fixture
def filled(dsn: str) -> str:
    with closing(connect(dsn, stage="test")) as db:
        lab = (Lab(id="karakoram", name="Karakoram lab"),)
        registry.enrol(db, Network(lab=lab, station=(), device=(), series=()))
    return dsn


def test_a_backup_becomes_a_new_data_folder(filled: str, tmp_path: Path) -> None:
    file, folder = tmp_path / "one.zip", tmp_path / "new"
    taken = hoshyar("db", "backup", file, "--data", tmp_path / "none", HOSHYAR_DSN=filled)
    assert taken.stdout.startswith(f"{file}: ")
    assert taken.returncode == 0
    again = hoshyar("db", "backup", file, HOSHYAR_DSN=filled, HOSHYAR_HOME=str(tmp_path))
    assert refused(again) == f"{file} is there already: name a new file"
    done = hoshyar("db", "restore", file, "--data", folder)
    assert done.stdout.startswith("restored the state of 20")
    assert done.returncode == 0
    # The folder is let go again, and its database is as good as the one before.
    second = hoshyar("db", "backup", tmp_path / "two.zip", "--data", folder)
    assert second.stdout.split(": ")[1].split(",")[0] == taken.stdout.split(": ")[1].split(",")[0]
    full = hoshyar("db", "restore", file, "--data", folder)
    assert "the database is not empty (table lab has rows)" in full.stderr
    assert full.returncode == 2


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    said = refused(hoshyar("db", "backup", tmp_path / "one.zip", "--data", tmp_path / "none"))
    assert said.startswith(f"nothing runs in {tmp_path / 'none'}")
    assert list(tmp_path.iterdir()) == []


def test_a_migrated_database_has_nothing_to_do(filled: str, tmp_path: Path) -> None:
    assert migrate(filled) == []
    done = hoshyar("db", "migrate", HOSHYAR_DSN=filled, HOSHYAR_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "nothing to do\n")


def test_a_check_says_a_line_a_finding_and_its_exit_code_which(filled: str, tmp_path: Path) -> None:
    where = {"HOSHYAR_DSN": filled, "HOSHYAR_HOME": str(tmp_path)}
    sound = hoshyar("db", "check", **where)
    assert (sound.returncode, sound.stdout) == (0, "everything fits together\n")
    assert hoshyar("db", "check", "--full", "--json", **where).stdout == "[]\n"
    with closing(connect(filled, stage="test")) as db:
        db.run("INSERT INTO progress VALUES ('rollups', now(), '{\"0\": 9}', '')")
        said = "rollups has come to 9 of 0, which has 0"
        found = hoshyar("db", "check", **where)
        assert (found.returncode, found.stdout) == (1, f"followers: {said}\n")
        found = hoshyar("db", "check", "--json", **where)
        assert json.loads(found.stdout) == [{"check": "followers", "finding": said}]
        db.run("UPDATE schema_migration SET sha256 = 'other' WHERE number = 1")
    found = hoshyar("db", "check", **where)
    assert found.stdout.startswith("migrations: migration 1 (first) of the database is not the one")
    assert found.returncode == 1
