"""From a message of an unknown device to its row, by the commands of an operator."""

from __future__ import annotations

import json
from contextlib import closing

import cbor2
import numpy as np

from ingest.arrivals import Arrival
from ingest.intake import Intake
from records import times
from store import readings, registry
from store.connection import Database, connect
from store.waveforms import packets
from tests.flow.test_commands import command

NETWORK = {
    "lab": [{"id": "valley"}],
    "station": [{"id": "bridge", "lab": "valley", "lat": 36.3, "lon": 74.6}],
    "device": [{"id": "gauge", "station": "bridge"}],
    "series": [
        {"id": "s1", "station": "bridge", "device": "gauge", "quantity": "stage", "unit": "m"},
        {
            "id": "s2",
            "station": "bridge",
            "device": "gauge",
            "quantity": "vibration",
            "unit": "[g]",
        },
    ],
}
AT = times.parse("2026-03-01T00:00:00Z")
TOPIC = "hoshyar/v1/valley/gauge/"


def arrive(db: Database, *arrivals: tuple[str, bytes, int]) -> None:
    taken = [Arrival(TOPIC + channel, payload, AT + at) for channel, payload, at in arrivals]
    readings.commit(db, Intake(registry.load(db)).take(taken))


def stage(value: object, seconds: float, **labels: object) -> bytes:
    return json.dumps([{"n": "stage", "v": value, "t": AT / 1e6 + seconds, **labels}]).encode()


def test_after_enrolling_the_messages_become_rows_in_their_right_place(dsn: str) -> None:
    samples = cbor2.CBORTag(85, np.arange(5, dtype="<f4").tobytes())
    packet = {"boot": 1, "seq": 3, "n": "vibration", "start": AT // 10**6, "rate": 50}
    with closing(connect(dsn, stage="test")) as db:
        arrive(
            db,
            ("readings", stage(1.5, 0, boot=1, seq=1), 7),
            ("readings", stage("high", 1, boot=1, seq=2), 8),
            ("waveform", cbor2.dumps({**packet, "samples": samples}), 9),
            ("readings", b"[" + b"x" * 2_000_000, 10),
        )
        listed = json.loads(command(dsn, "quarantine", "list", "--json").stdout)
        assert [one["reason"] for one in listed] == ["too large"] + ["unknown device"] * 3
        large, _, bad, good = (str(one["number"]) for one in listed)

        shown = command(dsn, "quarantine", "show", bad).stdout
        assert "unknown device" in shown
        assert '"v": "high"' in shown
        assert "it can't be run again" in command(dsn, "quarantine", "show", large).stdout
        raw = command(dsn, "quarantine", "show", good, "--raw").stdout
        assert raw.encode() == stage(1.5, 0, boot=1, seq=1)

        done = command(dsn, "device", "add", "-", given=json.dumps(NETWORK))
        assert (done.returncode, done.stderr) == (0, "")
        arguments = ("quarantine", "rerun", "--device", "gauge", "--json")
        done = command(dsn, *arguments)
        assert json.loads(done.stdout) == {
            "mended": 2, "stored": 1, "repeated": 0, "revised": 0, "waveforms": 1,
            "still": [{"number": int(bad), "reason": "undecodable",
                       "detail": "Expected `float | null`, got `str` - at `$[0].v`"}],
            "truncated": [int(large)],
        }  # fmt: skip
        assert done.returncode == 1
        assert json.loads(command(dsn, *arguments).stdout)["mended"] == 0

        number = registry.load(db).series_number
        rows = readings.between(db, [number["s1"]], AT, AT + times.SECOND)
        columns = (rows.measured_at, rows.received_at, rows.value, rows.late)
        assert [column.tolist() for column in columns] == [[AT], [AT + 7], [1.5], [True]]
        (found,) = packets(db, number["s2"], AT, AT + times.SECOND)
        assert (found.received_at, found.late) == (AT + 9, True)
        assert found.samples.tolist() == [0, 1, 2, 3, 4]

        counted = json.loads(command(dsn, "quarantine", "list", "--counts", "--json").stdout)
        reasons = [(one["device"], one["reason"], one["count"]) for one in counted]
        assert sorted(reasons, key=str) == [("gauge", "undecodable", 1), (None, "too large", 1)]
        # What the device sends again, because no receipt has told it, makes no second row.
        arrive(db, ("readings", stage(1.5, 0, boot=1, seq=1), 99))
        assert len(readings.between(db, [number["s1"]], AT, AT + times.SECOND)) == 1


def test_a_number_that_is_not_there_is_said(dsn: str) -> None:
    done = command(dsn, "quarantine", "show", "7")
    assert (done.returncode, done.stderr) == (
        2, "hoshyar: there is no message 7 in quarantine\n",
    )  # fmt: skip
