"""The simulated world's labs, areas and stations, with their names in three languages.

The valley lies in Gilgit-Baltistan and the coast in Makran, but every lake, village, gauge and
reading of them is made up; each name says so where it could be taken for a real station.
"""

from __future__ import annotations

import itertools

from devices.river import SECTIONS, reach_s
from records.network import Area, Lab, Station

LABS = (
    Lab(id="gilgit", name="Gilgit mountain lab (simulated)"),
    Lab(id="gwadar", name="Gwadar coast lab (simulated)"),
)

AREAS = (
    Area(
        id="upper-valley",
        lab="gilgit",
        names={"en": "Upper Sanober valley", "ur": "بالائی وادی صنوبر", "zh": "萨诺伯河谷上游"},
        polygon=((36.482, 74.575), (36.482, 74.618), (36.448, 74.628), (36.446, 74.590)),
    ),
    Area(
        id="middle-valley",
        lab="gilgit",
        names={"en": "Middle Sanober valley", "ur": "وسطی وادی صنوبر", "zh": "萨诺伯河谷中游"},
        polygon=((36.447, 74.590), (36.449, 74.628), (36.426, 74.650), (36.422, 74.612)),
    ),
    Area(
        id="plant",
        lab="gilgit",
        names={"en": "Sanober power plant", "ur": "صنوبر بجلی گھر", "zh": "萨诺伯水电站"},
        polygon=((36.423, 74.622), (36.425, 74.651), (36.411, 74.660), (36.408, 74.630)),
    ),
    Area(
        id="village",
        lab="gilgit",
        names={"en": "Sanober village", "ur": "صنوبر گاؤں", "zh": "萨诺伯村"},
        polygon=((36.409, 74.632), (36.412, 74.665), (36.390, 74.676), (36.386, 74.642)),
    ),
    Area(
        id="makran-coast",
        lab="gwadar",
        names={"en": "Makran coast", "ur": "ساحلِ مکران", "zh": "莫克兰海岸"},
        polygon=(
            (25.35, 61.60), (25.45, 63.00), (25.45, 64.80),
            (25.05, 64.80), (24.95, 63.00), (24.95, 61.60),
        ),
    ),
)  # fmt: skip

_ON_LAND = {
    "lake": ("upper-valley", 36.4700, 74.5960, 3250.0, "Sanober lake", "صنوبر جھیل", "萨诺伯湖"),
    "moraine": (
        "upper-valley", 36.4672, 74.5985, 3262.0,
        "Sanober moraine", "صنوبر مورین", "萨诺伯冰碛坝",
    ),
    "stage-1": ("upper-valley", 36.4665, 74.5998, 3230.0, "Lake outlet", "جھیل کا دہانہ", "湖口"),
    "stage-2": ("upper-valley", 36.4585, 74.6055, 3185.0, "Gorge bridge", "گھاٹی پل", "峡谷桥"),
    "middle": (
        "middle-valley", 36.4400, 74.6190, 3110.0,
        "Birch terrace", "برچ ٹیرس", "桦树台地",
    ),
    "stage-3": ("middle-valley", 36.4330, 74.6220, 3040.0, "Birch ford", "برچ گھاٹ", "桦树渡口"),
    "plant": ("plant", 36.4205, 74.6330, 2940.0, "Power plant", "بجلی گھر", "水电站"),
    "village": ("village", 36.4040, 74.6480, 2885.0, "Village bridge", "گاؤں کا پل", "村桥"),
}  # fmt: skip

_AT_SEA = {
    "jiwani": (25.046, 61.742, 2.0, "Jiwani gauge", "جیوانی گیج", "吉瓦尼验潮站"),
    "gwadar": (25.112, 62.335, 2.0, "Gwadar gauge", "گوادر گیج", "瓜达尔验潮站"),
    "pasni": (25.252, 63.478, 2.0, "Pasni gauge", "پسنی گیج", "伯斯尼验潮站"),
    "ormara": (25.198, 64.638, 2.0, "Ormara gauge", "اورماڑہ گیج", "奥尔马拉验潮站"),
    "deep-1": (24.420, 63.050, -3000.0, "Deep sea 1", "گہرا سمندر 1", "深海1"),
    "deep-2": (24.450, 63.950, -2800.0, "Deep sea 2", "گہرا سمندر 2", "深海2"),
    "deep-3": (24.350, 62.050, -2600.0, "Deep sea 3", "گہرا سمندر 3", "深海3"),
    "buoy-1": (24.950, 62.300, 0.0, "Wave buoy 1", "موج پیما 1", "波浪浮标1"),
    "buoy-2": (25.050, 63.450, 0.0, "Wave buoy 2", "موج پیما 2", "波浪浮标2"),
    "buoy-3": (25.000, 64.600, 0.0, "Wave buoy 3", "موج پیما 3", "波浪浮标3"),
}


def _names(english: str, urdu: str, chinese: str) -> dict[str, str]:
    return {
        "en": f"{english} (simulated)",
        "ur": f"{urdu} (مصنوعی)",
        "zh": f"{chinese}（模拟）",
    }


def _downstream() -> dict[str, tuple[str, float]]:
    """Station -> (the next station upstream, seconds of travel from there)."""
    pairs = itertools.pairwise(SECTIONS)
    return {lower.station: (upper.station, reach_s(upper, lower)) for upper, lower in pairs}


def stations() -> tuple[Station, ...]:
    """Every station; `travel_s` is the time of a flood's front from the station above."""
    upstream = _downstream()
    kilometres = {section.station: section.km for section in SECTIONS}
    valley = [
        Station(
            id=name, lab="gilgit", area=area, lat=lat, lon=lon, elevation_m=elevation,
            name=_names(*words)["en"], names=_names(*words), river_km=kilometres.get(name),
            downstream_of=upstream[name][0] if name in upstream else None,
            travel_s=upstream[name][1] if name in upstream else None,
        )
        for name, (area, lat, lon, elevation, *words) in _ON_LAND.items()
    ]  # fmt: skip
    coast = [
        Station(
            id=name, lab="gwadar", area="makran-coast", lat=lat, lon=lon, elevation_m=elevation,
            name=_names(*words)["en"], names=_names(*words),
        )
        for name, (lat, lon, elevation, *words) in _AT_SEA.items()
    ]  # fmt: skip
    return (*valley, *coast)
