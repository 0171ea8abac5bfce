"""What all screens share: language, navigation, the line at the top, the page's style."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lab_ui import runtime
from lab_ui.components import show as component
from lab_ui.screens.desk import desk
from lab_ui.screens.station import station
from lab_ui.screens.wall import wall
from lab_ui.texts import texts
from lab_ui.views import bar
from records.language import RIGHT_TO_LEFT, say
from records.levels import LANGUAGES

STYLE = (Path(__file__).parent / "page.css").read_text()
LANGUAGE_NAMES = {"en": "English", "ur": "اردو", "zh": "中文"}


def show() -> None:
    """One run of the script: the top line and the chosen screen."""
    language = chosen_language()
    kiosk = st.query_params.get("kiosk") == "1"
    pages = [
        st.Page(wall, title=say("Live wall", language), url_path="home", default=True),
        st.Page(station, title=say("Station", language), url_path="station"),
        st.Page(desk, title=say("Alert desk", language), url_path="desk"),
        # The first page's own address is "/"; whoever types or has kept /wall finds it too.
        st.Page(wall, title=say("Live wall", language), url_path="wall", visibility="hidden"),
    ]
    st.set_page_config(page_title="Hoshyar", layout="wide", initial_sidebar_state="collapsed")
    page = st.navigation(pages, position="hidden" if kiosk else "top")
    st.html(f"<style>{STYLE}</style>")
    top_line(language, kiosk)
    page.run()


def chosen_language() -> str:
    """Of this session: by the address at first, then by the switch; kept in the address."""
    if "language" not in st.session_state:
        asked = st.query_params.get("lang", "en")
        st.session_state["language"] = asked if asked in LANGUAGES else "en"
    language: str = st.session_state["language"]
    if st.query_params.get("lang") != language:
        st.query_params["lang"] = language
    return language


def top_line(language: str, kiosk: bool) -> None:
    """The bar of figures, banners and languages. A new language runs the script again."""
    picture = runtime.current().hub.picture
    data = {
        **bar(picture, language),
        "texts": texts(language),
        "rtl": language in RIGHT_TO_LEFT,
        "languages": [[code, LANGUAGE_NAMES[code]] for code in LANGUAGES],
        "kiosk": kiosk,
    }
    chosen = component("bar", data, key="bar", state="language")
    if chosen in LANGUAGES and chosen != language:
        st.session_state["language"] = chosen
        st.rerun()
