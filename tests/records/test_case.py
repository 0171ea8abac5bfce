"""Reading a case: every key of the format, and one clear line for each mistake."""

import gzip
import json
from pathlib import Path

import pytest

from records import times
from records.case import Case, Message
from records.errors import InputError

HEAD = """
name = "two-gauges"
start = 2009-09-29T00:00:00Z
clock = "measured"
delay_s = 2.5
[[lab]]
id = "tonga"
[[station]]
id = "pier"
lab = "tonga"
lat = -21.14
lon = -175.18
[[device]]
id = "gauge"
station = "pier"
[[series]]
id = "sea"
station = "pier"
device = "gauge"
quantity = "sea_level"
unit = "m"
interval_s = 60
thresholds = { orange = 2.0, red = 2.5 }
[[series]]
id = "press"
station = "pier"
point = "deep"
device = "gauge"
quantity = "water_column_height"
unit = "m"
"""
LONG = '[[file]]\npath = "*.csv"\nformat = "csv-long"\nmissing = ["9999"]\n'
WIDE = '[[file]]\npath = "wide.csv.gz"\nformat = "csv-wide"\n'
START = times.parse("2009-09-29T00:00:00Z")


def write(folder: Path, toml: str, **files: str) -> Path:
    (folder / "case.toml").write_text(toml)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def bodies(case: Case) -> list[tuple[int, list[dict[str, object]]]]:
    return [(m.received_at - START, json.loads(m.payload)) for m in case.messages()]


def test_a_case_becomes_a_network_and_numbered_messages(tmp_path: Path) -> None:
    case = Case.load(
        write(
            tmp_path,
            HEAD + LONG,
            a="series,measured_at,value\n"
            "sea,2009-09-29T00:01:00Z,0.589\n"
            "sea,2009-09-29T00:00:00.25Z,0.1\n"
            "press,2009-09-29T00:01:00Z,2.50\n"
            "other,2009-09-29T00:01:00Z,1\n"
            "sea,2009-09-29T00:02:00Z,\n"
            "sea,2009-09-29T00:03:00Z,9999\n",
        )
    )
    assert [s.id for s in case.network.series] == ["sea", "press"]
    assert case.network.series[0].thresholds.orange == 2.0
    assert not case.network.device[0].simulated
    first, second = case.messages()
    quarter = START / 1e6 + 0.25
    assert first == Message(
        "hoshyar/v1/tonga/gauge/readings",
        first.payload,
        START + 2_750_000,
        "gauge",
        1,
        0,
    )
    assert json.loads(first.payload) == [
        {"boot": 1, "seq": 0, "received_at": START + 2_750_000}
        | {"n": "sea_level", "t": quarter, "v": 0.1}
    ]
    minute = START // 1_000_000 + 60
    assert json.loads(second.payload) == [
        {"boot": 1, "seq": 1, "received_at": START + 62_500_000}
        | {"n": "sea_level", "t": minute, "v": 0.589},
        {"n": "deep:water_column_height", "t": minute, "v": 2.5},
    ]
    assert case.rows.left_out == {"other"}


def test_a_wide_gzipped_file_says_the_same_as_a_long_one(tmp_path: Path) -> None:
    long, wide = tmp_path / "long", tmp_path / "wide"
    long.mkdir()
    wide.mkdir()
    write(
        long,
        HEAD + LONG,
        a="value,measured_at,series\n"
        "1,2009-09-29T00:00:00Z,sea\n2,2009-09-29T00:00:00Z,press\n3,2009-09-29T00:01:00Z,press\n",
    )
    write(wide, HEAD + WIDE)
    text = (
        "measured_at,sea,press,extra\n2009-09-29T00:00:00Z,1,2,7\n2009-09-29T05:01:00+05:00,,3,7\n"
    )
    (wide / "wide.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert list(Case.load(long).messages()) == list(Case.load(wide).messages())


def test_receipt_times_order_the_messages_and_count_only_by_receipt(tmp_path: Path) -> None:
    rows = (
        "series,measured_at,value,received_at\n"
        "sea,2009-09-29T00:00:00Z,1,2009-09-29T00:10:00Z\n"
        "sea,2009-09-29T00:01:00Z,2,2009-09-29T00:01:01Z\n"
        "sea,2009-09-29T00:02:00Z,3,\n"
    )
    write(tmp_path, HEAD.replace('"measured"', '"received"') + LONG, a=rows)
    seconds = [(at / 1e6, body[0]["v"]) for at, body in bodies(Case.load(tmp_path))]
    assert seconds == [(61.0, 2), (122.5, 3), (600.0, 1)]
    write(tmp_path, HEAD + LONG, a=rows)
    seconds = [(at / 1e6, body[0]["v"]) for at, body in bodies(Case.load(tmp_path))]
    assert seconds == [(2.5, 1), (62.5, 2), (122.5, 3)]


def test_start_and_end_cut_the_case(tmp_path: Path) -> None:
    rows = "series,measured_at,value\n" + "".join(
        f"sea,2009-09-{day}T00:00:00Z,{day}\n" for day in (28, 29, 30)
    )
    toml = HEAD.replace("clock", "end = 2009-09-29T12:00:00Z\nclock")
    write(tmp_path, toml + LONG, a=rows)
    assert [body[0]["v"] for _, body in bodies(Case.load(tmp_path))] == [29]


def test_a_value_comes_back_as_the_same_double(tmp_path: Path) -> None:
    texts = ["0.1", "1e-320", "123456789.123456789", "-0.0", "2.2250738585072014e-308"]
    rows = "series,measured_at,value\n" + "".join(
        f"sea,2009-09-29T00:00:00.{n:06d}Z,{text}\n" for n, text in enumerate(texts)
    )
    write(tmp_path, HEAD + LONG, a=rows)
    records = [body[0] for _, body in bodies(Case.load(tmp_path))]
    assert [repr(float(str(r["v"]))) for r in records] == [repr(float(text)) for text in texts]
    assert [times.from_seconds(float(str(r["t"]))) - START for r in records] == [0, 1, 2, 3, 4]


def test_a_backlog_with_one_arrival_time_is_cut_into_messages(tmp_path: Path) -> None:
    rows = "series,measured_at,value,received_at\n" + "".join(
        f"sea,{times.text(START + n * times.SECOND)},{n},2009-09-30T00:00:00Z\n"
        for n in range(1234)
    )
    write(tmp_path, HEAD.replace('"measured"', '"received"') + LONG, a=rows)
    messages = list(Case.load(tmp_path).messages())
    assert [len(json.loads(m.payload)) for m in messages] == [500, 500, 234]
    assert [m.seq for m in messages] == [0, 1, 2]


EEW = """
name = "quake-7"
start = 2018-02-16T23:00:00Z
[[lab]]
id = "mexico"
[[station]]
id = "oaxaca"
lab = "mexico"
lat = 16.7
lon = -97.6
[[device]]
id = "009"
station = "oaxaca"
[[file]]
path = "*/*.jsonl"
format = "openeew-jsonl"
"""


def test_openeew_makes_three_series_a_device_and_one_message_a_line(tmp_path: Path) -> None:
    write(tmp_path, EEW)
    (tmp_path / "009").mkdir()
    clock = times.parse("2018-02-16T22:30:00Z") / 1e6
    line = {"device_id": "009", "x": [1.5, 2], "y": [3, 4], "z": [5, 6], "sr": 31.25}
    line |= {"device_t": clock, "cloud_t": clock + 1800.5, "country_code": "mx"}
    other = line | {"device_id": "010"}
    (tmp_path / "009" / "20.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps(other)}\n\n")
    case = Case.load(tmp_path)
    assert [(s.id, s.point, s.unit) for s in case.network.series] == [
        ("009-x", "x", "Gal"),
        ("009-y", "y", "Gal"),
        ("009-z", "z", "Gal"),
    ]
    (message,) = case.messages()
    assert message.received_at == times.parse("2018-02-16T23:00:00.5Z")
    assert {(r["n"], r["t"], r["v"]) for r in json.loads(message.payload)} == {
        (f"{axis}:acceleration", t, v)
        for axis, old, new in (("x", 1.5, 2), ("y", 3, 4), ("z", 5, 6))
        for t, v in ((clock - 0.032, old), (clock, new))
    }
    assert case.rows.left_out == {"010 x", "010 y", "010 z"}


BROKEN = {
    "no-toml": ("name = ", "", "case.toml: Invalid value"),
    "no-name": (HEAD.replace('name = "two-gauges"', "") + LONG, "", "field `name`"),
    "naive-start": (HEAD.replace(":00Z", ":00") + LONG, "", "$.start"),
    "unknown-key": (
        HEAD + 'colour = "red"\n' + LONG,
        "",
        "`colour` - at `$.series[1]",
    ),
    "no-file": (HEAD, "", "field `file`"),
    "format": (HEAD + LONG.replace("long", "odd"), "", "$.file[0].format"),
    "station": (HEAD.replace('device = "gauge"', 'device = "x"') + LONG, "", "device 'x'"),
    "unit": (HEAD.replace('unit = "m"', 'unit = "kg"') + LONG, "", "'kg'"),
    "quantity": (HEAD.replace("sea_level", "mood") + LONG, "", "quantity 'mood'"),
    "no-glob": (HEAD + LONG.replace("*.csv", "*.dat"), "", "no file is called '*.dat'"),
    "absolute": (HEAD + LONG.replace("*.csv", "/tmp/*.csv"), "", "not relative"),
    "no-column": (HEAD + LONG, "series,time,value\n", "a.csv has no column 'measured_at'"),
    "twice": (HEAD + LONG, "series,measured_at,value,value\n", "the column 'value' twice"),
    "time": (HEAD + LONG, "series,measured_at,value\nsea,2009-09-29 00:00,1\n", "a.csv, line 2:"),
    "value": (HEAD + LONG, "series,measured_at,value\nsea,2009-09-29T00:00:00Z,Ice\n", "'Ice'"),
    "short": (HEAD + LONG, "series,measured_at,value\nsea\n", "line 2: has fewer columns"),
    "nothing": (HEAD + LONG, "series,measured_at,value\n", "hold no value"),
    "feeds": (
        HEAD.replace("water_column_height", "sea_level").replace('point = "deep"', "") + LONG,
        "",
        "one device, point and quantity",
    ),
    "end": (HEAD.replace("clock", "end = 2001-01-01T00:00:00Z\nclock") + LONG, "", "end is not"),
    "reserved": (HEAD.replace('"gauge"', '"alerts"') + LONG, "", "reserved word"),
}


@pytest.mark.parametrize(("toml", "rows", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_mistake_is_named_in_one_line(tmp_path: Path, toml: str, rows: str, said: str) -> None:
    write(tmp_path, toml, a=rows)
    with pytest.raises(InputError) as raised:
        list(Case.load(tmp_path).messages())
    assert said in str(raised.value)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_broken_gzip_file_is_an_input_error(tmp_path: Path) -> None:
    write(tmp_path, HEAD + WIDE)
    packed = gzip.compress(b"measured_at,sea\n" * 5000)
    (tmp_path / "wide.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"wide\.csv\.gz"):
        list(Case.load(tmp_path).messages())


def test_a_folder_without_case_toml_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"case\.toml can't be read: No such file"):
        Case.load(tmp_path)
