"""What a joint detector says, and that the silence of its inputs never clears it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.binding import Binding, joint_source
from models.joint import Joint
from models.sources import ALL, ENOUGH_RETURNED, Decision, Sources, silent
from records.levels import Level
from records.statements import HazardWarning, Phrase
from store.directory import Registry

FEW = "{silent} of the {inputs} sensors that {detector} rests on are silent."
UNSEEN = "A sensor that {detector} rests on is silent; nobody can say whether it is over."


class JointSources(Sources):
    """One source. It is blind (grey) where its target or more than half of its inputs are silent,
    and where it would fall below what it said before an input fell silent: what is left of the
    inputs may raise a warning, but not lower one.
    """

    def __init__(self, registry: Registry, binding: Binding, detector: Joint) -> None:
        super().__init__(registry, binding)
        self._name = joint_source(detector, self._watched)
        own = [w for w in self._watched if w.id == detector.target] or list(self._watched)
        self._stations = tuple(sorted({w.station for w in own}))
        self._area = registry.area_of_station(self._stations[0])
        self._target = next((i for i, w in enumerate(self._watched) if w.id == detector.target), -1)
        self._silent: set[int] = set()
        # Some input was silent at the last score, or has been since.
        self._partial = False
        # What is not given up until a score rests on all inputs again.
        self._held = Level.GREEN
        # False after a source was given up: it has no score of its own yet.
        self._known = True
        self._level_now = Level.GREEN
        self._spoken: HazardWarning | None = None

    def decide(self, decision: Decision) -> list[HazardWarning]:
        if decision.seat == ALL:
            self._judged(decision)
        elif decision.level is None:
            self._silent.add(decision.seat)
            self._partial = True
        else:
            self._silent.discard(decision.seat)
        warning = self._warning(decision)
        self._held = max(self._held, warning.level)
        return self._say(warning)

    def save(self) -> dict[str, Any]:
        return {
            "current": self.current,
            "silent": sorted(self._silent),
            "partial": self._partial,
            "held": self._held,
            "known": self._known,
            "level": self._level_now,
            "spoken": self._spoken,
        }

    def load(self, saved: Mapping[str, Any], kept: NDArray[np.bool_]) -> None:  # noqa: ARG002
        self.current = msgspec.convert(saved["current"], dict[str, HazardWarning])
        self._silent = set(saved["silent"])
        self._partial, self._known = bool(saved["partial"]), bool(saved["known"])
        self._held, self._level_now = Level(saved["held"]), Level(saved["level"])
        self._spoken = msgspec.convert(saved["spoken"], HazardWarning | None)

    def adopt(self, warning: HazardWarning) -> int | None:
        """It stays grey until there is a score."""
        if warning.source == self._name:
            self.current[warning.source] = warning
            self._known = False
        return None

    def _judged(self, decision: Decision) -> None:
        self._level_now = decision.level or Level.GREEN
        self._known = self._known or decision.known
        self._partial = bool(self._silent)
        if not self._partial and decision.known:
            self._held = Level.GREEN
        if decision.said and decision.crossing:
            self._spoken = self._base(
                decision,
                decision.crossing.level,
                decision.said.reason,
                onset_at=decision.said.onset_at,
                score=decision.crossing.score,
                p_value=decision.crossing.p_value,
                evidence=decision.said.evidence,
            )

    def _warning(self, decision: Decision) -> HazardWarning:
        """What the source says now."""
        level = self._level_now
        if self._target in self._silent:
            return self._base(decision, Level.GREY, silent(self._series[self._target]))
        if 2 * len(self._silent) > len(self._watched):
            counts: dict[str, str | int | float] = {
                "silent": len(self._silent),
                "inputs": len(self._watched),
                "detector": self._detector.name,
            }
            return self._base(decision, Level.GREY, Phrase(text=FEW, values=counts))
        if self._partial and level < self._held:
            named: dict[str, str | int | float] = {"detector": self._detector.name}
            return self._base(decision, Level.GREY, Phrase(text=UNSEEN, values=named))
        if not self._known:
            return self.current[self._name]
        if self._spoken is not None and self._spoken.level == level != Level.GREEN:
            return msgspec.structs.replace(self._spoken, decided_at=decision.at)
        return self._base(decision, level, Phrase(text=ENOUGH_RETURNED))

    def _base(self, decision: Decision, level: Level, reason: Phrase, **more: Any) -> HazardWarning:
        return HazardWarning(
            source=self._name,
            detector=self._detector.name,
            version=self._detector.version,
            hazard=self._detector.hazard,
            area=self._area,
            level=level,
            stations=self._stations,
            simulated=any(self._simulated),
            decided_at=decision.at,
            reason=reason,
            **more,
        )
