"""Errors that say whose fault it is.

HoshyarError
├── SettingsError        the operator's: stop at the start, name every bad setting
│   ├── InputError       a file the user named is not what it should be
│   ├── ArtefactRefused  a trained model can't be trusted or used here: train it again
│   └── SchemaMismatch   the database is not this program's
├── BadMessage           the device's: quarantine the bytes with a reason, go on
└── StoreUnavailable     the world's: retry, acknowledge nothing
"""

from __future__ import annotations

from enum import StrEnum


class HoshyarError(Exception):
    """Root of every error that Hoshyar raises on purpose."""


class SettingsError(HoshyarError):
    """A setting, a port or a folder is wrong; the text is one line that says what to do."""


class InputError(SettingsError):
    """A file that the user named can't be read as what it should be."""


class ArtefactRefused(SettingsError):
    """A trained model is not opened; the text says why, and how to train it again."""


class SchemaMismatch(SettingsError):
    """The database has other migrations than this program."""


class StoreUnavailable(HoshyarError):
    """The database can't be reached or can't write now. Retry; acknowledge nothing."""


class Reason(StrEnum):
    """Why a message is in quarantine. The list is closed: `docs/wire-format.md` explains each."""

    BAD_TOPIC = "bad topic"
    EMPTY_PAYLOAD = "empty payload"
    TOO_LARGE = "too large"
    UNDECODABLE = "undecodable"
    NOT_NUMERIC = "not numeric"
    UNKNOWN_DEVICE = "unknown device"
    WRONG_LAB = "wrong lab"
    UNKNOWN_QUANTITY = "unknown quantity"
    WRONG_UNIT = "wrong unit"
    NOT_FINITE = "not finite"
    IMPOSSIBLE_TIME = "impossible time"
    RELATIVE_TIME = "relative time without sequence"
    BAD_SEQUENCE = "bad sequence"
    NO_BIRTH = "no birth"


class BadMessage(HoshyarError):
    """A device's message can't become readings.

    `reason` is one of the closed list; `detail` says in one line what was found.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    def anew(self) -> BadMessage:
        """The same, to be raised: an error that is kept and raised again and again holds all the
        frames that it ever passed, and the messages in them."""
        return BadMessage(self.reason, self.detail)
