"""`python -m lab_ui`: the screens over the store, until they are told to stop."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys

from records import lifeline
from records.errors import SettingsError, StoreUnavailable
from records.settings import Settings
from records.telemetry import Telemetry
from store.connection import connect

CONFIG: dict[str, object] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "runner.magicEnabled": False,
    "runner.postScriptGC": False,
    "server.enableStaticServing": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "theme.base": "dark",
    "theme.backgroundColor": "#15191E",
    "theme.secondaryBackgroundColor": "#1A1F25",
    "theme.primaryColor": "#2F6A9A",
    "theme.textColor": "#D7DDE3",
    "theme.borderColor": "#2A323B",
    "theme.baseRadius": "small",
    "theme.font": "system-ui, sans-serif",
    "theme.codeFont": "ui-monospace, monospace",
}


def main() -> int:
    """0 after SIGTERM or SIGINT; 2 and one line where a setting or the port is wrong."""
    lifeline.hold(os.environ)
    try:
        settings = Settings.read(os.environ)
        if not settings.dsn:
            raise SettingsError("HOSHYAR_DSN is empty: say which database the screens read")
        logging.basicConfig(level=settings.log_level.upper(), format="lab_ui: %(message)s")
        try_database(settings.dsn.reveal())
        listening = listen(settings.ui_host, settings.ui_port)
    except SettingsError as error:
        sys.stderr.write(f"lab_ui: {error}\n")
        return 2
    serve(settings, listening)
    return 0


def try_database(dsn: str) -> None:
    """Raises SettingsError where no waiting helps; a database that is away is waited for later."""
    try:
        connect(dsn, stage="lab_ui").close()
    except StoreUnavailable as error:
        logging.getLogger("lab_ui").warning("the screens start without the store: %s", error)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises SettingsError where the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, UnicodeError) as error:
        listening.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} on {host} is taken by another program: end it or set HOSHYAR_UI_PORT"
            ) from None
        raise SettingsError(
            f"the screens can't listen on {host} port {port} ({error}): set HOSHYAR_UI_HOST and"
            " HOSHYAR_UI_PORT"
        ) from None
    return listening


def serve(settings: Settings, listening: socket.socket) -> None:
    # Imported late, so that a wrong setting is said at once.
    import uvicorn
    from streamlit import config

    for name, value in CONFIG.items():
        config.set_option(name, value)
    from lab_ui.app import application

    telemetry = Telemetry("lab_ui")
    telemetry.listen(settings.metrics)

    uvicorn_config = uvicorn.Config(
        application(settings.dsn.reveal(), telemetry),
        ws="websockets-sansio",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    # The server repeats the signal that ended it, so that the process would end by it too; being
    # asked to stop is no failure here.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(uvicorn_config).run(sockets=[listening])


if __name__ == "__main__":
    sys.exit(main())
