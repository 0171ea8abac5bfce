"""Starting again what dies, stopping in order, and leaving nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hoshyar.processes import Lifeline, Process
from hoshyar.supervisor import Supervisor, delay_s, supervised
from records.errors import SettingsError, StoreUnavailable

# A stage in small: it holds the lifeline and says what ended it.
STAGE = """
import os, signal, sys, time
from records import lifeline
lifeline.hold(os.environ)
def end(*_):
    print("ended in order", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""
STUBBORN = STAGE.replace("signal.signal(signal.SIGTERM, end)", "signal.signal(15, lambda *_: None)")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def lifeline() -> Iterator[Lifeline]:
    line = Lifeline()
    yield line
    line.cut()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}


def stage(folder: Path, lifeline: Lifeline, name: str = "stage", code: str = STAGE) -> Process:
    return Process(name, ["-c", code], environment(), folder / f"{name}.log", lifeline)


def until(true: object, what: str = "") -> None:
    for _ in range(6000):
        if true():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError(f"never happened: {what}")


def said(folder: Path, name: str = "stage") -> list[str]:
    return (folder / f"{name}.log").read_text().split("\n")[:-1]


def test_a_stage_killed_with_9_comes_back_and_is_counted(
    tmp_path: Path, lifeline: Lifeline
) -> None:
    clock, lines = Clock(), list[str]()
    with supervised(Supervisor(lines.append, clock)) as supervisor:
        supervisor.add(stage(tmp_path, lifeline))
        (watched,) = supervisor
        first = watched.part.pid
        assert first is not None
        until(lambda: said(tmp_path) == ["ready"], "the start")
        assert not supervisor.check()
        os.kill(first, signal.SIGKILL)
        watched.part.wait(60)
        assert supervisor.check()
        assert watched.part.pid is None
        assert lines == ["stage was killed (signal 9), starting it again: ready"]
        clock.now += 0.1
        assert not supervisor.check()
        clock.now += 0.2
        assert supervisor.check()
        assert watched.restarts == 1
        assert watched.part.pid not in {None, first}


def test_the_delay_doubles_up_to_a_limit_and_a_healthy_run_resets_it() -> None:
    assert [delay_s(n) for n in (1, 2, 3, 6, 7, 1000)] == [0.2, 0.4, 0.8, 6.4, 10.0, 10.0]


def test_a_part_that_keeps_dying_is_tried_more_and_more_seldom(
    tmp_path: Path, lifeline: Lifeline
) -> None:
    clock = Clock()
    with supervised(Supervisor(clock=clock)) as supervisor:
        supervisor.add(stage(tmp_path, lifeline, code="raise SystemExit('no luck')"))
        (watched,) = supervisor
        for expected in (0.2, 0.4, 0.8):
            assert watched.part.wait(60)
            assert supervisor.check()
            assert watched.due_s == pytest.approx(clock.now + expected)
            clock.now += expected
            assert supervisor.check()
        supervisor.must_live()
        assert watched.part.wait(60)
        supervisor.check()
        with pytest.raises(StoreUnavailable, match="stage does not start: no luck"):
            supervisor.must_live()
        clock.now += delay_s(4)
        supervisor.check()
        clock.now += 31
        assert watched.part.wait(60)
        supervisor.check()
        assert watched.failures == 1


def test_a_stage_with_wrong_settings_ends_the_start_with_its_own_line(
    tmp_path: Path, lifeline: Lifeline
) -> None:
    code = "import sys; print('HOSHYAR_SEED is wrong', file=sys.stderr); sys.exit(2)"
    with supervised(Supervisor()) as supervisor:
        part = stage(tmp_path, lifeline, code=code)
        supervisor.add(part)
        assert part.wait(60)
        supervisor.check()
        with pytest.raises(SettingsError, match=r"^HOSHYAR_SEED is wrong$"):
            supervisor.must_live()


def test_parts_end_in_reverse_order_and_in_their_own_way(
    tmp_path: Path, lifeline: Lifeline
) -> None:
    supervisor, ended = Supervisor(), list[str]()
    for name in ("first", "second"):
        supervisor.add(stage(tmp_path, lifeline, name))
        until(lambda name=name: said(tmp_path, name) == ["ready"], name)
    children = [watched.part.pid for watched in supervisor]
    supervisor.stop(ended.append)
    assert ended == ["second", "first"]
    assert [said(tmp_path, name)[1:] for name in ended] == [["ended in order"]] * 2
    assert not [pid for pid in children if pid and psutil.pid_exists(pid)]


def test_what_does_not_end_in_its_grace_is_killed(tmp_path: Path, lifeline: Lifeline) -> None:
    supervisor, part = Supervisor(), stage(tmp_path, lifeline, code=STUBBORN)
    part.grace_s = 0.2
    supervisor.add(part)
    until(lambda: said(tmp_path) == ["ready"], "the start")
    supervisor.stop()
    assert part.exit_code == -signal.SIGKILL


def test_an_error_while_starting_leaves_nothing_running(tmp_path: Path, lifeline: Lifeline) -> None:
    part = stage(tmp_path, lifeline)

    def start() -> None:
        with supervised(Supervisor()) as supervisor:
            supervisor.add(part)
            raise SettingsError("no room")

    with pytest.raises(SettingsError, match="no room"):
        start()
    assert not part.alive()


OWNER = f"""
import os, time
from pathlib import Path
from hoshyar.processes import Lifeline, Process
line = Lifeline()
code = {STAGE!r}
for name in ("one", "two"):
    part = Process(name, ["-c", code], dict(os.environ), Path(name + ".log"), line)
    part.start()
    print(part.pid, flush=True)
time.sleep(600)
"""


def test_when_the_owner_is_killed_with_9_no_child_stays(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        children = [psutil.Process(int(owner.stdout.readline())) for _ in range(2)]
        until(lambda: said(tmp_path, "two") == ["ready"], "the start")
        owner.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def test_a_child_does_not_get_the_terminals_ctrl_c(tmp_path: Path, lifeline: Lifeline) -> None:
    with supervised(Supervisor()) as supervisor:
        part = stage(tmp_path, lifeline)
        supervisor.add(part)
        assert part.pid is not None
        assert os.getpgid(part.pid) == part.pid


def test_a_long_log_is_begun_again_and_the_older_one_kept(
    tmp_path: Path, lifeline: Lifeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoshyar.processes.LOG_LIMIT_BYTES", 10)
    part = stage(tmp_path, lifeline)
    (tmp_path / "stage.log").write_text("a line that is long\n")
    part.trim()
    assert said(tmp_path) == []
    assert said(tmp_path, "stage.1") == ["a line that is long"]
