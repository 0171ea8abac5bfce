"""A disk that can be full: a small file system or, without the right to mount, a size limit."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


class SmallDisk:
    """`size` bytes below `folder`. Close it after the processes that use it have ended."""

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(mode=0o755)
        self.folder, self._size = folder, size
        self.mounted = _quietly("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
        self._limited: list[int] = []

    def fill(self, pids: Iterable[int]) -> None:
        """From now on nothing more can be written; `pids`: who would write."""
        if self.mounted:
            found = os.statvfs(self.folder)
            self._resize((found.f_blocks - found.f_bfree) * found.f_frsize)
            return
        self._limited = list(pids)
        self._limit(4096)

    def free(self) -> None:
        """There is room again."""
        if self.mounted:
            self._resize(self._size)
        else:
            self._limit(resource.RLIM_INFINITY)
            self._limited = []

    def close(self) -> None:
        if self.mounted:
            _quietly("umount", "-l", str(self.folder))

    def _resize(self, size: int) -> None:
        _quietly("mount", "-o", f"remount,size={max(size, 4096)}", str(self.folder))

    def _limit(self, size: int) -> None:
        for pid in self._limited:
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                hard = process.rlimit(psutil.RLIMIT_FSIZE)[1]
                process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))


def _quietly(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
