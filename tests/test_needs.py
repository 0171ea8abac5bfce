"""Nothing is left out unseen: what is absent skips tests at a desk and fails them in CI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs

NEEDED: dict[str, Callable[[], object]] = {
    "mosquitto is not installed": lambda: needs.program("mosquitto"),
    "chromium is not installed": lambda: needs.program("chromium"),
    "Debian's PostgreSQL is not installed": needs.postgresql,
    "node is not installed": lambda: needs.program("node"),
    "the TimescaleDB for tests is not installed": needs.pglite,
    "there is no folder": lambda: needs.beside("HOSHYAR_DATA", "data"),
}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine with none of it."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("HOSHYAR_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(needs, "PLACES", str(tmp_path))
    monkeypatch.setattr(needs, "POSTGRESQL", tmp_path)
    monkeypatch.setattr(needs, "PGLITE", tmp_path)
    return monkeypatch


@pytest.mark.parametrize("reason", NEEDED)
def test_at_a_desk_what_is_absent_is_skipped_with_the_reason(
    reason: str, bare: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pytest.skip.Exception, match=reason):
        NEEDED[reason]()


@pytest.mark.parametrize("reason", NEEDED)
def test_in_ci_what_is_absent_is_a_failure(reason: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"{reason}.*in CI nothing is skipped"):
        NEEDED[reason]()


def test_the_newest_postgresql_is_taken(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "postgres").touch()
    assert needs.postgresql() == tmp_path / "17" / "bin"
