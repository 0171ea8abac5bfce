"""Free ports of this machine, for servers that must know theirs before they listen."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress

# Linux gives outgoing connections ports from 32768 on (net.ipv4.ip_local_port_range): one of those
# can be gone again between the look and the server's own bind.
_FIRST, _BEFORE = 20_000, 32_000


def free_port() -> int:
    """A port of 127.0.0.1 that is free, and that no outgoing connection will be given."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", _FIRST + secrets.randbelow(_BEFORE - _FIRST)))
            return int(probe.getsockname()[1])
