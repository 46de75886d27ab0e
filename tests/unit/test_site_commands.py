"""b2ct check, b2ct schema and b2ct show, as the admin calls them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from b2ct.cli import main
from b2ct.load import load_site
from b2ct.schema import schema_text
from tests.unit.site_texts import BASE

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "inventories" / "example"


@pytest.fixture(autouse=True)
def no_vault_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("B2CT_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)


def b2ct(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "inventories" / "unit"
    folder.mkdir(parents=True)
    text = BASE.replace("Europe/Rome", "Mars").replace("10.20.0.21", "10.20.0.11")
    (folder / "site.yml").write_text(text)
    return folder


class TestCheck:
    def test_a_sound_site(self) -> None:
        password = EXAMPLE / "vault-password.example"
        done = b2ct("check", EXAMPLE, "--vault-password-file", password)
        assert done.exit_code == 0
        assert done.stdout.endswith("site.yml: 6 nodes on 3 networks, no problems, 1 note.\n")
        assert done.stderr == ""

    def test_all_problems_of_a_broken_one(self, broken: Path) -> None:
        done = b2ct("check", broken)
        assert done.exit_code == 2
        first, second, last = done.stderr.splitlines()
        assert first.startswith(f"{broken}/site.yml:6: site.timezone: 'Mars' is no time zone; ")
        assert second.startswith(f"{broken}/site.yml:56: nodes.node1.addresses.service: ")
        assert last == "2 problems found."

    def test_problems_of_the_vault_are_told_with_the_others(self, broken: Path) -> None:
        (broken / "vault.yml").write_text("vault_root_password: clear\n")
        done = b2ct("check", broken)
        assert "3 problems found." in done.stderr
        assert "vault.yml: is not encrypted; encrypt it with: ansible-vault encrypt" in done.stderr

    def test_json(self, broken: Path) -> None:
        done = b2ct("check", broken, "--json")
        assert done.exit_code == 2
        report = json.loads(done.stdout)
        assert report["site"] is None
        assert [problem["line"] for problem in report["problems"]] == [6, 56]
        assert report["problems"][0]["hint"] == "write one like Europe/Rome or Etc/UTC"
        assert report["notes"][0]["message"].startswith("does not exist")
        assert done.stderr == ""

    @pytest.mark.parametrize("name", ["unit", "inventories/unit", "inventories/unit/site.yml"])
    def test_ways_to_name_a_site(
        self, name: str, broken: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(broken.parents[1])
        done = b2ct("check", name)
        assert done.stderr.startswith("inventories/unit/site.yml:6: ")

    def test_a_wrong_vault_password(self, tmp_path: Path) -> None:
        (tmp_path / "wrong").write_text("wrong")
        done = b2ct("check", EXAMPLE, "--vault-password-file", tmp_path / "wrong")
        assert done.exit_code == 2
        assert "vault.yml: the vault password does not fit" in done.stderr

    def test_a_missing_vault_password(self, tmp_path: Path) -> None:
        done = b2ct("check", EXAMPLE, "--vault-password-file", tmp_path / "nowhere")
        assert done.exit_code == 2
        assert "nowhere was not found" in done.stderr

    def test_no_such_site(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        done = b2ct("check", "torino")
        assert done.exit_code == 2
        assert done.stderr.splitlines() == [
            "error: inventories/torino does not exist",
            "  hint: write a new site with: b2ct new torino",
        ]


class TestSchema:
    def test_the_example_fits(self) -> None:
        schema = json.loads(schema_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for text in ((EXAMPLE / "site.yml").read_text(), BASE):
            assert list(validator.iter_errors(yaml.safe_load(text))) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("keyboard: it", "keybord: it"),
            ("roles: [control]", "roles: [controll]"),
            ("size: 40GiB", "size: 40 bananas"),
            ("subnet: 10.20.0.0/24", "subnet: 10.20.0.0"),
            ('"52:54:00:20:00:11"', '"52:54:00"'),
            ("purpose: service", "purpose: servic"),
            ("label: UNIT", "label: unit"),
            ("vlan: 30", "vlan: 5000"),
            ("  private:\n    purpose", "  Private:\n    purpose"),
            ("release: almalinux-9", "release: almalinux-11"),
        ],
    )
    def test_editors_see_faults(self, old: str, new: str) -> None:
        assert BASE.count(old) == 1
        validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
        assert list(validator.iter_errors(yaml.safe_load(BASE.replace(old, new))))

    def test_keys_are_described(self) -> None:
        """An editor shows these texts beside the key."""
        schema = json.loads(schema_text())
        for name in ("Node", "General", "Install", "Network", "Disk", "Volume"):
            for key, value in schema["$defs"][name]["properties"].items():
                assert "description" in value or "$ref" in json.dumps(value), f"{name}.{key}"

    def test_output(self, tmp_path: Path) -> None:
        done = b2ct("schema", "-o", tmp_path / "s.json")
        assert done.exit_code == 0
        assert (tmp_path / "s.json").read_text() == schema_text() == b2ct("schema").stdout


class TestShow:
    def test_text(self) -> None:
        lines = b2ct("show", EXAMPLE).stdout.splitlines()
        assert lines[0] == "Site example"
        assert any(line.split()[:2] == ["control1", "control"] for line in lines)
        drawn = [line for line in lines if line.startswith("  node1 ─")]
        assert len(drawn) == 1
        assert drawn[0].count("●") == 3
        assert "10.20.0.21" in drawn[0]
        (cache,) = [line for line in lines if line.startswith("  cache1 ─")]
        assert (cache.count("●"), cache.count("│")) == (1, 2)

    def test_columns_of_the_picture_are_straight(self) -> None:
        lines = b2ct("show", EXAMPLE).stdout.splitlines()
        bare = next(line for line in lines if line.split() == ["│", "│", "│"])
        columns = [number for number, letter in enumerate(bare) if letter == "│"]
        for name in ("control1", "node3", "cache1"):
            (line,) = [line for line in lines if line.startswith(f"  {name} ─")]
            assert all(line[column] in "●┼│" for column in columns)

    def test_a_narrow_terminal_drops_the_devices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        assert "[bond0 (eno1+eno2)]" in b2ct("show", EXAMPLE).stdout
        monkeypatch.setenv("COLUMNS", "100")
        shown = b2ct("show", EXAMPLE).stdout
        assert "[bond0" not in shown
        assert "● 198.51.100.11 2001:db8:40::11" in shown
        monkeypatch.setenv("COLUMNS", "80")
        lines = b2ct("show", EXAMPLE).stdout.splitlines()
        assert any(line.endswith("● 198.51.100.11") for line in lines)

    def test_svg_is_well_formed_and_complete(self) -> None:
        root = ET.fromstring(b2ct("show", EXAMPLE, "--format", "svg").stdout)
        texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {"control1", "cache1", "10.20.0.11", "2001:db8:40::12", "private"} <= texts
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for element in root.iter():
            for name, limit in (("x", width), ("y", height), ("cy", height), ("y2", height)):
                assert 0 <= float(element.attrib.get(name, 0)) <= limit

    def test_html_is_complete_and_loads_nothing(self, tmp_path: Path) -> None:
        done = b2ct("show", EXAMPLE, "-o", tmp_path / "site.html")
        assert done.exit_code == 0
        page = (tmp_path / "site.html").read_text()
        assert page.count("<td>control1</td>") == 1
        assert "src=" not in page
        assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
        opened: list[str] = []

        class Tags(HTMLParser):
            def handle_starttag(self, tag: str, attrs: object) -> None:
                if tag not in {"meta", "br"}:
                    opened.append(tag)

            def handle_startendtag(self, tag: str, attrs: object) -> None:
                pass

            def handle_endtag(self, tag: str) -> None:
                assert opened.pop() == tag

        Tags().feed(page)
        assert opened == []

    def test_texts_of_the_site_are_escaped(self, tmp_path: Path) -> None:
        text = BASE.replace("serial: SN0001", "serial: '<b>&\"'")
        (tmp_path / "site.yml").write_text(text)
        assert "<b>" not in b2ct("show", tmp_path, "--format", "html").stdout
        assert "serial &lt;b&gt;&amp;" in b2ct("show", tmp_path, "--format", "html").stdout

    def test_json(self) -> None:
        shown = json.loads(b2ct("show", EXAMPLE, "--format", "json").stdout)
        assert list(shown["nodes"]) == list(load_site(EXAMPLE).nodes)
        assert shown["site"]["site"] == "example"
        assert shown["nodes"]["node3"]["release"] == "debian-13"

    def test_fifty_nodes_and_no_disk_size(self, tmp_path: Path) -> None:
        text = BASE.replace("      size: 960GB\n", "")
        for number in range(50):
            text += (
                f"  worker{number}:\n    roles: [hypervisor, cache]\n    hardware: box\n"
                f"    nics: [eno1, ens1f0, ens1f1]\n    serial: W{number:03d}\n"
                f"    addresses: {{service: 10.20.0.{100 + number}}}\n"
            )
        (tmp_path / "site.yml").write_text(text)
        for form in ("text", "svg", "html", "json"):
            done = b2ct("show", tmp_path, "--format", form)
            assert done.exit_code == 0
            assert done.stdout.count("worker49") >= 1

    def test_a_broken_site_writes_nothing(self, broken: Path, tmp_path: Path) -> None:
        done = b2ct("show", broken, "-o", tmp_path / "out.svg")
        assert done.exit_code == 2
        assert not (tmp_path / "out.svg").exists()
