"""Readings of one series in few bytes, restored exactly, bit for bit.

Each column becomes whole numbers (values with few decimals as multiples of 10^-d, others by their
bits), then differences as often as makes them small, then unsigned numbers of as few bytes as hold
them, one byte's place after the other, deflated. A column of one value costs its head alone.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.readings import ReadingBatch
from store.binary import ORIGIN

_HEAD = struct.Struct(">BbiI")  # version, decimals (-1: bits), series, count
_COLUMN = struct.Struct(">BBI")  # differences taken, bytes a number, bytes in the segment
_FIRST = struct.Struct(">q")
_CRC = struct.Struct(">I")
_VERSION = 1
_MOST_DECIMALS = 9
_MOST_DIFFERENCES = 2
_LARGEST = 2.0**52
_COLUMNS = ("measured_at", "delay", "value", "batch", "flag", "checks", "worker", "late")


class BadSegment(ValueError):
    """The bytes are not those that were written: the disk or a person changed them."""


def encode(readings: ReadingBatch, origin: NDArray[Any]) -> bytes:
    """Rows of one series, ordered by `measured_at`; `origin` as of `store.binary.ORIGIN`."""
    decimals, value = _whole(readings.value)
    columns = {
        "measured_at": readings.measured_at,
        "delay": readings.received_at - readings.measured_at,
        "value": value,
        "batch": origin["batch"],
        "flag": readings.flag,
        "checks": readings.checks,
        "worker": origin["worker"],
        "late": readings.late,
    }
    head = _HEAD.pack(_VERSION, decimals, int(readings.series[0]), len(readings))
    body = head + b"".join(_squeeze(columns[name].astype(np.int64)) for name in _COLUMNS)
    return body + _CRC.pack(zlib.crc32(body))


def decode(segment: bytes) -> tuple[ReadingBatch, NDArray[Any]]:
    """What `encode` was given. Raises BadSegment."""
    body = segment[: -_CRC.size]
    if len(segment) < _HEAD.size + _CRC.size or segment[-_CRC.size :] != _CRC.pack(
        zlib.crc32(body)
    ):
        raise BadSegment("a packed day is damaged: restore it from a backup")
    version, decimals, series, count = _HEAD.unpack_from(body)
    if version != _VERSION:
        raise BadSegment(f"a packed day has form {version}: use a newer program")
    place, column = _HEAD.size, {}
    for name in _COLUMNS:
        column[name], place = _stretch(body, place, count)
    value = column["value"]
    readings = ReadingBatch(
        series=np.full(count, series, np.int32),
        measured_at=column["measured_at"],
        received_at=column["measured_at"] + column["delay"],
        value=value.view(np.float64) if decimals < 0 else value / 10.0**decimals,
        flag=column["flag"].astype(np.uint8),
        checks=column["checks"].astype(np.uint16),
        late=column["late"].astype(np.bool_),
    )
    origin = np.empty(count, ORIGIN)
    origin["worker"], origin["batch"] = column["worker"], column["batch"]
    return readings, origin


def _whole(value: NDArray[np.float64]) -> tuple[int, NDArray[np.int64]]:
    """(d, n) with value == n / 10^d in every bit; (-1, the bits) where there is no such d."""
    bits = value.view(np.int64)
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = np.rint(value * 10.0**decimals)
        if np.abs(scaled).max() > _LARGEST:
            break
        whole = scaled.astype(np.int64)
        if np.array_equal((whole / 10.0**decimals).view(np.int64), bits):
            return decimals, whole
    return -1, bits


def _squeeze(numbers: NDArray[np.int64]) -> bytes:
    """The form with the fewest bits of: as they are less the first one, differences, those of."""
    best, bits = b"", np.inf
    heads = b""
    for differences in range(_MOST_DIFFERENCES + 1):
        heads += _FIRST.pack(int(numbers[0]))
        rest = numbers - numbers[0]
        small = _unsigned(rest)
        cost = np.log2(small.astype(np.float64) + 1).sum()
        if cost < bits:
            bits, best = cost, _planes(small, differences, heads)
        numbers = np.diff(numbers, prepend=numbers[:1])
    return best


def _unsigned(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _planes(numbers: NDArray[np.uint64], differences: int, heads: bytes) -> bytes:
    width = (int(numbers.max()).bit_length() + 7) // 8
    planes = numbers.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T
    squeezed = zlib.compress(planes.tobytes(), 9, -15) if width else b""
    return _COLUMN.pack(differences, width, len(squeezed)) + heads + squeezed


def _stretch(body: bytes, place: int, count: int) -> tuple[NDArray[np.int64], int]:
    differences, width, size = _COLUMN.unpack_from(body, place)
    place += _COLUMN.size
    heads = [_FIRST.unpack_from(body, place + n * _FIRST.size)[0] for n in range(differences + 1)]
    place += len(heads) * _FIRST.size
    small = np.zeros((count, 8), np.uint8)
    if width:
        planes = zlib.decompress(body[place : place + size], -15)
        small[:, :width] = np.frombuffer(planes, np.uint8).reshape(width, count).T
    unsigned = small.view("<u8")[:, 0].astype(np.uint64)
    numbers = (unsigned >> np.uint64(1)).view(np.int64) ^ -(unsigned & np.uint64(1)).view(np.int64)
    for head in reversed(heads[1:]):
        numbers = np.cumsum(numbers + head, dtype=np.int64)
    return numbers + heads[0], place + size
