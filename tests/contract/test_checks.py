"""Every check of `b2ct verify` says for whom it is, and in words what it looks at."""

from __future__ import annotations

import ast
from pathlib import Path

from b2ct.inventory.groups import groups
from b2ct.load import load_site
from b2ct.verify.areas import OWN, areas

ROOT = Path(__file__).resolve().parents[2]


def test_every_check_has_a_line_for_the_report() -> None:
    bad = []
    for file in sorted(OWN.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                bad.append(f"{file.name}: {node.name}: checks are functions")
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                line = (ast.get_docstring(node) or "").partition("\n\n")[0]
                if not 8 <= len(" ".join(line.split())) <= 100:
                    bad.append(f"{file.name}: {node.name}: {line!r} is no line for an admin")
    assert bad == []


def test_every_file_of_checks_names_groups_that_sites_have() -> None:
    known = {group.name for group in groups(load_site(ROOT / "inventories" / "example"))} | {"all"}
    found = {area.name: set(area.groups) - known for area in areas((OWN,))}
    assert {name: unknown for name, unknown in found.items() if unknown} == {}
