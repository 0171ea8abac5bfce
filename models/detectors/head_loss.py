"""A trash rack or a penstock that clogs: it takes more head for the same discharge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.baseline import Baseline, mean_of, sum_of
from models.detector import Floats, Watched
from models.synchrony import Moments
from records.levels import Hazard


class HeadLoss(Baseline):
    """Warns where k = dh / Q2 rises above what it was when the way was clear.

    fit_until        rows up to this time show a clear way; "": the past, up to 30 days
    budget_per_year  false alarms a year that the scatter of k may give
    hold_s           how long k must be lower before the warning is over
    """

    name = "head-loss"
    hazard = Hazard.PLANT_FAULT
    version = "2"
    quantities = frozenset({"head_loss", "gross_head", "net_head", "discharge"})
    experimental = True
    sample = ("head_loss", "discharge", "discharge")
    least = 0.25
    text = "The head loss is {percent} % above that of a clear way at this discharge."
    needs = "a discharge, and a head_loss or a gross_head and a net_head"
    card = (
        "Clogging of a trash rack or penstock. Input: discharge (the sum of all), and the head "
        "loss or gross and net head (their means): nothing while one of them is missing, or one "
        "speaks that training did not know. Method: turbulent loss dh = k Q2 (Darcy and "
        "Weisbach); k by trimmed least squares from training; exponential mean over ten readings "
        "of dh / (k Q2) - 1. Orange where that exceeds a quarter, or what its scatter gives once "
        "a year if more; red at twice that. Below a fifth of the usual loss it says nothing. "
        "Null: a limit on the loss alone. Experimental: no recordings, only synthetic clogging."
    )

    def terms(self, watched: Sequence[Watched], seen: Moments) -> tuple[Floats, Floats] | None:
        flow = sum_of(watched, seen, "discharge")
        loss, gross, net = (
            mean_of(watched, seen, q) for q in ("head_loss", "gross_head", "net_head")
        )
        if loss is None and gross is not None and net is not None:
            loss = gross - net
        if flow is None or loss is None:
            return None
        squared = np.where(flow > 0, flow * flow, np.nan)
        return loss, squared[:, None]
