"""A turbine that gives less power than it gave for the same water and head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.baseline import Baseline, mean_of, sum_of
from models.detector import Floats, Watched
from models.synchrony import Moments
from records.levels import Hazard

_RHO_G = 9.80665  # kN/m3 of water at 4 Cel: kW = kN/m3 * m3/s * m


class Efficiency(Baseline):
    """Warns where power falls below what the sound unit gave at this discharge and head.

    fit_until        rows up to this time show the unit sound; "": the past, up to 30 days
    budget_per_year  false alarms a year that the scatter may give
    hold_s           how long the power must be back before the warning is over
    """

    name = "efficiency"
    hazard = Hazard.PLANT_FAULT
    version = "2"
    quantities = frozenset({"active_power", "discharge", "net_head", "gross_head"})
    experimental = True
    sample = ("discharge", "active_power", "net_head")
    least = 0.03
    sign = -1
    text = "The unit gives {percent} % less power than it gave at this discharge and head."
    needs = "an active_power, a discharge, and a net_head or gross_head"
    card = (
        "Loss of efficiency of one unit, or of several by their sums of power and discharge and "
        "their mean net head (or gross head): nothing while one of them is missing, or one speaks "
        "that training did not know. Method: P = rho g Q H eta(Q), IEC 60041; the hill curve "
        "eta(Q) as a parabola by trimmed least squares from training; exponential mean over ten "
        "readings of the share that is missing. Orange at 3 %, or what its scatter gives once a "
        "year if more; red at twice that. Below a fifth of the usual power it says nothing. A "
        "discharge meter that drifts looks the same. Null: a limit on power alone. Experimental: "
        "no recordings, only synthetic wear."
    )

    def terms(self, watched: Sequence[Watched], seen: Moments) -> tuple[Floats, Floats] | None:
        power, flow = (sum_of(watched, seen, q) for q in ("active_power", "discharge"))
        heads = (mean_of(watched, seen, q) for q in ("net_head", "gross_head"))
        head = next((h for h in heads if h is not None), None)
        if power is None or flow is None or head is None:
            return None
        flow = np.where(flow > 0, flow, np.nan)
        hydraulic = _RHO_G * flow * head
        curve = np.stack([hydraulic, hydraulic * flow, hydraulic * flow * flow], axis=1)
        return power, curve
