"""`b2ct kickstart` as an admin meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from b2ct.cli import main

EXAMPLE = Path(__file__).resolve().parents[2] / "inventories/example"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("B2CT_VAULT_PASSWORD_FILE", str(EXAMPLE / "vault-password.example"))
    return Path(shutil.copytree(EXAMPLE, tmp_path / "site"))


def b2ct(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["kickstart", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result


def test_every_text_is_written_and_told(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "new/out"
    result = b2ct(site, "-o", out)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "control1.ks", "control2.ks", "node1.ks", "node2.ks", "node3.preseed", "cache1.preseed",
    }  # fmt: skip
    assert f"6 texts valid, written to {out}" in result.output
    assert all(path.stat().st_mode & 0o077 == 0 for path in out.iterdir())


def test_one_text_goes_to_standard_output(site: Path, tmp_path: Path) -> None:
    result = b2ct(site, "control1")
    assert result.exit_code == 0
    b2ct(site, "control1", "-o", tmp_path / "out")
    assert result.stdout == (tmp_path / "out/control1.ks").read_text()


def test_whole_site_gives_one_text_a_release(site: Path, tmp_path: Path) -> None:
    result = b2ct(site, "--whole-site", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "example-almalinux-9.ks",
        "example-debian-12.preseed",
        "example-debian-13.preseed",
    }


def test_json(site: Path) -> None:
    rows = json.loads(b2ct(site, "control1", "node3", "--json").stdout)
    assert [(row["name"], row["kind"], row["release"], row["path"]) for row in rows] == [
        ("control1", "control", "almalinux-9", "control1.ks"),
        ("node3", "hypervisor", "debian-13", "node3.preseed"),
    ]


def test_diff_tells_what_a_change_of_the_site_changes(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    b2ct(site, "-o", out)
    same = b2ct(site, "--diff", out)
    assert (same.exit_code, same.stdout) == (0, "")
    text = (site / "site.yml").read_text()
    (site / "site.yml").write_text(text.replace("Europe/Rome", "Europe/Paris"))
    changed = b2ct(site, "control1", "--diff", out)
    assert changed.exit_code == 1
    assert [line for line in changed.stdout.splitlines() if "Europe" in line and line[0] in "+-"]
    assert "Europe/Rome" in (out / "control1.ks").read_text()
    one = b2ct(site, "control1", "--diff", out / "control1.ks")
    assert one.exit_code == 1
    refused = b2ct(site, "--diff", out / "control1.ks")
    assert refused.exit_code == 2
    assert "is one file, but 6 texts were rendered" in refused.stderr


def test_a_node_that_left_the_site_is_told(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.ks").write_text("x\n")
    result = b2ct(site, "-o", out)
    assert f"note: {out} also has old.ks, not of this run" in result.stderr
    assert (out / "old.ks").read_text() == "x\n"


def test_refusals(site: Path, tmp_path: Path) -> None:
    unknown = b2ct(site, "contrl1")
    assert unknown.exit_code == 2
    assert "contrl1 (did you mean control1?)" in unknown.stderr
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert b2ct(site, "-o", blocked / "below").exit_code == 2
    assert b2ct(site, "--diff", tmp_path / "nothing").exit_code == 2
    assert b2ct(site, "-j", "0").exit_code == 2


def test_nothing_is_written_for_a_site_with_problems(site: Path, tmp_path: Path) -> None:
    text = (site / "site.yml").read_text()
    (site / "site.yml").write_text(text.replace("10.20.0.12", "10.20.0.11"))
    result = b2ct(site, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "site.yml:" in result.stderr
    assert not (tmp_path / "out").exists()
