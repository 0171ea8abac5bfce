"""The detector that CONTRIBUTING shows is a whole file."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from models import check_suite

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_example_detector_keeps_every_rule(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    pasted = tmp_path / "slow_mean.py"
    pasted.write_text(code[0], encoding="utf-8")
    check_suite.check_detector(runpy.run_path(str(pasted))["SlowMean"])
