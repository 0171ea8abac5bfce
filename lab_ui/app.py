"""The ASGI application: Streamlit's screens, our WebSocket and the files of the browser's side."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_ui import runtime
from lab_ui.follower import Follower
from lab_ui.hub import Hub
from lab_ui.picture import Picture
from lab_ui.viewers import Viewer
from records.clock import WallClock
from records.levels import LANGUAGES
from records.network import Network
from records.telemetry import Telemetry
from store.registry import Registry

ASSETS = Path(__file__).parent / "components" / "assets"
SCRIPT = Path(__file__).parent / "screens" / "main.py"
CHARTS = ("uPlot.iife.js", "uPlot.min.css")
MOST_WATCHED = 64


class Watch(msgspec.Struct, forbid_unknown_fields=True):
    """What a browser may say: the numbers of the series that it wants every point of."""

    watch: list[int]


def application(dsn: str, telemetry: Telemetry) -> st.App:
    """The screens over this store. Everything is served from this machine."""
    clock = WallClock()
    hub = Hub(Picture(Registry.of(Network((), (), (), ()))), clock)
    runtime.begin(hub, clock, dsn)

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
        follower = Follower(dsn, hub, clock, asyncio.get_running_loop(), telemetry)
        follower.start()
        yield {}
        await asyncio.to_thread(follower.stop)

    return st.App(
        SCRIPT,
        lifespan=lifespan,
        routes=[WebSocketRoute("/live", live(hub)), Route("/assets/{name}", asset)],
    )


def live(hub: Hub) -> Any:
    """The WebSocket: frames of the hub out, `Watch` in. What is not a `Watch` ends it."""

    async def serve(socket: WebSocket) -> None:
        language = socket.query_params.get("lang", "en")
        if language not in LANGUAGES or not same_origin(socket):
            await socket.close(1008)
            return
        await socket.accept()
        viewer = Viewer(language)
        hub.join(viewer)
        sending = asyncio.create_task(_send(hub, viewer, socket))
        try:
            while True:
                asked = msgspec.json.decode(await socket.receive_text(), type=Watch)
                hub.watch(viewer, asked.watch[:MOST_WATCHED])
        except (WebSocketDisconnect, msgspec.MsgspecError):
            pass
        finally:
            hub.leave(viewer)
            sending.cancel()

    return serve


async def _send(hub: Hub, viewer: Viewer, socket: WebSocket) -> None:
    try:
        while True:
            for frame in await viewer.next_frames() or hub.everything(viewer):
                await socket.send_text(frame)
    except (WebSocketDisconnect, RuntimeError):
        # The browser went away while we were sending; the receiving side cleans up.
        return


def same_origin(socket: WebSocket) -> bool:
    """Browsers name the page that opens a socket: only our own page may."""
    origin = socket.headers.get("origin")
    return origin is None or origin.partition("://")[2] == socket.headers.get("host")


async def asset(request: Request) -> Response:
    """One of our scripts, styles and maps, or uPlot's files from its own package."""
    name = request.path_params["name"]
    folder = charts() if name in CHARTS else ASSETS
    file = folder / name
    if file.parent != folder or not file.is_file():
        return Response(status_code=404)
    return FileResponse(file, headers={"Cache-Control": "no-cache"})


def charts() -> Path:
    """Where uPlot's files are. The package itself, which would pull in IPython, isn't imported."""
    spec = importlib.util.find_spec("uplot")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))) / "static"
