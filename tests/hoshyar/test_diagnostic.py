"""Payloads for people's eyes: every byte string has a printable form."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoshyar.diagnostic import readable


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'[{"n":"stage"}]', '[\n  {\n    "n": "stage"\n  }\n]'),
        (
            cbor2.dumps({0: "a\x1b", "x": cbor2.CBORTag(85, b"\1\2"), "y": [True, None, 1.5]}),
            '{0: "a\\\\x1b", "x": 85(h\'0102\'), "y": [true, null, 1.5]}',
        ),
        (cbor2.dumps([cbor2.CBORTag(35, "(a*)*")]), '[35("(a*)*")]'),
        (b"stage=2\xff", "00000000  73 74 61 67 65 3d 32 ff" + " " * 26 + "stage=2."),
        (b"", ""),
    ],
)
def test_what_is_known_is_shown_as_what_it_is(payload: bytes, shown: str) -> None:
    assert readable(payload) == shown


@given(st.binary(max_size=100))
def test_any_bytes_are_printable_lines(payload: bytes) -> None:
    assert all(c.isprintable() or c == "\n" for c in readable(payload))
    assert all(c.isprintable() or c == "\n" for c in readable(b"\x82" + payload))
