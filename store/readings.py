"""Readings of the store: one name for writing (`commits`), following and asking."""

from store.commits import Commit, Committed, DeviceStatus, commit
from store.follow import StoredBatch, batches_after
from store.ledger import Settled, gone, ledger
from store.quarantine import Quarantined
from store.queries import between, latest, newest

__all__ = [
    "Commit",
    "Committed",
    "DeviceStatus",
    "Quarantined",
    "Settled",
    "StoredBatch",
    "batches_after",
    "between",
    "commit",
    "gone",
    "latest",
    "ledger",
    "newest",
]
