"""The commands of `hoshyar model`."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hoshyar.options import AsJson, Data, pairs

model = typer.Typer(help="Train models, judge them, and let them warn.", no_args_is_help=True)
Person = Annotated[str, typer.Option(help="Who does it; else the user of this shell.")]
Named = Annotated[str, typer.Option("--person", help="Who does it.")]
Note = Annotated[str, typer.Option(help="Why; kept with the step.")]
From = Annotated[str, typer.Option("--from", help="Readings measured from here (RFC 3339).")]
Until = Annotated[str, typer.Option(help="Readings measured until here.")]
AsOf = Annotated[str, typer.Option(help="As the store was then; else as it is now.")]
Label = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Else its newest version.")]


@model.command("train")
def model_train(
    detector: str,
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, may be repeated.")] = None,
    series: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    station: Annotated[list[str] | None, typer.Option(help="All its series that fit.")] = None,
    from_: From = "",
    until: Until = "",
    as_of: AsOf = "",
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Fit a detector of several series on stored readings; the model runs in shadow."""
    from hoshyar import learning
    from records.network import DetectorChoice

    choice = DetectorChoice(
        name=detector, series=tuple(series or ()), stations=tuple(station or ())
    )
    who = person or getpass.getuser()
    done = learning.train(data, choice, pairs(param or []), (from_, until), as_of, who)
    _print(done, as_json, f"{done['label']} is in {done['state']}")


@model.command("evaluate")
def model_evaluate(
    label: Label,
    from_: From = "",
    until: Until = "",
    as_of: AsOf = "",
    budget: Annotated[
        float, typer.Option(help="False alarms a station-year at which systems are compared.")
    ] = 12.0,
    events: Annotated[
        Path | None, typer.Option(help="CSV begins_at,ends_at; else: target above threshold.")
    ] = None,
    leave_event_out: Annotated[
        bool, typer.Option("--leave-event-out", help="Fit anew for each event, on all the rest.")
    ] = False,
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Judge it on readings after its training, as they arrived, beside nulls and the live one."""
    from hoshyar import learning

    who = person or getpass.getuser()
    judge = learning.evaluate_left_out if leave_event_out else learning.evaluate
    done = judge(data, label, (from_, until), as_of, who, budget, events)
    _print(done, as_json, _backtest(done["backtest"]))


@model.command("promote")
def model_promote(
    label: Label,
    person: Named,
    note: Note = "",
    despite: Annotated[
        list[str] | None, typer.Option(help="Overrule few-events or shadow; may be repeated.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Propose that it warns; the same by a second person lets it warn."""
    from hoshyar import model_register

    done = model_register.promote(data, label, person, note, despite or [])
    state = "is live" if done["state"] == "live" else "is proposed: somebody else must confirm it"
    _print(done, as_json, f"{done['label']} {state}")


@model.command("rollback")
def model_rollback(
    name: str, person: Named, note: Note = "", data: Data = None, as_json: AsJson = False
) -> None:
    """Let the version warn that was live before the live one."""
    from hoshyar import model_register

    done = model_register.roll_back(data, name, person, note)
    said = f"{done['live']} is live again" if done["live"] else f"no model of {name} is live now"
    _print(done, as_json, said)


@model.command("retire")
def model_retire(
    label: Label, person: Named, note: Note = "", data: Data = None, as_json: AsJson = False
) -> None:
    """Score a version in shadow no more."""
    from hoshyar import model_register

    done = model_register.retire(data, label, person, note)
    _print(done, as_json, f"{done['label']} is retired")


@model.command("list")
def model_list(
    jobs: Annotated[bool, typer.Option("--jobs", help="Runs of training and evaluation.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the versions: state, backtest, coverage and drift of the last days."""
    from hoshyar import model_register

    found = model_register.worked(data) if jobs else model_register.listed(data)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        print(_job(one) if jobs else _line(one))


def _print(done: dict[str, Any], as_json: bool, text: str) -> None:
    print(json.dumps(done, indent=2, ensure_ascii=False) if as_json else text)


def _line(one: dict[str, Any]) -> str:
    said = [f"{one['label']:<48} {one['state']:<8}"]
    if one["backtest"]:
        found = one["backtest"]["at_budget"]
        said.append(f"CSI {_rate(found['csi'])}, n = {found['events']}")
    if one["last_days"]:
        seen = one["last_days"]
        coverage = "none" if seen["coverage"] is None else f"{seen['coverage']:.0%}"
        drift = "unknown" if seen["drift"] is None else f"{seen['drift']:.2f}"
        drifted = " DRIFTED" if seen["drifted"] else ""
        said.append(f"coverage {coverage}, drift {drift}{drifted}, warned {seen['warned']}")
    if one["refused"]:
        said.append(f"REFUSED: {one['refused']}")
    return "  ".join(said)


def _job(one: dict[str, Any]) -> str:
    return (
        f"{one['number']:>5}  {one['began_at']}  {one['task']:<9} {one['state']:<8}"
        f" {one['share']:>4.0%}  {one['model']}  {one['detail']}"
    )


def _backtest(found: dict[str, Any]) -> str:
    """A table: the model at the budget and at its own limit, beside the nulls."""
    head = f"{found['from']} to {found['until']}, {found['events']} events"
    rows = {"at the budget": found["at_budget"], "at its own limit": found["own_limit"]}
    rows |= {name.replace("_", " "): one for name, one in found["nulls"].items()}
    lines = [head, f"{'':<18} {'POD':>22} {'FAR':>22} {'CSI':>22} {'false a year':>24} {'lead':>8}"]
    lines += [
        f"{name:<18} {_rate(one['pod']):>22} {_rate(one['far']):>22} {_rate(one['csi']):>22}"
        f" {_rate(one['false_a_year']):>24} {_hours(one['lead_s'][2]):>8}"
        for name, one in rows.items()
    ]
    for null, skill in found.get("brier_skill", {}).items():
        lines.append(f"Brier skill against {null}: {_rate(skill)}")
    if "less_live" in found:
        live = found["less_live"]
        lines.append(f"CSI less that of {live['live']}: {_rate(live['csi'])}")
    if found["events"] < 10:
        lines.append("not judged: fewer than 10 events")
    return "\n".join(lines)


def _rate(three: list[float | None]) -> str:
    value, low, high = ("-" if one is None else f"{one:.2f}" for one in three)
    return f"{value} ({low} to {high})"


def _hours(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / 3600:.1f} h"
