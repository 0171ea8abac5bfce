"""Which detector looks at which series: the registry's choices, or every shipped one that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.catalogue import catalogue, make
from models.detector import Detector, Watched
from models.joint import Joint
from records.errors import InputError
from records.network import DetectorChoice, Network, Series, Thresholds
from records.quantities import QUANTITIES, conversion


@dataclass(frozen=True, slots=True)
class Binding:
    """A detector and the series it looks at, ordered by id; all together if it is a joint one."""

    detector: Detector
    watched: tuple[Watched, ...]


def to_canonical(series: Series) -> tuple[float, float]:
    """Factor and offset from the series' unit to its quantity's canonical unit."""
    return conversion(series.unit, QUANTITIES[series.quantity].unit)


def watched(series: Series) -> Watched:
    """A registry's series as detectors see it, thresholds in the canonical unit."""
    factor, offset = to_canonical(series)

    def convert(limit: float | None) -> float | None:
        return None if limit is None else limit * factor + offset

    limits = series.thresholds
    return Watched(
        id=series.id,
        quantity=series.quantity,
        unit=QUANTITIES[series.quantity].unit,
        interval_s=series.interval_s,
        thresholds=Thresholds(
            yellow=convert(limits.yellow), orange=convert(limits.orange), red=convert(limits.red)
        ),
        station=series.station,
        converts=(factor, offset),
    )


def bind(network: Network) -> list[Binding]:
    """Every detector with its series, ordered by detector name.

    Raises InputError for a choice that names an unknown series or station, a series that the
    detector can't take, or a series twice; SettingsError for an unknown detector or parameter.
    """
    if not network.detector:
        kinds = catalogue().items()
        # One for any series is not for none in particular: it is always chosen.
        shipped = [make(n, {}) for n, kind in kinds if kind.quantities and not kind.experimental]
        return _kept([b for d in shipped for b in _shipped(d, network)])
    bindings: list[Binding] = []
    for detector, choices in _alike(network.detector):
        chosen = [_chosen(detector, choice, network) for choice in choices]
        if isinstance(detector, Joint):
            groups = sorted(chosen, key=lambda group: [w.id for w in group])
            bindings += [_together(detector, group, network) for group in groups]
            continue
        by_id = {w.id: w for series in chosen for w in series}
        bindings.append(Binding(detector, tuple(by_id[i] for i in sorted(by_id))))
    _refuse_twice(bindings)
    return _kept(bindings)


def joint_source(detector: Joint, inputs: Sequence[Watched]) -> str:
    """The name of what a joint detector says of its target, or of the stations of its inputs."""
    where = detector.target or "+".join(sorted({w.station for w in inputs}))
    return "/".join(filter(None, (detector.name, where, detector.key)))


def _shipped(detector: Detector, network: Network) -> list[Binding]:
    """On whatever fits. A joint detector looks at each station by itself, real and simulated
    devices apart; one that forecasts a target is used by choice alone."""
    fitting = _fitting(detector, network.series)
    if not isinstance(detector, Joint):
        return [Binding(detector, fitting)]
    if "target" in detector.parameters():
        return []
    simulated = _simulated(network)
    groups: dict[tuple[str, bool], list[Watched]] = {}
    for one in fitting:
        groups.setdefault((one.station, one.id in simulated), []).append(one)
    return [Binding(detector, tuple(groups[key])) for key in sorted(groups)]


def _together(detector: Joint, inputs: tuple[Watched, ...], network: Network) -> Binding:
    """A joint detector as it was chosen, its threshold in the canonical unit of the target."""
    series = {s.id: s for s in network.series}
    if detector.target in series:
        detector = detector.canonical(*to_canonical(series[detector.target]))
    detector.check(inputs)
    mixed = {w.id in _simulated(network) for w in inputs}
    if len(mixed) > 1:
        raise InputError(
            f"detector {detector.name!r} would judge real and simulated series together:"
            " choose the series of one kind"
        )
    return Binding(detector, inputs)


def _simulated(network: Network) -> frozenset[str]:
    devices = {device.id for device in network.device if device.simulated}
    return frozenset(s.id for s in network.series if s.device in devices)


def _alike(choices: Sequence[DetectorChoice]) -> list[tuple[Detector, list[DetectorChoice]]]:
    """Choices of the same detector with the same parameters belong to one bank."""
    alike: dict[str, tuple[Detector, list[DetectorChoice]]] = {}
    for choice in choices:
        detector = make(choice.name, choice.params)
        alike.setdefault(repr((detector.name, detector)), (detector, []))[1].append(choice)
    return [alike[key] for key in sorted(alike)]


def _kept(bindings: Sequence[Binding]) -> list[Binding]:
    return [b for b in bindings if b.watched]


def _fitting(detector: Detector, series: Sequence[Series]) -> tuple[Watched, ...]:
    fitting = [w for w in map(watched, series) if detector.takes(w)]
    return tuple(sorted(fitting, key=lambda w: w.id))


def _chosen(detector: Detector, choice: DetectorChoice, network: Network) -> tuple[Watched, ...]:
    by_id = {s.id: s for s in network.series}
    stations = {s.id for s in network.station}
    for name in choice.series:
        if name not in by_id:
            raise InputError(f"detector {choice.name!r} names the unknown series {name!r}")
        if not detector.takes(watched(by_id[name])):
            raise InputError(f"detector {choice.name!r} can't take the series {name!r}")
    for name in choice.stations:
        if name not in stations:
            raise InputError(f"detector {choice.name!r} names the unknown station {name!r}")
    everywhere = not choice.series and not choice.stations
    return _fitting(
        detector,
        [
            s
            for s in network.series
            if everywhere or s.id in choice.series or s.station in choice.stations
        ],
    )


def _refuse_twice(bindings: Sequence[Binding]) -> None:
    seen: set[str] = set()
    for binding in bindings:
        detector, name = binding.detector, binding.detector.name
        if isinstance(detector, Joint):
            said = [(joint_source(detector, binding.watched), f"{name!r} is chosen twice")]
        else:
            said = [
                (f"{name}/{w.id}", f"{name!r} is chosen twice for series {w.id!r}")
                for w in binding.watched
            ]
        for source, problem in said:
            if source in seen:
                raise InputError(problem)
            seen.add(source)
