"""What `hoshyar detect` reads and writes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from models.detect import detect
from records.errors import HoshyarError

ORANGE = {"orange": "2.0", "hysteresis": "0.1"}
HEADER = "series,measured_at,score,p_value,level,reason\n"
OVER = '"The stage is 2.6 m, over the limit of 2.0 m."'


def written(tmp_path: Path, text: str, name: str = "stage-limit", **params: str) -> str:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text, encoding="utf-8")
    detect(name, source, target, params)
    return target.read_text(encoding="utf-8")


LONG = """series,measured_at,value
a:stage:m,2020-01-01T00:00:00Z,0.5
a:stage:m,2020-01-01T00:30:00Z,2.6
a:stage:m,2020-01-01T00:15:00.5Z,2.5
a:stage:m,2020-01-01T00:45:00Z,
a:stage:m,2020-01-01T01:00:00Z,0.1
"""
EXPECTED = HEADER + (
    "a:stage:m,2020-01-01T00:00:00Z,,,green,\n"
    "a:stage:m,2020-01-01T00:15:00.5Z,0.5,,green,\n"
    f"a:stage:m,2020-01-01T00:30:00Z,2.5,,orange,{OVER}\n"
    f"a:stage:m,2020-01-01T01:00:00Z,2.5,,orange,{OVER}\n"
)


def test_a_long_file_in_any_order_is_written_in_order_of_time(tmp_path: Path) -> None:
    assert written(tmp_path, LONG, **ORANGE) == EXPECTED


def test_a_gzip_file_gives_the_same(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    source.write_bytes(gzip.compress(LONG.encode()))
    assert detect("stage-limit", source, target, ORANGE) == 4
    assert target.read_text() == EXPECTED


def test_a_wide_file_gives_the_same(tmp_path: Path) -> None:
    rows = [line.split(",") for line in LONG.splitlines()[1:]]
    wide = "measured_at,a:stage:m\n" + "".join(f"{at},{value}\n" for _, at, value in rows)
    assert written(tmp_path, wide, **ORANGE) == EXPECTED


def test_other_units_are_converted(tmp_path: Path) -> None:
    text = "measured_at,a:stage:cm\n2020-01-01T00:00:00Z,250\n2020-01-01T00:01:00Z,260\n"
    lines = written(tmp_path, text, orange="200", hysteresis="10").splitlines()
    assert lines[2] == f"a:stage:cm,2020-01-01T00:01:00Z,2.5,,orange,{OVER}"


def test_columns_without_a_name_are_passed_over(tmp_path: Path) -> None:
    rows = LONG.splitlines()
    text = "\n".join([f",{rows[0]},", *(f"{n},{row},," for n, row in enumerate(rows[1:]))])
    assert written(tmp_path, text, **ORANGE) == EXPECTED


@pytest.mark.parametrize(("quantity", "level"), [("stage", 2228.0), ("sea_level", -42.0)])
def test_a_level_may_be_counted_from_any_datum(tmp_path: Path, quantity: str, level: float) -> None:
    text = f"measured_at,a:{quantity}:m\n" + "".join(
        f"2020-01-01T00:{minute:02}:00Z,{level + minute % 3 / 100}\n" for minute in range(30)
    )
    lines = written(tmp_path, text, "robust-level", cold_start_s="0").splitlines()
    assert lines[-1].split(",")[2]


def test_a_limit_is_in_the_unit_of_each_series(tmp_path: Path) -> None:
    """Two gauges that read the same number: over the limit, each in its own unit."""
    names = ("a:stage:m", "b:stage:[ft_i]", "c:discharge:[cft_i]/s")
    rows = [f"{n},2020-01-01T00:0{i}:00Z,{v}\n" for n in names for i, v in enumerate((26, 25, 18))]
    text = "series,measured_at,value\n" + "".join(rows)
    out = written(tmp_path, text, orange="20", hysteresis="5").splitlines()[1:]
    levels = {name: [line.split(",")[4] for line in out if line.startswith(name)] for name in names}
    assert all(said == ["green", "orange", "orange"] for said in levels.values())


def test_the_least_rise_is_in_the_unit_of_the_series(tmp_path: Path) -> None:
    """A rise of 2 m in three hours after twelve still days."""
    hours = range(12 * 24 + 6)
    stage = [1.0 + 0.7 * max(h - 12 * 24, 0) for h in hours]
    begins = "2020-01-{:02d}T{:02d}:00:00Z"
    for unit, size in (("m", 1.0), ("cm", 0.01)):
        rows = (f"{begins.format(1 + h // 24, h % 24)},{stage[h] / size}\n" for h in hours)
        text = f"measured_at,a:stage:{unit}\n" + "".join(rows)
        out = written(tmp_path, text, name="rate-of-rise", least=repr(0.5 / size))
        assert "orange" in out
        still = written(tmp_path, text, name="rate-of-rise", least=repr(50.0 / size))
        assert "orange" not in still


def test_of_two_values_for_one_time_the_last_row_counts(tmp_path: Path) -> None:
    text = (
        "series,measured_at,value\n"
        "a:stage:m,2020-01-01T00:00:00Z,9\n"
        "a:stage:m,2020-01-01T00:00:00.000Z,1\n"
        "a:stage:m,2020-01-01T00:01:00Z,1\n"
        "a:stage:m,2020-01-01T00:01:00Z,1\n"
    )
    assert written(tmp_path, text, **ORANGE) == HEADER + (
        "a:stage:m,2020-01-01T00:00:00.000Z,,,green,\na:stage:m,2020-01-01T00:01:00Z,1.0,,green,\n"
    )


def test_series_it_cannot_take_have_rows_without_a_score(tmp_path: Path) -> None:
    text = "measured_at,b:rain:mm,a:stage:m\n2020-01-01T00:00:00Z,1,2.5\n"
    assert written(tmp_path, text, **ORANGE) == HEADER + (
        "a:stage:m,2020-01-01T00:00:00Z,,,green,\nb:rain:mm,2020-01-01T00:00:00Z,,,green,\n"
    )


def test_a_bare_series_can_be_held_to_a_given_limit(tmp_path: Path) -> None:
    text = "measured_at,a\n2020-01-01T00:00:00Z,2.5\n2020-01-01T00:01:00Z,2.6\n"
    assert ",orange," in written(tmp_path, text, **ORANGE)


def test_a_value_that_no_sensor_reads_has_no_score(tmp_path: Path) -> None:
    text = "measured_at,a:stage:m\n" + "".join(
        f"2020-01-01T00:0{minute}:00Z,{value}\n" for minute, value in enumerate((1, 2, -9999, 1))
    )
    scores = [line.split(",")[2] for line in written(tmp_path, text, **ORANGE).splitlines()[1:]]
    assert scores == ["", "1.0", "", "1.0"]


def test_an_input_without_values_gives_the_header_alone(tmp_path: Path) -> None:
    assert written(tmp_path, "series,measured_at,value\n", **ORANGE) == HEADER


TURBINE = "measured_at,q:discharge:m3/s,p:active_power:kW,h:net_head:m\n"


def test_a_series_that_has_no_value_yet_is_not_missing(tmp_path: Path) -> None:
    row = "*,2020-01-01T00:00:00Z,,,green,\n"
    assert written(tmp_path, TURBINE, "efficiency") == HEADER
    wide = TURBINE + "2020-01-01T00:00:00Z,20,,\n"
    assert written(tmp_path, wide, "efficiency") == HEADER + row
    long = (
        "series,measured_at,value\nq:discharge:m3/s,2020-01-01T00:00:00Z,20\n"
        "p:active_power:kW,2020-01-01T00:00:00Z,\nh:net_head:m,2020-01-01T00:00:00Z,\n"
    )
    assert written(tmp_path, long, "efficiency") == HEADER + row


def test_a_target_that_has_no_value_yet_is_not_missing(tmp_path: Path) -> None:
    text = "measured_at,r:rain:mm,a:stage:m\n2020-01-01T00:00:00Z,1,\n"
    assert written(tmp_path, text, "flood-forecast", target="a", threshold="2") == HEADER


@pytest.mark.parametrize(
    ("text", "params", "said"),
    [
        ("measured_at,a:stage:m\nyesterday,1\n", ORANGE, "in.csv, line 2: 'yesterday' is not"),
        ("measured_at,a:stage:m\n2020-01-01T00:00:00Z,x\n", ORANGE, "line 2: 'x' is not a number"),
        ("measured_at,a:stage:m\n2020-01-01T00:00:00Z,1_0\n", ORANGE, "'1_0' is not a number"),
        ("measured_at,a:stage:m\n2020-01-01T00:00:00Z,1,5\n", ORANGE, "line 2: has more columns"),
        ("measured_at,a:stage:m\n2019-02-29T00:00:00Z,1\n", ORANGE, "'2019-02-29T00:00:00Z' is no"),
        ("measured_at,a:stage:m\n0001-01-01T00:00:00+01:00,1\n", ORANGE, "line 2: '0001-"),
        ("", ORANGE, "in its first line (there is: nothing)"),
        ("measured_at;a\n", ORANGE, "in its first line (there is: 'measured_at;a')"),
        ("measured_at,a:stage:m\n2020-01-01T00:00:00Z\n", ORANGE, "line 2: has fewer columns"),
        ("when,a:stage:m\n", ORANGE, "has no column 'measured_at'"),
        ("measured_at,a,a\n", ORANGE, "has the column 'a' twice"),
        ("measured_at,a:depth:m\n2020-01-01T00:00:00Z,1\n", ORANGE, "unknown quantity"),
        ("measured_at,a:stage:Cel\n2020-01-01T00:00:00Z,1\n", ORANGE, "wrong unit"),
        ("measured_at,a:rain:mm\n2020-01-01T00:00:00Z,1\n", ORANGE, "can take none of the series"),
        ("measured_at,a:stage:m\n2020-01-01T00:00:00Z,1\n", {}, "give yellow, orange or red"),
        (LONG, {"orange": "high"}, "stage-limit: orange='high' is not a number"),
        (LONG, {"needed": "1.5"}, "stage-limit: needed='1.5' is not a whole number"),
        (LONG, {"oragne": "1"}, "stage-limit has no parameter 'oragne'"),
        (LONG, {"orange": "nan"}, "is not a number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, text: str, params: dict[str, str], said: str
) -> None:
    with pytest.raises(HoshyarError) as raised:
        written(tmp_path, text, **params)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_not_there_or_broken_is_said(tmp_path: Path) -> None:
    with pytest.raises(HoshyarError, match="can't be read"):
        detect("stage-limit", tmp_path / "absent.csv", tmp_path / "out.csv", ORANGE)
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(LONG.encode())[:40])
    with pytest.raises(HoshyarError, match="can't be read"):
        detect("stage-limit", tmp_path / "broken.csv.gz", tmp_path / "out.csv", ORANGE)
