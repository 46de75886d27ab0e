"""The roles keep the conventions: declared variables, literal defaults, no shortcuts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from b2ct.inventory import Secret
from b2ct.inventory.roles import ROLES as MAPPINGS
from b2ct.load import load_site

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
#: What a task may say besides its module.
_KEYWORDS = frozenset(
    """
    any_errors_fatal args async become become_user block always rescue changed_when check_mode delay
    delegate_facts delegate_to diff environment failed_when ignore_errors ignore_unreachable listen
    loop loop_control module_defaults name no_log notify poll register retries run_once tags
    throttle timeout until vars when
    """.split()  # noqa: SIM905 - a list of forty lines is not read
)


@cache
def options(role: str) -> dict[str, dict[str, Any]]:
    """Give the options of a role's main entry point."""
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text()
    return dict(yaml.safe_load(text)["argument_specs"]["main"].get("options") or {})


@cache
def defaults(role: str) -> dict[str, Any]:
    file = ROOT / "roles" / role / "defaults" / "main.yml"
    return dict(yaml.safe_load(file.read_text()) or {}) if file.exists() else {}


def all_options(of: dict[str, dict[str, Any]], path: str = "") -> Iterator[tuple[str, dict]]:
    for name, said in of.items():
        yield path + name, said
        yield from all_options(said.get("options") or {}, f"{path}{name}.")


def tasks(role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every task and handler of a role with its place, those in blocks too."""

    def inside(items: list[dict[str, Any]], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for task in items or ():
            yield f"{place}: {task.get('name', 'a task without name')}", task
            for part in ("block", "rescue", "always"):
                yield from inside(task.get(part, []), place)

    for folder in ("tasks", "handlers"):
        for file in sorted((ROOT / "roles" / role / folder).rglob("*.yml")):
            items = yaml.safe_load(file.read_text())
            yield from inside(items, str(file.relative_to(ROOT)))


def modules_of(task: dict[str, Any]) -> set[str]:
    return {key for key in task if key not in _KEYWORDS and not key.startswith("with_")}


def test_there_are_roles() -> None:
    assert "base" in ROLES


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_declared_with_the_same_values(role: str) -> None:
    declared = {name: said["default"] for name, said in options(role).items() if "default" in said}
    assert defaults(role) == declared


@pytest.mark.parametrize("role", ROLES)
def test_options_have_type_and_description(role: str) -> None:
    poor = [
        name
        for name, said in all_options(options(role))
        if "type" not in said or not said.get("description")
    ]
    assert poor == []
    assert [name for name in options(role) if not name.startswith(f"{role}_")] == []
    neither = [
        name
        for name, said in options(role).items()
        if "default" not in said and not said.get("required")
    ]
    assert neither == [], "neither a default nor required: what does the role do without?"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_literals(role: str) -> None:
    templates = [name for name, value in defaults(role).items() if "{{" in str(value)]
    assert templates == []


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda m: m.__name__.rpartition(".")[2])
def test_what_the_inventory_gives_is_declared(mapping: Any) -> None:
    role = mapping.__name__.rpartition(".")[2]
    site = load_site(ROOT / "inventories" / "example")
    given: dict[str, Any] = {}
    if hasattr(mapping, "site_variables"):
        given.update(mapping.site_variables(site))
    if hasattr(mapping, "host_variables"):
        for node in site.resolved.values():
            given.update(mapping.host_variables(site, node))
    known = {name for other in ROLES for name in options(other)}
    assert set(given) - known == set()
    assert [name for name in given if not name.startswith(f"{role}_")] == []
    needed = {name for name, said in options(role).items() if said.get("required")}
    assert needed - set(given) == set(), "required, and the example site does not give it"
    # A secret is a reference; no default of a role holds one.
    for name, value in given.items():
        if isinstance(value, Secret):
            assert not defaults(role).get(name), f"{name} has a default"


@pytest.mark.parametrize("role", ROLES)
def test_templates_say_that_they_are_managed(role: str) -> None:
    bare = []
    folder = ROOT / "roles" / role / "templates"
    for file in sorted(folder.rglob("*.j2")):
        if file.parent == folder or file.name.endswith(".json.j2"):
            # It makes data for a module or a program: a file's template stands at its path.
            continue
        # Statements leave no text; an interpreter or XML declaration must be the first line.
        text = re.sub(
            r"\A(?:\s|\{%.*?%\}|\{#.*?#\})*(?:(?:#!|<\?xml)[^\n]*\n)?",
            "",
            file.read_text(),
            flags=re.S,
        )
        if not re.match(r"\{\{ ansible_managed \| comment", text):
            bare.append(str(file.relative_to(ROOT)))
    assert bare == []


@pytest.mark.parametrize("role", ROLES)
def test_tasks_are_spelt_out(role: str) -> None:
    wrong = []
    for place, task in tasks(role):
        modules = modules_of(task)
        if "block" not in task and len(modules) != 1:
            wrong.append(f"{place}: {sorted(modules)}")
        for module in modules:
            if not module.startswith(("ansible.builtin.", "b2ct.cloud.")):
                wrong.append(f"{place}: {module} is not of ansible.builtin or b2ct.cloud")
        if "ignore_errors" in task:
            wrong.append(f"{place}: ignore_errors")
        if task.get("no_log") is True:
            wrong.append(f"{place}: no_log hides a failure; write a variable")
        name = str(task.get("name", ""))
        if not name or not (name[0].isupper() or not name[0].isalpha()):
            wrong.append(f"{place}: a name begins with a capital letter")
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_the_main_file_only_includes(role: str) -> None:
    """But for a role of one concern, which is all in it."""
    main = yaml.safe_load((ROOT / "roles" / role / "tasks" / "main.yml").read_text())
    modules = {module for task in main for module in modules_of(task)}
    including = {"include_tasks", "import_tasks", "include_vars", "include_role", "import_role"}
    only = {module.rpartition(".")[2] for module in modules} <= including | {"meta"}
    assert only or len(main) <= 8


def test_roles_know_nothing_of_the_inventory_s_own_facts() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in sorted((ROOT / "roles").rglob("*"))
        if file.is_file() and file.suffix in {".yml", ".j2"}
        for name in re.findall(
            r"\b(b2ct_(?:site|domain|networks|links|fqdn|roles|kind|nics|admins|release)\w*)\b(?!\s*\|\s*default)",
            file.read_text(),
        )
    ]
    assert found == []
