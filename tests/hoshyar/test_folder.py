"""A data folder: one instance at a time, and one clear line where it can't be used."""

import errno
import os
import stat
from pathlib import Path

import pytest

from hoshyar.folder import DataFolder, PartState, RunState, explained
from records.errors import SettingsError

STATE = RunState(
    pid=7,
    started_at=1,
    dsn="host=/x",
    addresses={"screens": "http://127.0.0.1:8501"},
    parts=(PartState("ingest", 8, 1),),
)


def test_only_one_instance_holds_a_folder(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.claim()
    with pytest.raises(SettingsError, match="data is in use by another hoshyar"):
        second.claim()
    first.release()
    second.claim()
    second.release()


def test_what_runs_is_known_as_long_as_its_holder_lives(tmp_path: Path) -> None:
    folder, reader = DataFolder(tmp_path), DataFolder(tmp_path)
    assert reader.running() is None
    folder.claim()
    with pytest.raises(SettingsError, match="just being started"):
        reader.running()
    folder.say(STATE)
    assert reader.running() == STATE
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
    folder.release()
    assert reader.running() is None


def test_a_run_file_left_by_a_killed_instance_says_nothing(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.say(STATE)
    assert folder._lock is not None
    folder._lock.close()
    assert DataFolder(tmp_path).running() is None
    folder.claim()
    assert not (tmp_path / "run.json").exists()
    folder.release()


def test_a_full_disk_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoshyar.folder.LEAST_FREE_BYTES", 10**18)
    with pytest.raises(SettingsError, match="MB free and 1000000000000 MB are needed: free some"):
        DataFolder(tmp_path).claim()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match="data is not a folder: name another"):
        DataFolder(tmp_path / "data").claim()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "full disk"),
        (errno.EACCES, "can't be written"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "can't be used"),
    ],
)
def test_what_the_file_system_says_becomes_one_line(number: int, said: str) -> None:
    with pytest.raises(SettingsError, match=f"^/data .*{said}"), explained(Path("/data")):
        raise OSError(number, os.strerror(number))
