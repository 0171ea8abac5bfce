"""The compose file can't be run where no Docker engine is, so it is held to the code instead."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import typer
import yaml

from hoshyar.cli import app
from hoshyar.status import is_running
from records.clock import WallClock
from records.readings import ReadingBatch
from records.settings import TABLE, Settings
from records.times import SECOND
from store import roles, stages
from store.connection import Database, connect
from store.readings import Commit, commit
from tests import needs
from tests.databases import as_stage

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
ONE_SHOT = {"migrate", "enrol"}
STAGES = {"ingest", "models", "alerts", "lab_ui", "upkeep", "devices"}
BROKER_CONF = (ROOT / "docker/mosquitto/mosquitto.conf").read_text("utf-8")
# What scripts/make-secrets writes, and the variables that each file sets.
SECRETS = {
    "database.env": {"HOSHYAR_DSN"},
    "roles.env": {"HOSHYAR_STAGE_PASSWORDS"},
    **{f"database-{role}.env": {"HOSHYAR_DSN"} for role in roles.TABLE},
    "timescaledb.env": {"POSTGRES_PASSWORD"},
    "models.env": {"HOSHYAR_MODEL_KEY"},
    "ingest.env": {"HOSHYAR_BROKER_USER", "HOSHYAR_BROKER_PASSWORD"},
    "alerts.env": {"HOSHYAR_BROKER_USER", "HOSHYAR_BROKER_PASSWORD"},
    "devices.env": {"HOSHYAR_BROKER_USER", "HOSHYAR_BROKER_PASSWORD"},
}


def variables(name: str) -> dict[str, str]:
    """What the service's program finds in its environment; secrets as placeholders."""
    found = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
    for path in SERVICES[name].get("env_file", []):
        found |= dict.fromkeys(SECRETS[Path(path).name], "secret")
    return found


def commands(name: str) -> Iterator[list[str]]:
    """Command lines of a service: its own, its health check's, and those in a shell pipe."""
    service = SERVICES[name]
    check = service.get("healthcheck", {}).get("test", ["CMD"])[1:]
    for line in (service.get("command", []), check):
        if line[:2] == ["sh", "-c"]:
            yield from (part.split() for part in re.split(r"\||&&", line[2]))
        elif line:
            yield line


def exists(command: list[str]) -> bool:
    if command[:2] == ["python", "-m"]:
        package = importlib.util.find_spec(command[2])
        return (
            package is not None and importlib.util.find_spec(f"{command[2]}.__main__") is not None
        )
    if command[0] == "hoshyar":
        group: Any = typer.main.get_command(app)
        words = [word for word in command[1:] if not word.startswith("-")]
        while words and hasattr(group, "commands"):
            if words[0] not in group.commands:
                return False
            group = group.commands[words.pop(0)]
        options = {option for parameter in group.params for option in parameter.opts}
        return all(word in options for word in command[1:] if word.startswith("--"))
    return False


def test_every_stage_of_the_design_is_a_service() -> None:
    assert set(SERVICES) == STAGES | ONE_SHOT | {"mosquitto", "timescaledb"}


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    found = list(commands(name))
    assert found
    assert [command for command in found if not exists(command)] == []


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_documented_setting_with_a_good_value(name: str) -> None:
    ours = {key: value for key, value in variables(name).items() if key.startswith("HOSHYAR_")}
    assert ours.keys() <= {setting.variable for setting in TABLE.values()}
    Settings.read(ours)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_health_check_or_ends_by_itself(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert (service["restart"], "healthcheck" in service) == ("no", False)
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", OURS)
def test_what_a_stage_needs_is_set(name: str) -> None:
    found = variables(name)
    assert "HOSHYAR_DSN" in found
    talks = name in {"ingest", "alerts", "devices"}
    broker = {"HOSHYAR_BROKER", "HOSHYAR_BROKER_CA", "HOSHYAR_BROKER_USER"}
    assert (broker <= found.keys()) == talks


def test_the_health_check_of_a_stage_asks_for_that_stage() -> None:
    for name in STAGES:
        assert SERVICES[name]["healthcheck"]["test"] == [
            "CMD",
            "hoshyar",
            "status",
            "--stage",
            name,
        ]


@pytest.fixture
def as_a_service(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Database, int]]:
    """What a health check finds: the store's address, an empty home; the time is now."""
    monkeypatch.setenv("HOSHYAR_DSN", as_stage(dsn, "devices"))
    monkeypatch.setenv("HOSHYAR_HOME", str(tmp_path))
    with connect(dsn, stage="test") as db:
        yield db, WallClock().now()


@pytest.mark.parametrize("name", sorted(STAGES - {"devices"}))
def test_a_stage_is_healthy_by_its_signs_of_life_alone(
    name: str, as_a_service: tuple[Database, int]
) -> None:
    db, now_at = as_a_service
    found = []
    for ago_s in (None, 20, 1):
        if ago_s is not None:
            stages.beat(db, name, 1, "running", "", now_at - ago_s * SECOND)
        found.append(is_running(None, name))
    assert found == [False, False, True]


def test_devices_give_no_signs_and_are_healthy_by_readings_that_arrive(
    as_a_service: tuple[Database, int],
) -> None:
    db, now_at = as_a_service
    found = []
    for ago_s in (None, 65, 20):
        if ago_s is not None:
            at = np.array([now_at - ago_s * SECOND])
            one = np.ones(1, np.uint8)
            batch = ReadingBatch(
                np.array([1], np.int32), at, at, np.ones(1), one, one.astype(np.uint16), one == 0
            )
            commit(db, Commit(0, int(at[0]), "1", "1", batch))
        found.append(is_running(None, "devices"))
    assert found == [False, False, True]


def test_the_brokers_address_agrees_with_its_configuration() -> None:
    listeners = re.findall(r"^listener (\d+)", BROKER_CONF, re.MULTILINE)
    for name in ("ingest", "alerts", "devices"):
        broker = Settings.read(
            {k: v for k, v in variables(name).items() if k.startswith("HOSHYAR_")}
        ).broker
        assert broker is not None
        assert (broker.host, broker.tls) == ("mosquitto", True)
        assert str(broker.port) in listeners
    checked = SERVICES["mosquitto"]["healthcheck"]["test"]
    assert checked[-1] in listeners


def test_published_ports_are_on_loopback_and_listened_on() -> None:
    listened = {
        "mosquitto": set(re.findall(r"^listener (\d+)", BROKER_CONF, re.MULTILINE)),
        "lab_ui": {variables("lab_ui")["HOSHYAR_UI_PORT"]},
    }
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert published.keys() == listened.keys()
    for name, ports in published.items():
        for port in ports:
            host, outside, inside = port.split(":")
            assert (host, outside) == ("127.0.0.1", inside)
            assert inside in listened[name]


def test_every_mounted_file_exists_or_is_made_by_make_secrets() -> None:
    made = {"mosquitto", "mosquitto/ca.crt"}
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source, target = mount.split(":")[:2]
            assert target.startswith("/")
            if source.startswith("./docker/secrets/"):
                assert source.removeprefix("./docker/secrets/") in made
            elif source.startswith("./"):
                assert (ROOT / source).is_file(), source
            else:
                assert source in COMPOSE["volumes"]
        for path in service.get("env_file", []):
            assert Path(path).name in SECRETS


def test_the_broker_reads_what_is_mounted() -> None:
    mounts = dict(m.split(":")[1::-1] for m in SERVICES["mosquitto"]["volumes"])
    for path in re.findall(r"^\w+ (/mosquitto/\S+)", BROKER_CONF, re.MULTILINE):
        assert any(path.startswith(target.rstrip("/")) for target in mounts), path


def test_the_authoritys_certificate_is_where_the_setting_says() -> None:
    for name in ("ingest", "alerts", "devices"):
        targets = [mount.split(":")[1] for mount in SERVICES[name]["volumes"]]
        assert variables(name)["HOSHYAR_BROKER_CA"] in targets


def test_the_database_is_the_one_that_the_address_names() -> None:
    script = (ROOT / "scripts/make-secrets").read_text("utf-8")
    found = re.search(r"postgresql://(\w+):\{word\}@(\w+):(\d+)/(\w+)", script)
    assert found is not None
    user, host, port, name = found.groups()
    environment = SERVICES[host]["environment"]
    assert (environment["POSTGRES_USER"], environment["POSTGRES_DB"], port) == (user, name, "5432")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What `scripts/make-secrets` writes: the variables of each file."""
    needs.program("openssl")
    folder = tmp_path_factory.mktemp("secrets")
    command = [sys.executable, str(ROOT / "scripts/make-secrets"), "--folder", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return {
        file.name: dict(line.split("=", 1) for line in file.read_text().splitlines())
        for file in folder.glob("*.env")
    }


def test_make_secrets_writes_every_env_file_and_they_are_never_committed(
    made: dict[str, dict[str, str]],
) -> None:
    assert {name: found.keys() for name, found in made.items()} == SECRETS
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.promise("R9")
def test_each_stage_has_its_own_user_and_only_migrate_has_the_owner(
    made: dict[str, dict[str, str]],
) -> None:
    users, words = {}, {}
    for name in OURS:
        given = [made[Path(path).name] for path in SERVICES[name]["env_file"]]
        (dsn,) = (found["HOSHYAR_DSN"] for found in given if "HOSHYAR_DSN" in found)
        users[name] = urlsplit(dsn).username
        words[name] = urlsplit(dsn).password
        assert any("HOSHYAR_STAGE_PASSWORDS" in found for found in given) == (name == "migrate")
    assert users == {
        **{name: roles.role_of(name) for name in STAGES},
        "migrate": "hoshyar",
        "enrol": "hoshyar_operator",
    }
    assert len(set(words.values())) == len(words)
    given_out = dict(
        pair.split(":") for pair in made["roles.env"]["HOSHYAR_STAGE_PASSWORDS"].split(" ")
    )
    assert given_out.keys() == roles.TABLE.keys()
    assert all(given_out[name] == words[name] for name in STAGES)


def test_no_password_stands_in_a_file() -> None:
    for name in SERVICES:
        assert not [key for key in SERVICES[name].get("environment", {}) if "PASSWORD" in key]
    assert "allow_anonymous false" in BROKER_CONF


def test_the_brokers_limit_is_that_of_ingest() -> None:
    limit = re.search(r"^message_size_limit (\d+)$", BROKER_CONF, re.MULTILINE)
    assert limit is not None
    assert limit[1] == TABLE["max_payload_bytes"].default


def test_the_image_copies_every_package_and_pins_what_it_installs() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    packages = {"records", "store", "ingest", "models", "alerts", "lab_ui", "hoshyar", "devices"}
    assert set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE)) == packages
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{package}" for package in packages} <= set(ignored)
    assert "-r requirements.lock" in text
    assert not [s["image"] for s in SERVICES.values() if s["image"].endswith(":latest")]


def test_dependencies_name_services_and_conditions_that_can_be_met() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert ends == (needed in ONE_SHOT)
