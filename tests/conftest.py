"""What tests of all stages share: a database of one's own, the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import needs
from tests.databases import Databases

# Folders whose tests mostly wait for processes, and the others; what takes longest stands first.
WAITING = ("chaos", "browser", "flow", "hoshyar")
COMPUTING = ("models", "ingest", "store", "devices", "lab_ui", "alerts", "records")

# A slow machine is no finding: properties are judged by what they say, not by how fast.
hypothesis.settings.register_profile(
    "hoshyar", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("hoshyar")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread what waits evenly over what computes, file by file: so no core is left idle for long.

    `scripts/test` gives the files to its processes in this order.
    """
    files = dict.fromkeys(item.nodeid.partition("::")[0] for item in items)
    places: dict[str, float] = {}
    for folders in (WAITING, COMPUTING):
        ordered = sorted(
            (folders.index(folder), file)
            for file in files
            if (folder := file.removeprefix("tests/").partition("/")[0]) in folders
        )
        places |= {file: place / len(ordered) for place, (_, file) in enumerate(ordered)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], 1.0))


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    found = Databases()
    yield found
    found.close()


@pytest.fixture
def kind() -> str:
    """Which services a test gets: `embedded`, or `debian` in the folders that run on both."""
    return "embedded"


@pytest.fixture
def dsn(databases: Databases, kind: str) -> Iterator[str]:
    """Address of a fresh, migrated database that is the test's own."""
    with databases.fresh(kind) as address:
        yield address


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings."""
    return needs.beside("HOSHYAR_DATA", "data")


@pytest.fixture(scope="session")
def standards() -> Path:
    """The folder of published schemas that output is validated against."""
    return needs.beside("HOSHYAR_STANDARDS", "standards")
