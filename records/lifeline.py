"""A stage must not outlive the program that started it, however that program ends.

`hoshyar up` gives each stage the reading end of a pipe that nobody writes to. The kernel closes
the other end when `hoshyar up` ends, even by `kill -9`; the stage then sees the end of the file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping


def hold(environment: Mapping[str, str]) -> None:
    """End this process when the starter that `HOSHYAR_LIFELINE` leads to is gone."""
    descriptor = environment.get("HOSHYAR_LIFELINE")
    if descriptor:
        threading.Thread(target=_wait, args=(int(descriptor),), daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    # Not sys.exit: a thread can't end the process, and a stage stuck in a call must end too.
    os._exit(1)
