"""The alert desk: the queue, one incident in full, what people do about it, what is unwatched."""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st

from alerts import actions
from lab_ui import places, runtime, views
from lab_ui.components import show as component
from lab_ui.texts import texts
from records.errors import StoreUnavailable
from records.language import phrase, say
from records.levels import Level
from store import incidents
from store.connection import Database
from store.incidents import Incident

REFRESH_S = 2.0
LONGEST_NAME = 60
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
    asked = st.session_state.get("incident", st.query_params.get("incident"))
    chosen = next((i for i in opened if i.last.alert == asked), first)
    data = {
        "texts": texts(language),
        "cards": views.cards(picture, language),
        "closed": views.closed(picture, language),
        "selected": chosen.last.alert if chosen else None,
        "stale": picture.stale_since is not None,
        "watching": views.watching(picture, here.clock),
    }
    picked = component("queue", data, key="queue", state="selected")
    if picked is not None and picked != st.session_state.get("picked"):
        st.session_state["picked"] = st.session_state["incident"] = picked
        st.session_state.pop("told", None)
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
            places.series_view(picture.registry, picture.registry.series(n), language)
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
    registry = runtime.current().hub.picture.registry
    return [views.history_row(change, registry, language) for change in reversed(changes)]


def answers(incident: Incident, language: str) -> None:
    """Who is on duty, and what can be done: acknowledge with one key, note, all-clear."""
    person, alert = on_duty(language), incident.last.alert
    if st.button(
        say("Acknowledge", language),
        type="primary",
        key="acknowledge",
        shortcut="a",
        disabled=incident.acknowledged_by is not None or not person,
        help=None if person else say("Give your name first.", language),
        width="stretch",
    ):
        act(lambda db: actions.acknowledge(db, alert, person), language)
    acknowledge_event(incident, person, language)
    note = st.text_area(say("Note", language), key=f"note_{alert}", height=68, max_chars=1000)
    writing(incident, person, note.strip(), language)
    told = st.session_state.get("told")
    if told:
        st.html(f'<p class="told" role="status">{html.escape(told)}</p>')


def acknowledge_event(incident: Incident, person: str, language: str) -> None:
    """One wave makes an incident in every area on its way: they can be taken on together."""
    others = views.others(runtime.current().hub.picture, incident)
    waiting = [one.last.alert for one in (incident, *others) if one.acknowledged_by is None]
    if len(waiting) < 2:
        return
    label = say("Acknowledge all {count} of this event", language).format(count=len(waiting))
    if st.button(label, key="acknowledge_event", disabled=not person, width="stretch"):
        act(lambda db: acknowledge_each(db, waiting, person), language)


def acknowledge_each(db: Database, alerts: list[str], person: str) -> None:
    """Raises Refused for the first that can't be acknowledged."""
    for alert in alerts:
        actions.acknowledge(db, alert, person)


def on_duty(language: str) -> str:
    """The name that actions are signed with: typed once, kept in the address and the session."""
    if "person" not in st.session_state:
        known = st.session_state.get("who", st.query_params.get("who", ""))
        st.session_state["person"] = known[:LONGEST_NAME]
    person = st.text_input(
        say("On duty (your name)", language),
        key="person",
        max_chars=LONGEST_NAME,
        autocomplete="name",
    ).strip()
    if person and person != st.query_params.get("who"):
        st.session_state["who"] = st.query_params["who"] = person
    return person


def writing(incident: Incident, person: str, note: str, language: str) -> None:
    """A note, and the all-clear: a red's takes a note and two people, which `alerts` decides."""
    alert, left_out = incident.last.alert, not (person and note)
    if st.button(say("Add note", language), key="add_note", disabled=left_out, width="stretch"):
        act(lambda db: actions.add_note(db, alert, person, note), language)
    red = incident.last.level == Level.RED
    label = say("All-clear (two people)", language) if red else say("All-clear", language)
    if st.button(label, key="all_clear", disabled=left_out, width="stretch"):
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
    st.rerun(scope="fragment")


def health(language: str) -> None:
    here = runtime.current()
    picture = here.hub.picture
    data = {
        "texts": texts(language),
        "unwatched": views.unwatched(picture, here.clock, language),
        "count": len(picture.unwatched),
        "silent": views.silent(picture, here.clock, language),
        "stages": views.stages(picture, here.clock, language),
        "quarantined": picture.quarantined,
    }
    component("health", data, key="health")
