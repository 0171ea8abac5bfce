"""Whatever the bytes, they become columns or one BadMessage; nothing else ever comes out."""

from __future__ import annotations

import json
from typing import Any

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from ingest import senml
from tests.ingest.senml_outcome import columns, outcome


@given(st.binary(max_size=200))
def test_any_bytes_are_columns_or_a_bad_message(payload: bytes) -> None:
    outcome(payload)
    outcome(b"[" + payload + b"]")
    outcome(b"\x81" + payload)


LABELS = st.sampled_from(senml.Entry.__struct_fields__) | st.text(max_size=4)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
MESSAGES = st.lists(st.dictionaries(LABELS, VALUES, max_size=6) | VALUES, max_size=4)


@given(MESSAGES)
def test_any_json_is_columns_or_a_bad_message(message: Any) -> None:
    outcome(json.dumps(message).encode())
    outcome(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(MESSAGES)
def test_any_cbor_is_columns_or_a_bad_message(message: Any) -> None:
    try:
        payload = cbor2.dumps(message)
    except (cbor2.CBOREncodeError, UnicodeEncodeError):
        return
    outcome(payload)


@given(st.binary(min_size=1, max_size=4), st.integers(0, 110))
def test_a_good_message_with_wrong_bytes_is_columns_or_a_bad_message(
    noise: bytes, place: int
) -> None:
    good = (
        b'[{"bn":"gauge-2/","bt":1700000000.5,"bu":"m","boot":7,"seq":3,"n":"stage","v":1.5},'
        b'{"n":"stage","t":1,"v":2}]'
    )
    outcome(good[:place] + noise + good[place:])
    outcome(good[:place] + noise + good[place + len(noise) :])


FINITE = st.floats(allow_nan=False, allow_infinity=False)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"n": st.sampled_from(["stage", "b1:vibration", ""]), "v": FINITE},
        optional={
            "u": st.sampled_from(["m", "cm"]),
            "t": FINITE,
            "bn": st.sampled_from(["", "gauge-2/"]),
            "bt": FINITE,
            "bu": st.sampled_from(["m", "mm"]),
            "bv": FINITE,
        },
    ),
    min_size=1,
    max_size=5,
)


@given(RECORDS)
def test_base_values_resolve_as_the_standard_says(records: list[dict[str, Any]]) -> None:
    base: dict[str, Any] = {"bn": "", "bt": 0.0, "bu": None, "bv": 0.0}
    expected = []
    for record in records:
        base |= {label: record[label] for label in base if label in record}
        expected.append(
            (
                base["bn"] + record["n"],
                record.get("u", base["bu"]),
                base["bv"] + record["v"],
                base["bt"] + record.get("t", 0.0),
            )
        )
    found = columns(json.dumps(records).encode())
    resolved = [
        (found.base[0] + name, found.base[1] if unit is None else unit, value, seconds)
        for (name, unit), value, seconds in zip(
            found.keys, found.values, found.seconds, strict=True
        )
    ]
    assert resolved == expected
