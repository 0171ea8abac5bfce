"""No detector of single series reads anything into a date: before 1970 it says the same."""

from __future__ import annotations

import numpy as np
import pytest

from models.bank import Bank
from models.catalogue import catalogue
from models.detector import Detector
from models.joint import Joint
from models.samples import sample
from records.times import DAY

SINGLE = [kind for kind in catalogue().values() if not issubclass(kind, Joint)]


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
def test_the_same_readings_before_1970_have_the_same_scores(kind: type[Detector]) -> None:
    given = sample(kind(), rows=600)
    now, then = (
        Bank(kind(), given.watched).advance(given.place, given.measured_at - back, given.value)
        for back in (0, 30_000 * DAY)
    )
    assert np.isfinite(now.score).any()
    assert then.score == pytest.approx(now.score, rel=1e-6, abs=1e-9, nan_ok=True)
    assert np.array_equal(then.level, now.level)
