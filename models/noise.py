"""How strong a series' own noise is now, learned as it runs and hardly moved by what stands out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.detector import Floats, Places, Rows, Slot, State

GAUSS = 1.2533141373155003  # standard deviation over mean magnitude of a Gaussian
_LONGEST_GAP_S = 900.0


@dataclass(frozen=True, slots=True)
class Noise:
    """Mean magnitude of a residual over several memories (s); the largest one counts.

    A value counts as at most `clip` times the mean so far, so that noise that grows over a memory
    is followed and an event within it is not. `least`: magnitudes up to here are never clipped.
    """

    memories_s: tuple[float, ...]
    least: float
    clip: float = 3.0

    def slots(self) -> dict[str, Slot]:
        return {
            "noise_mean": Slot("float64", (len(self.memories_s),)),
            "noise_learned_s": Slot(),
        }

    def deviation(self, at: Places, state: State) -> Floats:
        """Standard deviation of a Gaussian noise of this magnitude."""
        deviation: Floats = GAUSS * np.maximum.reduce(state["noise_mean"][at], axis=1)
        return deviation

    def learn(self, rows: Rows, residual: Floats, slow: Floats, state: State) -> None:
        """Count a residual (NaN: nothing); `slow` divides the rate of learning."""
        at, gap_s = rows.span, rows.gap_s
        (known,) = np.isfinite(residual).nonzero()
        if len(known) < len(residual):
            if not len(known):
                return
            at = rows.at[known]
            slow, gap_s, residual = slow[known], gap_s[known], residual[known]
        step_s = np.fmin(gap_s, _LONGEST_GAP_S)
        learned_s = state["noise_learned_s"][at] + step_s
        memory_s = np.minimum(np.array(self.memories_s), learned_s[:, None] + 1.0)
        mean = state["noise_mean"][at]
        most = np.maximum(self.clip * mean, self.least)
        (young,) = (learned_s < min(self.memories_s)).nonzero()
        if len(young):
            most[young] = np.inf
        share = -np.expm1(-step_s[:, None] / memory_s) / slow[:, None]
        magnitude = np.minimum(np.abs(residual)[:, None], most)
        state["noise_mean"][at] = mean + share * (magnitude - mean)
        state["noise_learned_s"][at] = learned_s
