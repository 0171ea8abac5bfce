#!/usr/bin/env python3
"""Make `lab_ui/components/assets/base_map.json` from Natural Earth (public domain).

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    scripts/base_map.py package lab_ui/components/assets/base_map.json

The package holds Natural Earth's land and countries as TopoJSON. Two maps are taken from it: the
wide region of the two labs at 1:50 million, and the world's coast at 1:110 million for stations
anywhere else. Where a boundary of the region is not agreed by those who share it (the line of
control and the working boundary in Kashmir, the Siachen glacier, the boundaries of China with
India and with Pakistan), it is kept apart, so that the screens draw it dashed.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Point = tuple[float, float]
WEST, SOUTH, EAST, NORTH = 36.0, 6.0, 104.0, 50.0
# South of this the boundary of India and Pakistan is agreed (but for a creek at the sea).
AGREED_SOUTH_OF = 32.3


class Atlas:
    """A TopoJSON file: arcs as longitude and latitude in degrees."""

    def __init__(self, path: Path) -> None:
        topology = json.loads(path.read_text())
        (kx, ky), (x0, y0) = topology["transform"]["scale"], topology["transform"]["translate"]
        self.objects = topology["objects"]
        self._arcs = [
            [(x * kx + x0, y * ky + y0) for x, y in _sums(arc)] for arc in topology["arcs"]
        ]

    def line(self, index: int) -> list[Point]:
        return self._arcs[index] if index >= 0 else self._arcs[~index][::-1]

    def ring(self, indices: list[int]) -> list[Point]:
        points: list[Point] = []
        for index in indices:
            points += self.line(index)[1 if points else 0 :]
        return points

    def rings(self, name: str) -> Iterator[list[Point]]:
        for geometry in self.objects[name]["geometries"]:
            polygons = geometry["arcs"]
            for polygon in polygons if geometry["type"] == "MultiPolygon" else [polygons]:
                for indices in polygon:
                    yield self.ring(indices)

    def neighbours(self) -> dict[int, set[str]]:
        """Arc -> names of the countries on its sides."""
        sides: dict[int, set[str]] = defaultdict(set)
        for geometry in self.objects["countries"]["geometries"]:
            for index in _flat(geometry.get("arcs", [])):
                sides[max(index, ~index)].add(geometry["properties"]["name"])
        return sides


def _sums(arc: list[list[int]]) -> Iterator[tuple[int, int]]:
    x = y = 0
    for dx, dy in arc:
        x, y = x + dx, y + dy
        yield x, y


def _flat(nested: list[Any]) -> Iterator[int]:
    for item in nested:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def clip_ring(ring: list[Point]) -> list[Point]:
    """Sutherland and Hodgman's clipping of a ring to the region."""
    for axis, limit, sign in ((0, WEST, 1), (0, EAST, -1), (1, SOUTH, 1), (1, NORTH, -1)):
        kept: list[Point] = []
        for before, point in zip(ring[-1:] + ring[:-1], ring, strict=True):
            inside, was_inside = (sign * (p[axis] - limit) >= 0 for p in (point, before))
            if inside != was_inside:
                share = (limit - before[axis]) / (point[axis] - before[axis])
                kept.append(
                    (
                        before[0] + share * (point[0] - before[0]),
                        before[1] + share * (point[1] - before[1]),
                    )
                )
            if inside:
                kept.append(point)
        ring = kept
        if not ring:
            return []
    return ring


def clip_line(line: list[Point]) -> Iterator[list[Point]]:
    """The parts of a line within the region (whole vertices: the frame hides the rest)."""
    part: list[Point] = []
    for x, y in line:
        if WEST <= x <= EAST and SOUTH <= y <= NORTH:
            part.append((x, y))
        else:
            if len(part) > 1:
                yield part
            part = []
    if len(part) > 1:
        yield part


def is_disputed(sides: set[str]) -> bool:
    return "Siachen Glacier" in sides or sides in ({"China", "India"}, {"China", "Pakistan"})


def boundaries(atlas: Atlas) -> tuple[list[list[Point]], list[list[Point]]]:
    """(agreed, disputed) boundary lines of the region."""
    agreed: list[list[Point]] = []
    disputed: list[list[Point]] = []
    for index, sides in atlas.neighbours().items():
        if len(sides) < 2:
            continue
        for line in clip_line(atlas.line(index)):
            if sides == {"India", "Pakistan"}:
                cut = next((i for i, (_, y) in enumerate(line) if y > AGREED_SOUTH_OF), len(line))
                north_first = line[0][1] > line[-1][1]
                if north_first:
                    cut = next(i for i, (_, y) in enumerate(line) if y <= AGREED_SOUTH_OF)
                first, second = line[: cut + 1], line[cut:]
                agreed.append(second if north_first else first)
                disputed.append(first if north_first else second)
            else:
                (disputed if is_disputed(sides) else agreed).append(line)
    return agreed, disputed


def rounded(lines: list[list[Point]], digits: int) -> list[list[float]]:
    """Flat lists lon, lat, lon, lat...; points that fall together after rounding are one."""
    out = []
    for line in lines:
        points = [(round(x, digits), round(y, digits)) for x, y in line]
        kept = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
        if len(kept) > 1:
            out.append([value for point in kept for value in point])
    return out


def main(package: Path, target: Path) -> None:
    land = [clip_ring(ring) for ring in Atlas(package / "land-50m.json").rings("land")]
    agreed, disputed = boundaries(Atlas(package / "countries-50m.json"))
    world = list(Atlas(package / "land-110m.json").rings("land"))
    base_map = {
        "source": "Natural Earth 1:50m and 1:110m (public domain), by world-atlas 2.0.2",
        "region": {
            "bounds": [WEST, SOUTH, EAST, NORTH],
            "land": rounded([ring for ring in land if ring], 2),
            "borders": rounded(agreed, 2),
            "disputed": rounded(disputed, 2),
        },
        "world": {"bounds": [-180, -90, 180, 90], "land": rounded(world, 1)},
    }
    target.write_text(json.dumps(base_map, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
