"""Starts a PostgreSQL program that ends when its starter does. Run as a file, by `store.programs`.

    python -ISB postmaster.py STARTER_PID UID GID PATH... -- PROGRAM ARGUMENT...

A program of its own because these steps must come between fork and exec, where a threaded
process may not run Python. It becomes UID (0: stays who it is), so it imports nothing of ours.
Where that user can't get at a PATH (a data folder below /root), the program keeps one right of
root: to pass through and read any folder. Linux only; elsewhere it just starts the program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# linux/prctl.h and linux/capability.h
_SET_PDEATHSIG, _SET_KEEPCAPS, _CAP_AMBIENT, _AMBIENT_RAISE = 1, 8, 47, 2
_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_RIGHTS = (_DAC_READ_SEARCH, _DAC_OVERRIDE)


def main(arguments: list[str]) -> None:
    starter, uid, gid = (int(text) for text in arguments[:3])
    split = arguments.index("--")
    paths, program = arguments[3:split], arguments[split + 1 :]
    os.umask(0o077)
    if uid:
        _become(uid, gid, paths)
    if sys.platform == "linux":
        _end_with(starter)
    os.execv(program[0], program)


def _end_with(starter: int) -> None:
    # SIGINT is PostgreSQL's fast stop: sessions are ended, and what is committed is on disk.
    # It comes when the *thread* that started us ends. A change of user would undo this.
    _call(_libc().prctl(_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0))
    if os.getppid() != starter:
        sys.exit("the program that started the database is gone")


def _become(uid: int, gid: int, paths: list[str]) -> None:
    libc = _libc()
    _call(libc.prctl(_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if _reachable(paths):
        _keep(libc, 0)
        return
    for right in _RIGHTS:
        try:
            _keep(libc, 1 << right)
            _call(libc.prctl(_CAP_AMBIENT, _AMBIENT_RAISE, right, 0, 0))
        except OSError:
            continue
        if _reachable(paths):
            return
    sys.exit("unreachable")


def _keep(libc: ctypes.CDLL, rights: int) -> None:
    """Keep no capability but these."""
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(rights, rights, rights, 0, 0, 0)
    _call(libc.capset(header, data))


def _reachable(paths: list[str]) -> bool:
    try:
        for path in paths:
            os.stat(f"{path}/.")  # noqa: PTH116 - pathlib drops the dot, which asks for passage
    except PermissionError:
        return False
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(sys.argv[1:])
