"""Our components. Streamlit is given a few lines that load the script from this server.

What a component is called with travels with every run of a script, so the scripts themselves
stay out of it: the browser fetches and keeps them (`/assets/NAME.js`). Data are handed over in a
list: Streamlit looks for data frames among a dictionary's values, and would load pandas and
pyarrow, 55 MB, to find none.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

_LOAD = """
export default async function (component) {{
  const url = new URL("/assets/{name}.js", window.location.origin);
  const script = await import(url.href);
  const {{ name, parentElement, setStateValue, data: [data] }} = component;
  return script.default({{ name, parentElement, setStateValue, data }});
}}
"""
NAMES = ("bar", "evidence", "facts", "health", "incident", "queue", "station", "wall")


def _registered(name: str) -> Any:
    return st.components.v2.component(f"hoshyar_{name}", js=_LOAD.format(name=name))


_mounts = {name: _registered(name) for name in NAMES}


def show(name: str, data: dict[str, Any], *, key: str, state: str = "") -> Any:
    """Draw a component; with `state`, the value that its browser's side has set, or None."""
    if not state:
        _mounts[name](key=key, data=[data])
        return None
    given = _mounts[name](key=key, data=[data], **{f"on_{state}_change": _nothing})
    return given.get(state)


def _nothing() -> None:
    """A change of state runs the script again; that is all that is wanted."""
