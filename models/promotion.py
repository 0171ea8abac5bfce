"""Whether a model may warn: named objections, some of which people can overrule and some not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.evaluation.contingency import FEW_EVENTS
from records.times import DAY
from store.trained import Backtest, Step

SHADOW_LEAST = DAY
OVERRULED = frozenset({"few-events", "shadow"})


@dataclass(frozen=True, slots=True)
class Objection:
    """`word` is what people name it by; `final`: nobody can overrule it."""

    word: str
    reason: str
    final: bool


def objections(
    backtests: Sequence[Backtest],
    of_live: Sequence[Backtest] | None,
    seen: int,
    trained_at: int,
    now_at: int,
) -> list[Objection]:
    """What stands against letting a model warn.

    of_live     backtests of the version that warns now, None where there is none
    seen        live rows that it has scored in shadow
    """
    if not backtests:
        return [Objection("backtest", "it has no backtest: run `hoshyar model evaluate`", True)]
    newest = backtests[-1]
    found = _against(newest, of_live)
    events = newest.result["events"]
    if events < FEW_EVENTS:
        reason = f"its backtest rests on {events} events, and below {FEW_EVENTS} nothing is judged"
        found.append(Objection("few-events", reason, False))
    if not seen or now_at - trained_at < SHADOW_LEAST:
        reason = f"it has been in shadow for less than {SHADOW_LEAST // DAY} day of live readings"
        found.append(Objection("shadow", reason, False))
    return found


def _against(newest: Backtest, of_live: Sequence[Backtest] | None) -> list[Objection]:
    """A better backtest than the live version's at the same budget, or than every null's."""
    own = _merit(newest.result["at_budget"])
    if of_live is None:
        beaten = [n for n, null in newest.result["nulls"].items() if _merit(null) >= own]
        if not beaten:
            return []
        reason = f"it is no better than {', '.join(beaten).replace('_', ' ')}"
        return [Objection("not-better", reason, True)]
    same = [one for one in of_live if one.run == newest.run]
    if not same:
        reason = "the live version was not in its newest backtest: run `hoshyar model evaluate`"
        return [Objection("backtest", reason, True)]
    if own > _merit(same[0].result["at_budget"]):
        return []
    reason = "its backtest is not better than the live version's at the same budget"
    return [Objection("not-better", reason, True)]


def _merit(found: Mapping[str, Any]) -> tuple[float, float]:
    """CSI first; of two with the same, the longer median lead."""
    return found["csi"][0] or 0.0, found["lead_s"][2] or 0.0


def proposer(steps: Sequence[Step]) -> str | None:
    """Who has proposed this version since it last changed its state; None: nobody."""
    last = steps[-1] if steps else None
    return last.person if last and last.step == "proposed" else None
