"""The command line. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from hoshyar.caring import db
from hoshyar.enrolling import device
from hoshyar.feeding import feed
from hoshyar.modelling import model
from hoshyar.options import AsJson, Data, pairs
from hoshyar.rules import rules

app = typer.Typer(
    help="Early-warning sensors and joint-lab data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
quarantine = typer.Typer(help="Messages that could not become readings.", no_args_is_help=True)
alert = typer.Typer(help="Incidents.", no_args_is_help=True)
app.add_typer(device, name="device")
app.add_typer(feed, name="feed")
app.add_typer(db, name="db")
app.add_typer(quarantine, name="quarantine")
app.add_typer(alert, name="alert")
app.add_typer(rules, name="quality")
app.add_typer(model, name="model")


@app.command()
def up(
    data: Data = None,
    scenario: Annotated[str | None, typer.Option(help="What the simulated devices live.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulation.")] = None,
    broker_port: Annotated[int | None, typer.Option(help="Port of the embedded broker.")] = None,
    ui_port: Annotated[int | None, typer.Option(help="Port of the screens.")] = None,
) -> None:
    """Start everything on this machine; Ctrl-C stops it."""
    from hoshyar.up import up

    up(data, scenario, broker_port, ui_port, seed)


@app.command()
def status(
    data: Data = None,
    as_json: AsJson = False,
    stage: Annotated[
        str, typer.Option(help="Say nothing; exit code 0 when this stage runs, else 1.")
    ] = "",
) -> None:
    """Say what runs, how much is stored and what is open."""
    from hoshyar.status import as_text, is_running, status

    if stage:
        raise typer.Exit(0 if is_running(data, stage) else 1)
    found = status(data)
    print(json.dumps(found, indent=2) if as_json else as_text(found))


@app.command()
def doctor(data: Data = None) -> None:
    """Check this machine; exit code 1 when something must be mended."""
    from hoshyar.doctor import examine

    findings = examine(data)
    for finding in findings:
        print(finding)
    raise typer.Exit(1 if any(finding.wrong for finding in findings) else 0)


@app.command()
def replay(
    case: Annotated[Path, typer.Argument(help="Folder with case.toml.")],
    speed: Annotated[
        str, typer.Option(help="N times as fast as it happened; max: in process, no services.")
    ] = "fast",
    alerts: Annotated[Path | None, typer.Option(help="Write alert lines here.")] = None,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this empty folder.")] = None,
) -> None:
    """Play a recorded case through the whole chain and print its alert lines."""
    from hoshyar.replay import replay

    replay(case, speed, alerts, data)


@app.command()
def detect(
    detector: str,
    input_file: Annotated[Path, typer.Argument(metavar="INPUT", help="CSV, plain or gzip.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV that is written.")],
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, may be repeated.")] = None,
) -> None:
    """Score a file with the live code of one detector."""
    from models.detect import detect

    detect(detector, input_file, out, pairs(param or []))


@app.command()
def why(
    station: Annotated[str, typer.Argument(help="Id of the station.")],
    time: Annotated[str, typer.Argument(metavar="TIME", help="RFC 3339, or `now`.")],
    data: Data = None,
    as_json: AsJson = False,
    hours: Annotated[
        float, typer.Option(help="How far back to begin, for detectors that remember.")
    ] = 24.0,
) -> None:
    """Say why it warned at a station and time, or why it did not."""
    from hoshyar.why import as_text, why

    found = why(station, time, data, hours)
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else as_text(found))


@app.command()
def detectors(as_json: AsJson = False) -> None:
    """List the detectors."""
    from models.catalogue import describe

    found = describe()
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        print(f"{one['name']:<18} {one['hazard']:<14} {', '.join(one['quantities'])}")


Reason = Annotated[str, typer.Option(help="Only those with this reason.")]
DeviceId = Annotated[str, typer.Option("--device", help="Only those of this device.")]


@quarantine.command("list")
def quarantine_list(
    data: Data = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(help="How many, the newest first.")] = 50,
    reason: Reason = "",
    device_id: DeviceId = "",
    counts: Annotated[
        bool, typer.Option("--counts", help="How many, by device and reason.")
    ] = False,
) -> None:
    """List the newest messages in quarantine, with their reasons."""
    from hoshyar import quarantined

    choice = quarantined.chosen(reason, device_id)
    found = quarantined.counts(data) if counts else quarantined.found(data, limit, choice)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        print(
            f"{one['count']:>8}  {one['reason']:<32} {one['device'] or 'unknown device'}"
            if counts
            else f"{one['number']:>8}  {one['received_at']}  {one['reason']:<28} {one['topic']}"
            f"  {one['detail']}"
        )


@quarantine.command("show")
def quarantine_show(
    number: int,
    data: Data = None,
    as_json: AsJson = False,
    raw: Annotated[bool, typer.Option("--raw", help="The bytes of the payload alone.")] = False,
) -> None:
    """Show one message: whose it is, why it is here, and what it says."""
    from hoshyar import quarantined

    if raw:
        sys.stdout.buffer.write(quarantined.payload(data, number))
        return
    found = quarantined.show(data, number)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for word in ("number", "topic", "device", "reason", "detail", "received_at", "bytes"):
        print(f"{word:<12} {ascii(found[word])[1:-1] if word == 'topic' else found[word]}")
    print(f"\n{found['payload']}")
    if not found["whole"]:
        print("\nonly its beginning is kept, so it can't be run again")


@quarantine.command("rerun")
def quarantine_rerun(
    data: Data = None,
    as_json: AsJson = False,
    reason: Reason = "",
    device_id: DeviceId = "",
    number: Annotated[list[int] | None, typer.Option(help="This one; may be repeated.")] = None,
    person: Annotated[str, typer.Option(help="Who does it; else the user of this shell.")] = "",
) -> None:
    """Take messages once more after the cause is mended; exit code 1 when some stay."""
    from hoshyar import quarantined

    choice = quarantined.chosen(reason, device_id, tuple(number or ()))
    done = quarantined.rerun(data, choice, person)
    if as_json:
        print(json.dumps(done, indent=2, ensure_ascii=False))
    else:
        print(
            f"{done['mended']} messages: {done['stored']} readings stored, {done['repeated']} were"
            f" there already, {done['revised']} revisions, {done['waveforms']} waveform packets"
        )
        for one in done["still"]:
            print(f"{one['number']:>8}  stays: {one['reason']}  {one['detail']}")
        for one in done["truncated"]:
            print(f"{one:>8}  stays: too large, only its beginning is kept")
    raise typer.Exit(1 if done["still"] or done["truncated"] else 0)


@alert.command("list")
def alert_list(data: Data = None, as_json: AsJson = False) -> None:
    """List the incidents that are not over."""
    from hoshyar.desk import open_incidents

    found = open_incidents(data)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        by = f"  acknowledged by {one['acknowledged_by']}" if one["acknowledged_by"] else ""
        print(f"{one['level']:<7} {one['alert']}  {one['reason']}{by}")


@alert.command("acknowledge")
def alert_acknowledge(
    id: str,  # noqa: A002 (the name that users see)
    person: Annotated[str, typer.Option(help="Who acknowledges.")],
    note: Annotated[str, typer.Option(help="What is being done.")] = "",
    data: Data = None,
) -> None:
    """Say that somebody has taken an incident on."""
    from hoshyar.desk import acknowledge

    acknowledge(id, person, note, data)


def main() -> int:
    """Run a command. Exit codes: 0, 1 failed, 2 something given is wrong, 130 stopped."""
    from hoshyar.interrupts import STOPPED, Stopped
    from records.errors import HoshyarError, SettingsError

    try:
        return int(app(prog_name="hoshyar", standalone_mode=False) or 0)
    except typer.TyperException as error:
        said = error.format_message()
        # Without a command it is the whole help.
        print(said if said.startswith("Usage:") else _one_line(said), file=sys.stderr)
        return error.exit_code
    except HoshyarError as error:
        print(f"hoshyar: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    except (KeyboardInterrupt, Stopped):
        print("hoshyar: stopped, nothing is left running", file=sys.stderr)
        return STOPPED


def _one_line(complaint: str) -> str:
    return f"hoshyar: {' '.join(complaint.split()).removesuffix('.')}: see `hoshyar --help`"
