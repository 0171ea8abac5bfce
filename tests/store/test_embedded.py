"""The embedded server: ends with its starter, recovers, and harms nobody else's process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from records.errors import SettingsError, StoreUnavailable
from store.connection import connect
from store.embedded import EmbeddedServer
from store.migrations import known, migrate

ROOT = Path(__file__).parents[2]
# Starts a server, says its address, then waits to be killed.
STARTER = """
import sys, time
from pathlib import Path
from store.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1])).start(lambda line: None), flush=True)
time.sleep(600)
"""


def starter(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "postgres"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "postgres"
    server = EmbeddedServer(folder)
    server.start(quiet)
    server.stop()
    return folder


@pytest.fixture
def made(made_once: Path, folder: Path) -> Path:
    """A folder in which the database is made already."""
    subprocess.run(["cp", "-a", made_once, folder], check=True)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(folder)
    yield server
    server.stop()


def quiet(_: str) -> None:
    pass


def test_a_database_is_made_once_and_found_again(folder: Path, server: EmbeddedServer) -> None:
    said: list[str] = []
    dsn = server.start(said.append)
    assert said == ["making the database"]
    assert migrate(dsn) == [migration.number for migration in known()]
    assert server.running() == dsn
    server.stop()
    assert server.running() is None
    again = EmbeddedServer(folder)
    try:
        assert migrate(again.start(said.append)) == []
    finally:
        again.stop()
    assert said == ["making the database"]
    secrets = ("password", "address", "start.lock", "server.lock")
    assert {(folder / name).stat().st_mode & 0o777 for name in secrets} == {0o600}
    assert (folder / "cluster").stat().st_mode & 0o777 == 0o700


def test_the_role_of_the_programs_is_no_superuser(made: Path, server: EmbeddedServer) -> None:
    with psycopg.connect(server.start(quiet)) as connection:
        row = connection.execute(
            "SELECT rolsuper, current_setting('fsync'), current_setting('listen_addresses')"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, "on", "")


def test_where_the_path_is_too_long_for_a_socket_it_listens_on_loopback(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / ("long" * 30))
    try:
        dsn = server.start(quiet)
        assert "@127.0.0.1:" in dsn
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(dsn.replace(":", ":x", 2).replace(":x//", "://"))
        assert migrate(dsn) == [migration.number for migration in known()]
    finally:
        server.stop()


@pytest.mark.promise("R1")
def test_after_kill_9_of_the_starter_nothing_is_left_and_nothing_is_lost(
    made: Path, server: EmbeddedServer
) -> None:
    program = starter(made)
    assert program.stdout
    dsn = program.stdout.readline().strip()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        postmaster = int((made / "cluster" / "postmaster.pid").read_text().split()[0])
        program.kill()
        program.wait()
        with pytest.raises(psycopg.OperationalError):
            ask_for_ever(lambda: connection.execute("SELECT 1"))
    assert_gone(postmaster)
    for pipe in (program.stdout, program.stderr):
        assert pipe
        pipe.close()
    with psycopg.connect(server.start(quiet)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def ask_for_ever(question: Callable[[], object]) -> None:
    while True:
        question()
        time.sleep(0.02)


def assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still lives")


def test_after_kill_9_of_the_server_itself_it_recovers(made: Path, server: EmbeddedServer) -> None:
    dsn = server.start(quiet)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while server.pid and time.monotonic() < deadline:
        time.sleep(0.01)
    again = EmbeddedServer(made)
    try:
        with psycopg.connect(again.start(quiet)) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    finally:
        again.stop()


@pytest.mark.parametrize("left", ["", "{pid}\n", "{pid}\n/elsewhere\n1700000000\n5432\n"])
def test_a_stale_pid_file_is_no_hindrance_and_its_process_is_left_alone(
    made: Path, server: EmbeddedServer, left: str
) -> None:
    """The number in the file of a killed server may by now belong to somebody else."""
    server.start(quiet)
    server.stop()
    with subprocess.Popen(["sleep", "600"]) as innocent:
        (made / "cluster" / "postmaster.pid").write_text(left.format(pid=innocent.pid))
        migrate(server.start(quiet))
        server.stop()
        assert innocent.poll() is None
        innocent.kill()


def test_of_two_starters_at_once_one_gets_the_server_and_one_a_clear_line(made: Path) -> None:
    programs = [starter(made) for _ in range(2)]
    ended: list[subprocess.Popen[str]] = []
    deadline = time.monotonic() + 60
    while not ended and time.monotonic() < deadline:
        ended = [program for program in programs if program.poll() is not None]
        time.sleep(0.05)
    assert len(ended) == 1
    running = next(program for program in programs if program not in ended)
    assert ended[0].stderr
    assert running.stdout
    assert f"another Hoshyar uses {made}: stop it" in ended[0].stderr.read()
    dsn = running.stdout.readline().strip()
    assert migrate(dsn) == [migration.number for migration in known()]
    for program in programs:
        program.kill()
        program.communicate()
    with pytest.raises(StoreUnavailable):
        ask_for_ever(lambda: connect(dsn, stage="test").close())


def test_a_half_made_database_is_made_anew(folder: Path, server: EmbeddedServer) -> None:
    folder.mkdir()
    (folder / "format").write_text("1\n")
    (folder / "cluster.new-0123").mkdir()
    (folder / "cluster.new-0123" / "PG_VERSION").write_text("18\n")
    migrate(server.start(quiet))
    assert [path.name for path in folder.glob("cluster*")] == ["cluster"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"letter.txt": "dear"}, "holds something else than Hoshyar's database"),
        ({"format": "2\n"}, r"made by a newer Hoshyar \(form 2, this one knows 1\)"),
        ({"format": "x"}, "is damaged"),
        ({"format": "1\n", "cluster/PG_VERSION": "12\n"}, "was made by PostgreSQL 12, this is"),
    ],
)
def test_a_folder_that_is_not_ours_to_open_gets_one_line(
    folder: Path, server: EmbeddedServer, files: dict[str, str], words: str
) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        server.start(quiet)
    assert "\n" not in str(caught.value)
    kept = {name: (folder / name).read_text() for name in files}
    assert kept == files


def test_a_data_folder_that_is_a_file_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"the data folder .*file: File exists"):
        EmbeddedServer(tmp_path / "file").start(quiet)


def test_programs_that_are_no_postgresql_get_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="postgres can't be started: "):
        EmbeddedServer(folder, binaries=tmp_path).start(quiet)


def test_a_damaged_database_gets_one_line_with_the_servers_reason(
    made: Path, server: EmbeddedServer
) -> None:
    server.start(quiet)
    server.stop()
    (made / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(SettingsError, match=r"can't start: .*pg_control"):
        server.start(quiet)
    assert server.pid is None
