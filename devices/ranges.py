"""Arithmetic of inclusive ranges of whole numbers, as receipts use them."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int]


def outside(first: int, last: int, holes: Iterable[Range]) -> list[Range]:
    """The parts of first..last that no hole covers. Holes in any order, overlaps allowed."""
    parts: list[Range] = []
    for begin, end in sorted(holes):
        if begin > last:
            break
        if first < begin <= end:
            parts.append((first, begin - 1))
        if begin <= end:
            first = max(first, end + 1)
    if first <= last:
        parts.append((first, last))
    return parts


def joined(numbers: Iterable[int]) -> list[Range]:
    """Ranges that hold exactly these numbers."""
    return merged((number, number) for number in numbers)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers in the fewest ranges, in rising order."""
    parts: list[Range] = []
    for first, last in sorted(ranges):
        if parts and first <= parts[-1][1] + 1:
            parts[-1] = (parts[-1][0], max(parts[-1][1], last))
        else:
            parts.append((first, last))
    return parts


def covers(ranges: Iterable[Range], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)
