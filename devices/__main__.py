"""`python -m devices [simulate]`, `... play CASE`, `network`, `history`, `truth --scenario X`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from devices.history import history
from devices.network import network
from devices.scenarios import Scenario
from devices.simulation import Simulation, read_scenario
from devices.truth import Truth, truth
from records import lifeline, times
from records.clock import WallClock
from records.errors import SettingsError
from records.settings import Settings

# Truth is told for this start where none is given, so that the same question has one answer.
EXAMPLE_START = "2026-07-01T00:00:00Z"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Exit code: 0 done, 1 the disk failed, 2 a setting is wrong."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "network":
            _print_network(as_json=options.json)
        elif options.command == "history":
            _print_history(environment)
        elif options.command == "truth":
            _print_truth(options)
        elif options.command == "play":
            play_case(options.case, environment)
        else:
            simulate(environment)
    except SettingsError as error:
        sys.stderr.write(f"devices: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"devices: {error}\n")
        return 1
    return 0


def simulate(environment: Mapping[str, str]) -> None:
    """Run the simulated devices until SIGTERM or SIGINT."""
    settings = _begin(environment)
    caught: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: caught.append(number))
    Simulation(settings, WallClock()).run(lambda: bool(caught))


def play_case(folder: Path, environment: Mapping[str, str]) -> None:
    """Play a recorded case until standard input ends."""
    # Here, because the simulation must stay small and needs nothing of it.
    from devices.player import play

    play(folder, _begin(environment), sys.stdin, sys.stdout)


def _begin(environment: Mapping[str, str]) -> Settings:
    lifeline.hold(environment)
    settings = Settings.read(environment)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(name)s %(message)s")
    return settings


def _print_network(*, as_json: bool) -> None:
    found = network()
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    for series in found.series:
        limits = series.thresholds
        said = "" if limits.red is None else f"  {limits.yellow} / {limits.orange} / {limits.red}"
        sys.stdout.write(f"{series.id}  {series.station}  {series.unit}{said}\n")


def _print_history(environment: Mapping[str, str]) -> None:
    settings = Settings.read(environment)
    for sent in history(settings.seed, WallClock().now()):
        sys.stdout.write(msgspec.json.encode(sent).decode() + "\n")


def _print_truth(options: argparse.Namespace) -> None:
    try:
        start_at = times.parse(options.start)
    except ValueError as error:
        raise SettingsError(f"--start: {error}") from error
    found = truth(options.seed, read_scenario(options.scenario), start_at)
    if options.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))


def _lines(found: Truth) -> list[str]:
    """Events, then the series that an event reaches, each with s after the start."""
    lines = [f"{event.hazard} in {event.area} at +{event.begin_s:g} s" for event in found.events]
    for course in found.courses:
        if course.arrival_s is not None:
            crossed = ", ".join(f"{level} +{at:g} s" for level, at in course.crossed_s.items())
            lines.append(
                f"{course.series}: arrives +{course.arrival_s:g} s, from {course.first:g}, "
                f"{course.lowest:g} to {course.highest:g} {course.unit}, "
                f"highest at +{course.highest_s:g} s" + (f" ({crossed})" if crossed else "")
            )
    if found.quake is not None:
        quake = found.quake
        lines.append(
            f"magnitude {quake.magnitude:g} at {quake.lat:g}, {quake.lon:g}, {quake.depth_km:g} km "
            f"deep, +{quake.origin_s:g} s"
        )
        lines += [
            f"{one.device}: {one.distance_km:g} km, P +{one.p_s:g} s, S +{one.s_s:g} s, at most "
            f"{one.strongest_gal:g} Gal at +{one.strongest_s:g} s, clock off by "
            f"{one.clock_offset_s:g} s"
            for one in quake.shaking
        ]
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devices", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("simulate", help="run the simulated devices (the default)")
    played = commands.add_parser("play", help="play a recorded case when asked on standard input")
    played.add_argument("case", type=Path)
    registry = commands.add_parser("network", help="what the registry must know of them")
    registry.add_argument("--json", action="store_true")
    commands.add_parser("history", help="what the sea's instruments measured before, as lines")
    told = commands.add_parser("truth", help="what really happens in a scenario")
    told.add_argument("--scenario", required=True, metavar="|".join(Scenario))
    told.add_argument("--seed", type=int, default=1)
    told.add_argument("--start", default=EXAMPLE_START, metavar="TIME")
    told.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
