"""The detector that CONTRIBUTING shows is a whole one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import check_suite, detector
from records.levels import Hazard
from records.statements import Phrase

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_example_detector_keeps_every_rule() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {
        **vars(detector),
        "np": np,
        "Hazard": Hazard,
        "Phrase": Phrase,
        "Sequence": Sequence,
    }
    exec(code[0], names)
    check_suite.check_detector(names["SlowMean"])
