"""What tests need of the machine: absent, they are skipped with the reason, but in CI they fail.

CI is where the variable `CI` is set: there, what isn't run would count as proven.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[1]
# Debian's programs for the system are often not on a user's path.
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
POSTGRESQL = Path("/usr/lib/postgresql")
PGLITE = ROOT / "tests" / "pglite"


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI nothing is skipped")
    pytest.skip(reason)


def program(name: str) -> str:
    """Path of a program that scripts/test installs."""
    found = shutil.which(name, path=PLACES)
    return found or missing(f"{name} is not installed (scripts/test installs it as root)")


def postgresql() -> Path:
    """Folder of the programs of Debian's newest PostgreSQL."""
    installed = POSTGRESQL.glob("*/bin/postgres")
    versions = {int(path.parts[-3]): path.parent for path in installed if path.parts[-3].isdigit()}
    if not versions:
        missing("Debian's PostgreSQL is not installed (scripts/test installs it as root)")
    return versions[max(versions)]


def pglite() -> Path:
    """Folder of the TimescaleDB for tests, its packages installed."""
    if not (PGLITE / "node_modules").is_dir():
        missing("the TimescaleDB for tests is not installed (scripts/test does it with npm)")
    return PGLITE


def beside(variable: str, name: str) -> Path:
    """A folder of material that is not in the repository: named by a variable, or beside it."""
    given = os.environ.get(variable)
    folder = Path(given) if given else ROOT.parent / "shared" / name
    return folder if folder.is_dir() else missing(f"there is no folder {folder} (set {variable})")
