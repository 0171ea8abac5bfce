"""The commands of `hoshyar device`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hoshyar.options import AsJson, Data

Passwords = Annotated[
    Path | None,
    typer.Option(help="Mosquitto's password file: new devices get a password, printed once."),
]

device = typer.Typer(help="Enrol and revoke devices.", no_args_is_help=True)


@device.command("list")
def device_list(data: Data = None, as_json: AsJson = False) -> None:
    """List the enrolled devices."""
    from hoshyar.enrolled import devices

    found = devices(data)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for one in found:
        marks = [word for word in ("simulated", "best_effort", "revoked") if one[word]]
        print(f"{one['id']:<24} {one['station']:<24} {', '.join(marks).replace('_', ' ')}".rstrip())


@device.command("add")
def device_add(
    file: Annotated[
        Path, typer.Argument(help="TOML or JSON with [[device]], [[series]]...; - reads JSON.")
    ],
    passwords: Passwords = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Enrol what a file describes in the tables of case.toml, with a password for each device."""
    from hoshyar.enrolled import add

    done = add(file, data, passwords)
    if as_json:
        print(json.dumps({name: getattr(done, name) for name in done.__struct_fields__}))
        return
    print(f"enrolled {done.devices} devices with {done.series} series")
    for device, word in done.passwords.items():
        print(f"{device} {word}")


@device.command("password")
def device_password(
    id: str,  # noqa: A002 (the name that users see)
    passwords: Annotated[Path, typer.Option("--passwords", help="Mosquitto's password file.")],
    data: Data = None,
) -> None:
    """A new password for a device, printed once, in place of its old one."""
    from hoshyar.enrolled import renew

    print(renew(id, data, passwords))


@device.command("revoke")
def device_revoke(
    id: str,  # noqa: A002 (the name that users see)
    passwords: Passwords = None,
    data: Data = None,
) -> None:
    """From now on its messages are those of an unknown device."""
    from hoshyar.enrolled import revoke

    revoke(id, data, passwords)
