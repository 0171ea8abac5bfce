"""Every setting of every stage, in one table, read from environment variables.

`docs/settings.md`, the compose file and the stages are held to this table by tests. A secret is
never printed: its value is a `Secret`, whose text must be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from records.errors import SettingsError


class Secret:
    """Text that doesn't show itself in logs, tracebacks or `repr`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(...)" if self._text else "Secret()"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker listens; `tls` for `mqtts://`."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def _broker(text: str) -> BrokerAddress:
    url = urlsplit(text)
    if url.scheme not in {"mqtt", "mqtts"} or not url.hostname or url.path or url.username:
        raise ValueError("give it as mqtt://HOST:PORT or mqtts://HOST:PORT")
    tls = url.scheme == "mqtts"
    return BrokerAddress(url.hostname, url.port or (8883 if tls else 1883), tls)


@dataclass(frozen=True, slots=True)
class Listening:
    """An address that a stage listens on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def _listening(text: str) -> Listening | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError("give it as HOST:PORT")
    return Listening(host, _port(port))


def _port(text: str) -> int:
    return _within(text, 1, 65535)


def _within(text: str, low: int, high: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ValueError(f"give a whole number from {low} to {high}")
    return number


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"give one of {', '.join(words)}")
        return text

    return read


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the variable, how it is read, its default as text, what it is for."""

    variable: str
    read: Callable[[str], Any]
    default: str
    meaning: str


# As `devices` plays them; here, so that a wrong word is known before anything starts.
SCENARIOS = ("quiet", "lake-outburst", "bearing-failure", "tsunami", "earthquake")

TABLE: dict[str, Setting] = {
    "home": Setting(
        "HOSHYAR_HOME", Path, "hoshyar-data", "data folder of a laptop's embedded services"
    ),
    "dsn": Setting(
        "HOSHYAR_DSN", Secret, "", "PostgreSQL to use; empty: the embedded one in the data folder"
    ),
    "stage_passwords": Setting(
        "HOSHYAR_STAGE_PASSWORDS",
        Secret,
        "",
        "STAGE:PASSWORD words: with them `hoshyar db migrate` lets the stages log in at PostgreSQL",
    ),
    "model_key": Setting(
        "HOSHYAR_MODEL_KEY",
        Secret,
        "",
        "signs trained models, 32 letters or more; empty: model.key in the data folder",
    ),
    "broker": Setting(
        "HOSHYAR_BROKER",
        lambda text: _broker(text) if text else None,
        "",
        "MQTT broker, mqtt://HOST:PORT or mqtts://HOST:PORT; empty: the embedded one",
    ),
    "broker_user": Setting("HOSHYAR_BROKER_USER", str, "", "user name at the broker"),
    "broker_password": Setting("HOSHYAR_BROKER_PASSWORD", Secret, "", "password at the broker"),
    "broker_ca": Setting(
        "HOSHYAR_BROKER_CA", str, "", "file with the broker's certificate authority (mqtts)"
    ),
    "broker_port": Setting(
        "HOSHYAR_BROKER_PORT", _port, "18830", "port of the embedded broker on 127.0.0.1"
    ),
    "ui_host": Setting("HOSHYAR_UI_HOST", str, "127.0.0.1", "address the screens listen on"),
    "ui_port": Setting("HOSHYAR_UI_PORT", _port, "8501", "port the screens listen on"),
    "metrics": Setting(
        "HOSHYAR_METRICS",
        _listening,
        "",
        "HOST:PORT where a stage answers /metrics and /healthz; empty: nowhere",
    ),
    "clock": Setting(
        "HOSHYAR_CLOCK",
        _one_of("wall", "scenario"),
        "wall",
        "wall: the machine's clock; scenario: the store's clock, set by a replay",
    ),
    "worker": Setting(
        "HOSHYAR_WORKER",
        lambda text: _within(text, 0, 255),
        "0",
        "number of this ingest worker; those with different numbers share the devices",
    ),
    "max_payload_bytes": Setting(
        "HOSHYAR_MAX_PAYLOAD_BYTES",
        lambda text: _within(text, 1024, 16_777_216),
        "1048576",
        "largest MQTT payload that is taken",
    ),
    "quarantine_days": Setting(
        "HOSHYAR_QUARANTINE_DAYS",
        lambda text: _within(text, 1, 36_500),
        "90",
        "how long the bytes of a message in quarantine are kept, days",
    ),
    "keep_days": Setting(
        "HOSHYAR_KEEP_DAYS",
        lambda text: _within(text, 0, 100_000),
        "0",
        "days for which readings are kept; 0: for ever (hours and days of roll-ups always are)",
    ),
    "compact_after_days": Setting(
        "HOSHYAR_COMPACT_AFTER_DAYS",
        lambda text: _within(text, 0, 100_000),
        "7",
        "days after which readings are made small on disk; 0: never",
    ),
    "scenario": Setting(
        "HOSHYAR_SCENARIO",
        _one_of(*SCENARIOS),
        "quiet",
        "what the simulated devices live through",
    ),
    "seed": Setting(
        "HOSHYAR_SEED", lambda text: _within(text, 0, 2**31 - 1), "1", "seed of the simulation"
    ),
    "log_level": Setting(
        "HOSHYAR_LOG_LEVEL",
        _one_of("debug", "info", "warning", "error"),
        "info",
        "least level that is logged",
    ),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of `TABLE`, checked."""

    home: Path
    dsn: Secret
    stage_passwords: Secret
    model_key: Secret
    broker: BrokerAddress | None
    broker_user: str
    broker_password: Secret
    broker_ca: str
    broker_port: int
    ui_host: str
    ui_port: int
    metrics: Listening | None
    clock: str
    worker: int
    max_payload_bytes: int
    quarantine_days: int
    keep_days: int
    compact_after_days: int
    scenario: str
    seed: int
    log_level: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read all settings. Raises SettingsError that names every bad variable at once."""
        values: dict[str, Any] = {}
        bad: list[str] = []
        for field in fields(cls):
            setting = TABLE[field.name]
            text = environment.get(setting.variable, "") or setting.default
            try:
                values[field.name] = setting.read(text)
            except ValueError as error:
                bad.append(f"{setting.variable}={text!r}: {error}")
        known = {setting.variable for setting in TABLE.values()} | OTHER_VARIABLES
        bad += [
            f"{name} is not a setting (see docs/settings.md)"
            for name in environment
            if name.startswith("HOSHYAR_") and name not in known
        ]
        if bad:
            raise SettingsError("; ".join(bad))
        return cls(**values)


# Read by other programs of the project than its stages.
OTHER_VARIABLES = frozenset(
    {
        "HOSHYAR_DATA",
        "HOSHYAR_STANDARDS",
        "HOSHYAR_VENV",
        "HOSHYAR_LIFELINE",
        "HOSHYAR_TEST_DSN",
    }
)
