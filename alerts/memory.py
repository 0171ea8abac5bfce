"""What the stage remembers in the store: its own state, and how far it has read."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.engine import Alerting, Unwatched
from records.network import Network
from store import stages
from store.connection import Database

NAME = "alerts"


def recall(db: Database, network: Network, *, scenario: bool) -> tuple[Alerting, dict[str, int]]:
    """The engine as it was saved last, and the numbers of the last warning and action it took."""
    alerting, positions = Alerting(network, scenario=scenario), {"warning": 0, "action": 0}
    saved = stages.progress(db, NAME)
    if saved is not None:
        alerting.load(saved.snapshot)
        positions |= saved.positions
    return alerting, positions


def keep(db: Database, alerting: Alerting, positions: Mapping[str, int]) -> None:
    """Save both, in the transaction of what was decided."""
    stages.save_progress(db, NAME, alerting.clock_at, positions, alerting.save())


def unwatched(db: Database) -> list[Unwatched]:
    """Every source that is silent now, those silent longest first: what nobody watches."""
    nowhere = Network(lab=(), station=(), device=(), series=())
    return recall(db, nowhere, scenario=False)[0].unwatched()
