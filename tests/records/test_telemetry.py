"""What a stage says of itself over HTTP."""

from __future__ import annotations

import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import Counter

from records.errors import SettingsError
from records.ports import free_port
from records.settings import Listening, Settings
from records.telemetry import Telemetry
from tests.flow.running import parsed


def free() -> Listening:
    return Listening("127.0.0.1", free_port())


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def telemetry(clock: list[float]) -> Iterator[tuple[Telemetry, Listening]]:
    measured, address = Telemetry("ingest", lambda: clock[0]), free()
    measured.listen(address)
    yield measured, address
    measured.close()


def ask(address: Listening, path: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_measures_are_open_metrics(telemetry: tuple[Telemetry, Listening]) -> None:
    measured, address = telemetry
    Counter("hoshyar_ingest_readings", "Readings", registry=measured.registry).inc(3)
    status, kind, text = ask(address, "/metrics")
    found = {
        sample.name: sample.value
        for family in parsed(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text")
    assert found == {"hoshyar_ingest_readings_total": 3.0}


def test_a_stage_is_well_while_its_loop_goes_round_and_says_why_when_not(
    telemetry: tuple[Telemetry, Listening], clock: list[float]
) -> None:
    measured, address = telemetry
    found = [ask(address, "/healthz")]
    measured.beat()
    found.append(ask(address, "/healthz"))
    measured.beat("waiting", "the database is away")
    found.append(ask(address, "/healthz"))
    measured.beat()
    clock[0] += 20
    found.append(ask(address, "/healthz"))
    assert [(status, json.loads(text)) for status, _, text in found] == [
        (503, {"ok": False, "stage": "ingest", "state": "starting", "detail": ""}),
        (200, {"ok": True, "stage": "ingest", "state": "running", "detail": ""}),
        (
            503,
            {"ok": False, "stage": "ingest", "state": "waiting", "detail": "the database is away"},
        ),
        (
            503,
            {
                "ok": False,
                "stage": "ingest",
                "state": "still",
                "detail": "nothing has moved for 20 s",
            },
        ),
    ]


def test_any_other_address_is_not_found(telemetry: tuple[Telemetry, Listening]) -> None:
    assert ask(telemetry[1], "/")[0] == 404


def test_who_says_nothing_does_not_keep_the_next_one_waiting_for_ever(
    telemetry: tuple[Telemetry, Listening],
) -> None:
    measured, address = telemetry
    measured.beat()
    with socket.create_connection((address.host, address.port)):
        assert ask(address, "/healthz")[0] == 200


def test_a_port_that_is_taken_is_said_and_the_stage_goes_on(
    telemetry: tuple[Telemetry, Listening], caplog: pytest.LogCaptureFixture
) -> None:
    other = Telemetry("models")
    with caplog.at_level(logging.WARNING):
        other.listen(telemetry[1])
    assert f"nobody can read the measures of models at {telemetry[1]}" in caplog.text


def test_where_it_listens_is_a_setting() -> None:
    assert Settings.read({}).metrics is None
    given = {
        text: Settings.read({"HOSHYAR_METRICS": text}).metrics
        for text in ("127.0.0.1:9100", "[::1]:9100")
    }
    assert given == {
        "127.0.0.1:9100": Listening("127.0.0.1", 9100),
        "[::1]:9100": Listening("::1", 9100),
    }
    assert [str(address) for address in given.values()] == [
        "http://127.0.0.1:9100",
        "http://[::1]:9100",
    ]


@pytest.mark.parametrize("text", ["9100", ":9100", "localhost:", "localhost:0"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="HOSHYAR_METRICS"):
        Settings.read({"HOSHYAR_METRICS": text})
