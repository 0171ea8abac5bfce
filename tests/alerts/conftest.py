"""The alerts of a small network, live and in a replay."""

from __future__ import annotations

import pytest

from alerts.engine import Alerting
from tests.alerts.incidents import NETWORK


@pytest.fixture
def live() -> Alerting:
    return Alerting(NETWORK, scenario=False)


@pytest.fixture
def replayed() -> Alerting:
    return Alerting(NETWORK, scenario=True)
