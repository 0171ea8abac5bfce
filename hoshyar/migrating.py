"""`hoshyar db migrate`: the schema, and what each stage may do with it."""

from __future__ import annotations

from pathlib import Path

from hoshyar.system import read_settings
from records.errors import SettingsError
from store.migrations import migrate
from store.roles import establish


def bring_up_to_date(dsn: str, data: Path | None) -> list[str]:
    """What was done to this database, a line each. Raises SettingsError or StoreUnavailable."""
    settings, _ = read_settings(data)
    passwords = _read(settings.stage_passwords.reveal())
    done = migrate(dsn)
    complaint = establish(dsn, passwords)
    if complaint and passwords:
        raise SettingsError(complaint)
    lines = [f"applied {', '.join(map(str, done))}" if done else "nothing to do"]
    return [*lines, complaint] if complaint else lines


def _read(text: str) -> dict[str, str]:
    words = [word.partition(":") for word in text.split()]
    if not all(stage and password for stage, _, password in words):
        # No piece of it is said: it may be a password.
        raise SettingsError("HOSHYAR_STAGE_PASSWORDS: give it as STAGE:PASSWORD STAGE:PASSWORD ...")
    return {stage: password for stage, _, password in words}
