"""One station: its series over some hours, the newest values, what the registry says, CSV."""

from __future__ import annotations

import streamlit as st

from lab_ui import history, places, runtime
from lab_ui.components import show as component
from lab_ui.texts import texts
from records import times
from records.errors import StoreUnavailable
from records.language import say
from records.network import Station
from records.readings import ReadingBatch
from store import queries

HOURS = (1, 6, 24)


def station() -> None:
    language = st.session_state["language"]
    picture = runtime.current().hub.picture
    registry = picture.registry
    stations = {s.id: s for s in registry.network.station}
    if not stations:
        st.info(say("No station is enrolled yet.", language))
        return
    first, second, third = st.columns([40, 35, 25], vertical_alignment="bottom")
    with first:
        chosen = choose(stations, language)
    with second:
        hours = st.segmented_control(
            say("Hours", language), HOURS, default=1, key="hours", required=True
        )
    numbers = places.series_of(registry, chosen.id)
    with third:
        st.download_button(
            say("Download CSV", language),
            data=lambda: download(numbers, hours),
            file_name=f"{chosen.id}-{hours}h.csv",
            mime="text/csv",
            on_click="ignore",
            width="stretch",
        )
    wide, narrow = st.columns([78, 22])
    with wide:
        charts(chosen, numbers, hours, language)
    with narrow:
        rows = places.facts(registry, chosen, picture.best_effort, language)
        component("facts", {"rows": rows}, key="facts")


def choose(stations: dict[str, Station], language: str) -> Station:
    """The station of the address where there is one; the choice goes into the address."""
    ids = list(stations)
    asked = st.query_params.get("station")
    identity = st.selectbox(
        say("Station", language),
        ids,
        index=ids.index(asked) if asked in stations else 0,
        format_func=lambda i: places.station_name(stations[i], language),
        key="station",
    )
    st.query_params["station"] = identity
    return stations[identity]


def charts(chosen: Station, numbers: list[int], hours: int, language: str) -> None:
    here = runtime.current()
    registry = here.hub.picture.registry
    try:
        readings = past(numbers, hours)
    except StoreUnavailable:
        st.warning(say("The store can't be reached now. Try again.", language))
        return
    now_at = here.hub.picture.now(here.clock)
    data = {
        "key": f"{language} {registry.version} {chosen.id} {hours} {now_at // times.MINUTE}",
        "language": language,
        "texts": texts(language),
        "hours": hours,
        "step_ms": hours * times.HOUR // history.BUCKETS // 1000,
        "series": [places.series_view(registry, registry.series(n), language) for n in numbers],
        "columns": {n: history.columns(readings, n) for n in numbers},
    }
    component("station", data, key="station_charts")


def past(numbers: list[int], hours: int) -> ReadingBatch:
    """The last hours of these series. Raises StoreUnavailable."""
    here = runtime.current()
    now_at = here.hub.picture.now(here.clock)
    with here.store() as db:
        return queries.between(db, numbers, now_at - hours * times.HOUR, now_at + times.MINUTE)


def download(numbers: list[int], hours: int) -> str:
    return history.as_csv(past(numbers, hours), runtime.current().hub.picture.registry)
