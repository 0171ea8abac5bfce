"""What a stage says of itself over HTTP: its measures as OpenMetrics, and whether it is well.

`/metrics` is OpenMetrics 1.0 text; `/healthz` answers 200 while the stage's own loop goes round and
503, with the reason, when it waits for something or stands still. A stage that can't listen says so
once and works on: nobody's readings wait for a dashboard.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from records.settings import Listening

# A stage shows a sign of life about every 2 s; a long commit or a slow disk takes some more.
STILL_AFTER_S = 15.0

Start = Callable[[str, list[tuple[str, str]]], Any]

log = logging.getLogger(__name__)


class Telemetry:
    """The measures of one stage, in `registry`, and its last sign of life."""

    def __init__(self, stage: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.stage = stage
        self.registry = CollectorRegistry()
        self._monotonic = monotonic
        self._last = ("starting", "", monotonic())
        self._server: WSGIServer | None = None

    def beat(self, state: str = "running", detail: str = "") -> None:
        """Say how the stage is, each time its loop comes round; `running` is well."""
        self._last = (state, detail, self._monotonic())

    def health(self) -> dict[str, str | bool]:
        """`ok`, `stage`, `state` and `detail`, as `/healthz` says them."""
        state, detail, at_s = self._last
        still_s = self._monotonic() - at_s
        if still_s > STILL_AFTER_S:
            state, detail = "still", f"nothing has moved for {still_s:.0f} s"
        return {"ok": state == "running", "stage": self.stage, "state": state, "detail": detail}

    def listen(self, address: Listening | None) -> None:
        """Answer there from now on, in a thread that ends with the process; nowhere for None."""
        if address is None:
            return
        try:
            server = self._server = make_server(
                address.host,
                address.port,
                self.answer,
                _Server6 if ":" in address.host else _Server,
                handler_class=_Handler,
            )
        except OSError as error:
            log.warning("nobody can read the measures of %s at %s: %s", self.stage, address, error)
            return
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """A WSGI application of two addresses."""
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
            text: bytes = generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return [text]
        if path == "/healthz":
            health = self.health()
            status = "200 OK" if health["ok"] else "503 Service Unavailable"
            start(status, [("Content-Type", "application/json")])
            return [json.dumps(health).encode() + b"\n"]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics or /healthz\n"]


class _Server(WSGIServer):
    request_queue_size = 16

    def server_bind(self) -> None:
        # The inherited one asks the name service who we are, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    # Who opens a connection and says nothing can't keep the next one waiting for long.
    timeout = 2.0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        """Scrapes are no news."""

    def address_string(self) -> str:
        return str(self.client_address[0])
