"""The live wall: one component, fed by the hub; Python has no part in it once it stands."""

from __future__ import annotations

import streamlit as st

from lab_ui import runtime, views
from lab_ui.components import show as component


def wall() -> None:
    language = st.session_state["language"]
    kiosk = st.query_params.get("kiosk") == "1"
    picture = runtime.current().hub.picture
    component("wall", views.wall(picture, language, kiosk=kiosk), key="wall")
