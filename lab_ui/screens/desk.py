"""The alert desk: the queue, one incident in full, what people do about it, what is unwatched."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from alerts import actions
from lab_ui import runtime, views
from lab_ui.components import show as component
from lab_ui.texts import texts
from records.errors import StoreUnavailable
from records.language import phrase, say
from records.levels import Level
from store import incidents
from store.connection import Database
from store.incidents import Incident

REFRESH_S = 2.0
Act = Callable[[Database], None]


@st.fragment(run_every=REFRESH_S)
def desk() -> None:
    """The whole desk again every two seconds; typed text and the choice stay."""
    language = st.session_state["language"]
    here = runtime.current()
    opened = here.hub.picture.open_incidents()
    left, middle, right = st.columns([30, 45, 25], gap="small")
    with left:
        chosen = queue(opened, language)
    with middle:
        in_full(chosen, language)
    with right:
        if chosen is not None:
            answers(chosen, language)
        health(language)


def queue(opened: tuple[Incident, ...], language: str) -> Incident | None:
    """The cards; the chosen incident, by default the first that nobody has acknowledged."""
    here = runtime.current()
    picture = here.hub.picture
    waiting = [i for i in opened if i.acknowledged_by is None]
    first = next(iter([*waiting, *opened]), None)
    asked = st.session_state.get("incident")
    chosen = next((i for i in opened if i.last.alert == asked), first)
    data = {
        "texts": texts(language),
        "cards": [views.card(picture, i, language) for i in opened],
        "selected": chosen.last.alert if chosen else None,
        "watching": not views.unwatched(picture, here.clock, language),
    }
    picked = component("queue", data, key="queue", state="selected")
    if picked is not None and picked != st.session_state.get("picked"):
        st.session_state["picked"] = st.session_state["incident"] = picked
        st.rerun(scope="fragment")
    return chosen


def in_full(incident: Incident | None, language: str) -> None:
    here = runtime.current()
    data: views.View = {"texts": texts(language), "card": None, "history": []}
    if incident is not None:
        data["card"] = views.card(here.hub.picture, incident, language)
        data["history"] = history(incident, language)
    component("incident", data, key="incident_in_full")
    if incident is not None:
        sensors(incident, language)


def sensors(incident: Incident, language: str) -> None:
    picture = runtime.current().hub.picture
    numbers = views.evidence(picture, incident)
    data = {
        "key": f"{language} {picture.registry.version} {incident.last.alert} {numbers}",
        "language": language,
        "texts": texts(language),
        "series": [
            views.series_view(picture.registry, picture.registry.series(n), language)
            for n in numbers
        ],
    }
    component("evidence", data, key="evidence")


def history(incident: Incident, language: str) -> list[views.View]:
    """Newest first; while the store is away, the last line alone."""
    try:
        with runtime.current().store() as db:
            changes = incidents.history(db, incident.last.alert)
    except StoreUnavailable:
        changes = [incident.last]
    return [views.history_row(change, language) for change in reversed(changes)]


def answers(incident: Incident, language: str) -> None:
    """Who is on duty, and what can be done: acknowledge with one key, note, all-clear."""
    person = st.text_input(
        say("On duty (your name)", language), key="person", max_chars=60, autocomplete="name"
    ).strip()
    if person:
        st.query_params["who"] = person
    done = incident.acknowledged_by is not None
    alert = incident.last.alert
    if st.button(
        say("Acknowledge", language),
        type="primary",
        key="acknowledge",
        shortcut="a",
        disabled=done or not person,
        help=None if person else say("Give your name first.", language),
        width="stretch",
    ):
        act(lambda db: actions.acknowledge(db, alert, person), language)
    note = st.text_area(say("Note", language), key=f"note_{alert}", height=68, max_chars=1000)
    ending(incident, person, note.strip(), language)
    told = st.session_state.pop("told", None)
    if told:
        st.html(f'<p class="told">{told}</p>')


def ending(incident: Incident, person: str, note: str, language: str) -> None:
    """The all-clear: a red takes a note and two people, which `alerts` decides."""
    red = incident.last.level == Level.RED
    label = say("All-clear (two people)", language) if red else say("All-clear", language)
    if st.button(
        label, key="all_clear", disabled=not (person and note), width="stretch"
    ):
        alert = incident.last.alert
        act(lambda db: actions.all_clear(db, alert, person, note), language)


def act(what: Act, language: str) -> None:
    """Do it in the store and say what came of it, or that nothing could be recorded."""
    try:
        with runtime.current().store() as db:
            what(db)
    except StoreUnavailable:
        said = say("The store can't be reached: nothing was recorded. Try again.", language)
    except actions.Refused as refused:
        said = phrase(refused.reason, language)
    else:
        said = say("Recorded.", language)
    st.session_state["told"] = said


def health(language: str) -> None:
    here = runtime.current()
    picture = here.hub.picture
    data = {
        "texts": texts(language),
        "unwatched": views.unwatched(picture, here.clock, language),
        "stages": views.stages(picture, here.clock, language),
        "quarantined": picture.quarantined,
    }
    component("health", data, key="health")
