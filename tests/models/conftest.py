"""Where the real recordings are, for the tests marked `recordings`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recordings; where it is absent the test is skipped, in CI it fails."""
    given = os.environ.get("HOSHYAR_DATA")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    if folder.is_dir():
        return folder
    reason = f"no recordings in {folder} (set HOSHYAR_DATA)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
