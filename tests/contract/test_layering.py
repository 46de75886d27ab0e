"""Who may import whom: the house's floors (docs/developing.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: package -> top-level modules that it never imports
FORBIDDEN = {
    "iso_builder": {"b2ct", "jinja2", "click", "pydantic", "ansible", "yaml", "pykickstart"},
    "b2ct/model": {"yaml", "jinja2", "click", "ansible", "iso_builder", "pykickstart"},
    "b2ct/render": {"yaml", "click", "ansible"},
    "b2ct/load": {"jinja2", "click", "iso_builder", "pykickstart"},
    "b2ct/check": {"yaml", "jinja2", "click", "ansible", "iso_builder", "pykickstart"},
    "b2ct/show": {"yaml", "click", "ansible", "iso_builder", "pykickstart"},
    "b2ct/new": {"yaml", "click", "ansible", "pykickstart"},
    "b2ct/inventory": {"yaml", "jinja2", "click", "ansible", "iso_builder", "pykickstart"},
    "b2ct/media": {"yaml", "jinja2", "click", "ansible"},
}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Give (top-level module, line) of every import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0], node.lineno


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_keeps_to_its_floor(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package} is gone: correct this table"
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in files
        for module, line in imports(path)
        if module in FORBIDDEN[package]
    ]
    assert found == []


def test_only_the_command_line_exits() -> None:
    found = []
    for path in sorted((ROOT / "b2ct").rglob("*.py")) + sorted(
        (ROOT / "iso_builder").rglob("*.py")
    ):
        if path == ROOT / "b2ct/cli.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"exit", "_exit"}
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"sys", "os"}
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_rooms_stay_small_enough_to_live_in() -> None:
    large = {
        str(path.relative_to(ROOT)): lines
        for folder in ("b2ct", "iso_builder", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > 420
    }
    assert large == {}


def test_the_collection_is_imported_late() -> None:
    """Who imports it before Ansible's loader is there hides it from Ansible: no site can be read.

    Checks of ``b2ct verify`` are imported by pytest when the hosts have been read.
    """
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "b2ct").rglob("*.py"))
        if path.parent != ROOT / "b2ct/verify/checks"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ansible_collections")
    ]
    assert found == []
