"""The documentation says what the source does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from b2ct.load import read_site
from b2ct.load.document import parse

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


GENERATOR = runpy.run_path(str(ROOT / "tools" / "generate-docs"))


def test_the_reference_of_the_site_file_is_up_to_date() -> None:
    assert (REFERENCE / "site.md").read_text() == GENERATOR["Site"]().text(), "run: make docs"


def test_the_reference_of_the_commands_is_up_to_date() -> None:
    assert (REFERENCE / "commands.md").read_text() == GENERATOR["commands"](), "run: make docs"


def test_links_of_the_reference_lead_somewhere() -> None:
    text = (REFERENCE / "site.md").read_text()
    headings = {
        re.sub(r"[^a-z0-9_-]", "", heading.lower())
        for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings


def test_the_worked_example_of_the_site_file_is_sound(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "site-file.md").read_text()
    example = text.split("<!-- example:")[1].split("```yaml\n")[1].split("```")[0]
    (tmp_path / "site.yml").write_text(example)
    loaded = read_site(tmp_path)
    assert loaded.notes == ()
    assert list(loaded.site.nodes) == ["control1", "control2", "node1", "node2"]


def test_the_yaml_traps_are_as_told() -> None:
    data = parse("a: 6.10\nb: 0012\nc: no\nd: 52:54:00:20:00:11\n", "f").data
    assert data == {"a": 6.1, "b": 10, "c": False, "d": data["d"]}
    assert isinstance(data["d"], int)
