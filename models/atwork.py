"""Trained models that a stage runs: live ones speak, those in shadow are only counted.

A live model whose artefact is refused is replaced by the version that was live before it, or, where
there is none, by what the detector fits itself: a warning system never waits for a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.binding import Binding, bind, joint_source, watched
from models.joint import Joint
from models.learned import Learned, opened
from records.errors import ArtefactRefused, SettingsError
from records.network import Network
from records.settings import Secret
from store import trained
from store.connection import Database
from store.trained import Model


@dataclass(frozen=True, slots=True, eq=False)
class AtWork:
    """`number` and `label` are the registry's; `live`: what it says counts."""

    number: int
    label: str
    live: bool
    learned: Learned


def loaded(db: Database, network: Network, key: Secret) -> tuple[list[AtWork], list[str]]:
    """The models to run, and a line for each that was refused."""
    found: list[AtWork] = []
    complaints: list[str] = []
    for model in trained.at_work(db):
        try:
            found.append(_opened(db, model, network, key, live=model.state == "live"))
        except SettingsError as error:
            instead = _instead(db, model, network, key) if model.state == "live" else None
            found += [instead] if instead else []
            complaints.append(f"{model.label} is refused: {error}{_goes_on(model, instead)}")
    return found, complaints


def bindings(network: Network, models: Sequence[AtWork]) -> list[tuple[Binding, AtWork | None]]:
    """What looks at what. A live model takes the place of a choice that would speak as it does."""
    live = {model.learned.name for model in models if model.live}
    chosen = [b for b in bind(network) if _source(b) not in live]
    return [*((b, None) for b in chosen), *((m.learned.binding, m) for m in models)]


def _source(binding: Binding) -> str:
    detector = binding.detector
    return joint_source(detector, binding.watched) if isinstance(detector, Joint) else ""


def _opened(db: Database, model: Model, network: Network, key: Secret, *, live: bool) -> AtWork:
    learned = opened(trained.artefact(db, model.number), key)
    series = {s.id: watched(s) for s in network.series}
    for one in learned.binding.watched:
        here = series.get(one.id)
        if here is None or here.quantity != one.quantity:
            raise ArtefactRefused(
                f"it was trained on the series {one.id!r} of {one.quantity}, which is not there:"
                f" train it again with `{model.origin.recipe}`"
            )
    return AtWork(model.number, model.label, live, learned)


def _instead(db: Database, model: Model, network: Network, key: Secret) -> AtWork | None:
    for earlier in trained.promoted_before(db, model):
        try:
            return _opened(db, earlier, network, key, live=True)
        except SettingsError:
            continue
    return None


def _goes_on(model: Model, instead: AtWork | None) -> str:
    if model.state != "live":
        return ""
    return f"; {instead.label if instead else 'what the detector learns itself'} goes on"
