"""SenML becomes columns as its RFC says, or one BadMessage that says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cbor2
import msgspec
import pytest

from ingest import senml, senml_cbor
from records.errors import Reason
from tests.ingest.senml_outcome import columns, reason


def test_one_base_in_the_first_record_holds_for_all() -> None:
    found = columns(
        b'[{"bn":"gauge-2/","bt":1700000000.5,"bu":"cm","boot":7,"seq":3,"n":"stage","v":1},'
        b'{"n":"b1:vibration","u":"[g]","t":-2,"v":2.5}]'
    )
    assert found == senml.Columns(
        ("gauge-2/", "cm"),
        [("stage", None), ("b1:vibration", "[g]")],
        (1.0, 2.5),
        [1700000000.5, 1699999998.5],
    )


def test_base_values_may_change_and_stand_alone() -> None:
    found = columns(
        b'[{"bn":"a:","bt":10,"bu":"m","bv":100},{"n":"stage","v":1},{"bn":"","bt":0,"bv":0},'
        b'{"n":"stage","t":7,"v":2},{"n":"stage","u":"cm","v":3}]'
    )
    assert found == senml.Columns(
        ("", None),
        [("a:stage", "m"), ("stage", "m"), ("stage", "cm")],
        [101.0, 2.0, 3.0],
        [10.0, 7.0, 0.0],
    )


def test_cbor_gives_the_same_columns_as_json() -> None:
    numbered = [{-2: "gauge-2/", -3: 1.7e9, "boot": 1, "seq": 2, 0: "stage", 2: 3.5}]
    named = [{"bn": "gauge-2/", "bt": 1.7e9, "boot": 1, "seq": 2, "n": "stage", "v": 3.5}]
    assert senml.decode(cbor2.dumps(numbered)) == senml.decode(json.dumps(named).encode())


def test_an_unknown_label_is_ignored_but_not_one_that_must_be_understood() -> None:
    assert columns(b'[{"n":"stage_","v":1,"colour":["_"]}]').values == (1.0,)
    assert columns(b'[{"n":"stage","v":1,"colour":{"deep_":1}}]').values == (1.0,)
    assert reason(b'[{"n":"stage","v":1,"rule_" : 1}]') is Reason.UNDECODABLE
    assert reason(b'[{"n":"stage","v":1,"rule\\u005F":1}]') is Reason.UNDECODABLE
    assert reason(cbor2.dumps([{0: "stage", 2: 1, "rule_": 1}])) is Reason.UNDECODABLE


@pytest.mark.parametrize(
    "value", ["NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "1e400", "-1E+999", "9" * 400]
)
def test_a_number_that_no_double_holds_is_not_finite(value: str) -> None:
    assert reason(b'[{"n":"stage","v":%s}]' % value.encode()) is Reason.NOT_FINITE
    assert reason(b'[{"n":"stage","t":%s,"v":1}]' % value.encode()) is Reason.NOT_FINITE


UNDECODABLE = {
    "text": b"stage=2.4",
    "a lone object": b'{"n":"stage","v":1}',
    "no records": b"[]",
    "blanks": b"   ",
    "a NUL byte": b"\0",
    "cut short": b'[{"n":"stage","v":1}',
    "NaN in what is no SenML either": b'[{"n":"stage","v":NaN},7]',
    "the word NaN as text": b'[{"n":"stage","v":"NaN"}]',
    "text as a value": b'[{"n":"stage","v":"2.4"}]',
    "true as a value": b'[{"n":"stage","v":true}]',
    "a record that is null": b"[null]",
    "no value": b'[{"n":"stage"}]',
    "a time without a value": b'[{"bn":"stage","v":1},{"t":5}]',
    "a base value alone": b'[{"n":"stage","bv":1}]',
    "no value anywhere": b'[{"bn":"a","boot":1,"seq":1}]',
    "a newer SenML": b'[{"bver":11,"n":"stage","v":1}]',
    "a version that is none": b'[{"bver":0,"n":"stage","v":1}]',
    "two versions": b'[{"n":"stage","v":1},{"bver":9,"n":"stage","v":1}]',
    "two values": b'[{"n":"stage","v":1,"vs":"high"}]',
    "a text value that is a number": b'[{"n":"stage","vs":7}]',
    "a lone surrogate": b'[{"n":"\\ud800","v":1}]',
    "bytes that are no UTF-8": b'[{"n":"\xff","v":1}]',
    "something after it": b'[{"n":"stage","v":1}]x',
    "deep arrays": b"[" * 100_000,
    "a deep unknown label": b'[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"v":1}]',
    "a deep known label": b'[{"vs":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    "an endless string": b'[{"n":"' + b'\\"' * 100_000,
    "numbers like addresses": b'[{"n":' + b"1.1." * 50_000,
    "CBOR cut short": b"\x9f\xbf",
    "CBOR with a huge length": b"\x9b\x00\x00\x00\x7f\xff\xff\xff\xff",
    "CBOR nested deeply": b"\x81" * 5_000,
    "CBOR with something after it": cbor2.dumps([{0: "stage", 2: 1}]) + b"\0",
    "a CBOR date": cbor2.dumps([{0: "stage", 2: cbor2.CBORTag(1, 5)}]),
    "a CBOR pattern": cbor2.dumps([{0: "stage", 2: cbor2.CBORTag(35, "(a*)*b")}]),
    "CBOR of numbers": cbor2.dumps([1, 2]),
}


@pytest.mark.parametrize("payload", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_what_is_no_senml_is_undecodable(payload: bytes) -> None:
    assert reason(payload) is Reason.UNDECODABLE


@pytest.mark.parametrize("value", ['"vs":"high"', '"vb":false', '"vd":"aGkg"'])
def test_what_is_no_number_says_so(value: str) -> None:
    assert reason(b'[{"n":"stage","v":1},{"n":"door",%s}]' % value.encode()) is Reason.NOT_NUMERIC
    assert reason(cbor2.dumps([{0: "door", 8: b"hi"}])) is Reason.NOT_NUMERIC


def test_a_sum_stands_beside_its_value_or_alone_upon_the_base_sum() -> None:
    found = columns(
        b'[{"bn":"rig/","bt":100,"bu":"W","bs":1000,"n":"active_power","v":5,"s":20},'
        b'{"n":"active_power","t":1,"s":25},{"n":"active_power","t":2,"v":6,"ut":30}]'
    )
    name = "rig/active_power"
    assert found == senml.Columns(
        ("", None),
        [(name + suffix, "W") for suffix in ("", senml.SUM, senml.SUM, "", senml.SUM)],
        [5.0, 1020.0, 1025.0, 6.0, 1000.0],
        [100.0, 100.0, 101.0, 102.0, 102.0],
    )


# RFC 8428, sections 5.1.3 (as sent) and 5.1.4 (resolved by the RFC's authors): unit, time after
# 1320067464 and value of each record. No implementation for Python is kept up to compare with.
RESOLVED = (
    ("%RH", 0, 20), ("lon", 0, 24.30621), ("lat", 0, 60.07965),
    ("%RH", 60, 20.3), ("lon", 60, 24.30622), ("lat", 60, 60.07965),
    ("%RH", 120, 20.7), ("lon", 120, 24.30623), ("lat", 120, 60.07966),
    ("%EL", 150, 98),
    ("%RH", 180, 21.2), ("lon", 180, 24.30628), ("lat", 180, 60.07967),
)  # fmt: skip


@pytest.mark.parametrize("write", [msgspec.json.encode, cbor2.dumps])
def test_the_rfcs_example_is_resolved_as_the_rfc_resolves_it(
    write: Callable[[Any], bytes],
) -> None:
    name = "urn:dev:ow:10e2073a01080063"
    labels = {"bn": -2, "bt": -3, "bu": -4, "u": 1, "v": 2, "t": 6}
    records: list[dict[Any, Any]] = [
        {key: value for key, value in (("u", unit), ("t", time), ("v", number))
         if (key, value) not in {("u", "%RH"), ("t", 0)}}
        for unit, time, number in RESOLVED
    ]  # fmt: skip
    records[0] |= {"bn": name, "bt": 1.320067464e09, "bu": "%RH"}
    if write is cbor2.dumps:
        records = [{labels[key]: value for key, value in one.items()} for one in records]
    found = columns(write(records))
    whole = [(found.base[0] + key, unit or found.base[1]) for key, unit in found.keys]
    assert list(zip(whole, found.seconds, found.values, strict=True)) == [
        ((name, unit), 1320067464.0 + time, number) for unit, time, number in RESOLVED
    ]


RFC_SUMS = {
    "a base sum applies to its record and those after it": (
        b'[{"n":"p","v":1},{"bs":10,"n":"p","v":2},{"n":"p","v":3,"s":4},{"n":"p"}]',
        [("p", 1), ("p", 2), ("p sum", 10), ("p", 3), ("p sum", 14), ("p sum", 10)],
    ),
    "up to the next one, which may be zero": (
        b'[{"bs":10,"n":"p","s":1},{"bs":0,"n":"p","v":2},{"n":"p","s":5}]',
        [("p sum", 11), ("p", 2), ("p sum", 0), ("p sum", 5)],
    ),
    "without one a sum stands alone and nothing else has one": (
        b'[{"n":"p","s":7},{"n":"p","v":2}]',
        [("p sum", 7), ("p", 2)],
    ),
    "a record of base fields alone measures nothing": (
        b'[{"bn":"p","bs":10,"bv":1},{"v":2,"s":1},{"t":5,"s":3}]',
        [("p", 3), ("p sum", 11), ("p sum", 13)],
    ),
    "a base value alone is no value beside a sum": (
        b'[{"bv":20,"n":"p","s":1},{"n":"p","v":1}]',
        [("p sum", 1), ("p", 21)],
    ),
}


@pytest.mark.parametrize("name", RFC_SUMS)
def test_base_sums_and_sums_add_up_as_section_4_of_the_rfc_says(name: str) -> None:
    payload, expected = RFC_SUMS[name]
    found = columns(payload)
    assert list(zip((key for key, _ in found.keys), found.values, strict=True)) == expected


def test_cbor_numbers_may_be_decimal_fractions() -> None:
    def stage(exponent: Any, mantissa: Any) -> bytes:
        return cbor2.dumps([{0: "stage", 2: cbor2.CBORTag(4, [exponent, mantissa])}])

    assert columns(stage(-3, 2417)).values == (2.417,)
    assert columns(stage(-(2**60), 1)).values == (0.0,)
    assert columns(stage(2**60, -1)).values == (float("-inf"),)
    assert reason(stage(1.0, 1)) is Reason.UNDECODABLE
    assert reason(stage(1, 2**70)) is Reason.UNDECODABLE


def test_a_message_of_more_records_than_the_bound_is_too_large() -> None:
    record = b'{"n":"stage","v":1},'
    most = b"[" + (record * senml.MOST_RECORDS)[:-1] + b"]"
    assert len(columns(most).values) == senml.MOST_RECORDS
    assert reason(b"[" + record + most[1:]) is Reason.TOO_LARGE
    assert reason(b"\x9f" + b"\xa0" * senml_cbor.MOST_BYTES + b"\xff") is Reason.TOO_LARGE


def test_no_bytes_are_an_empty_payload() -> None:
    assert reason(b"") is Reason.EMPTY_PAYLOAD


def test_the_last_of_two_equal_labels_counts() -> None:
    assert columns(b'[{"n":"rain","n":"stage","v":1,"v":2}]').values == (2.0,)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("", None),
        ('"boot":0,"seq":0,', (0, 0)),
        ('"boot":7,"seq":4611686018427387904,', (7, 2**62)),
    ],
)
def test_identity_is_boot_and_seq(labels: str, expected: tuple[int, int] | None) -> None:
    entries = senml.decode(b'[{%s"n":"stage","v":1}]' % labels.encode())
    assert senml.identity(entries[0]) == expected


@pytest.mark.parametrize(
    "labels",
    [
        '"boot":7',
        '"seq":7',
        '"boot":-1,"seq":1',
        '"boot":1,"seq":-1',
        '"boot":1,"seq":1.0',
        '"boot":1,"seq":true',
        '"boot":1,"seq":"1"',
        '"boot":1,"seq":4611686018427387905',
        '"boot":1,"seq":' + "9" * 60,
        '"boot":[],"seq":{}',
    ],
)
def test_anything_but_whole_numbers_up_to_2_62_is_a_bad_sequence(labels: str) -> None:
    assert reason(b'[{%s,"n":"stage","v":1}]' % labels.encode()) is Reason.BAD_SEQUENCE


def test_a_sequence_is_seen_in_bytes_that_cannot_be_decoded() -> None:
    assert senml.claimed(b'[{"boot": 3,"seq":12 ,"n":') == (3, 12)
    assert senml.claimed(b'[{"boot": 3,"seq":12.5,"n":') is None
    assert senml.claimed(b'[{"boot": 3}') is None


@pytest.mark.parametrize(
    ("boot", "seq"), [(0, 0), (7, 23), (24, 255), (256, 65_536), (2**32, 2**62)]
)
def test_a_cbor_message_without_meaning_still_says_its_number(boot: int, seq: int) -> None:
    payload = cbor2.dumps([{-2: "gauge-2/", "boot": boot, "seq": seq, 0: "stage", 2: True}])
    assert senml.claimed(payload) == (boot, seq)


@pytest.mark.parametrize("seq", [-1, 2**62 + 1, 1.0, "1", None])
def test_a_cbor_number_outside_the_range_is_no_claim(seq: Any) -> None:
    assert senml.claimed(cbor2.dumps([{"boot": 1, "seq": seq, 0: "stage"}])) is None
    assert senml.claimed(cbor2.dumps([{"boot": 1}])) is None
    assert senml.claimed(b"\x81\xa2\x64boot\x01\x63seq\x1b\x00") is None
