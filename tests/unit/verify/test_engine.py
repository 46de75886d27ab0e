"""Checks on this machine, through Ansible's own inventory: what they find and what they hide."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from b2ct.errors import B2ctError
from b2ct.load import VaultOptions
from b2ct.verify import Limits, Outcome, Report, find_areas, fleet, json_text, junit, text, verify
from tests.unit.site_texts import BASE

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "inventories" / "example"
VAULT = VaultOptions(password_files=(str(EXAMPLE / "vault-password.example"),))
SECRET = "example-root-7f3kq9wz"

CHECKS = '''
import time
import pytest

GROUPS = ("hypervisor",)
UNITS = ("b2ct-no-such.service",)


def test_good(host, wanted):
    """The table of accounts is there."""
    assert host.file(wanted["accounts"]).exists
    assert wanted["b2ct_domain"] == "example.org"


def test_bad(host):
    """A unit that does not exist runs."""
    assert host.service("b2ct-no-such").is_running


def test_leaks(host, wanted):
    """A failure that shows a password"""
    assert host.check_output("echo %s", "x") == wanted["my_password"]


def test_command(host):
    """A command that fails"""
    host.check_output("ls /b2ct-no-such")


def test_left_out():
    """A check that does not apply"""
    pytest.skip("nothing here")


@pytest.mark.parametrize("size", ["small", "large"])
def test_alike(size):
    """Alike checks"""


def test_broken(host):
    """A check with a fault of its own"""
    {}["nothing"]


def test_slow(host):
    """A command that does not end"""
    host.run("sleep 20")
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "site.yml").write_text(BASE)
    shutil.copy(EXAMPLE / "vault.yml", folder)
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(
        "ansible_connection: local\n"
        "accounts: '{{ where }}/passwd'\n"
        "where: /etc\n"
        "my_password: '{{ vault_root_password }}'\n"
    )
    (folder / "checks").mkdir()
    (folder / "checks" / "test_own.py").write_text(CHECKS)
    return folder


@pytest.fixture(scope="module")
def report(site: Path) -> Report:
    ships = fleet(site / "site.yml", ["node1"], VAULT)
    return verify("unit", ships, find_areas(site, ["own"]), Limits(command_s=2))


def test_every_outcome_is_told(report: Report) -> None:
    (host,) = report.hosts
    told = {check.name: (check.outcome.value, check.detail) for check in host.checks}
    assert told.pop("test_broken") == ("failed", "KeyError: 'nothing'\n(test_own.py:42)")
    assert told.pop("test_leaks")[0] == "failed"
    assert told == {
        "reachable": ("passed", ""),
        "test_good": ("passed", ""),
        "test_bad": ("failed", "<service b2ct-no-such>.is_running is False"),
        "test_command": (
            "failed",
            "'ls /b2ct-no-such' ended with code 2: ls: cannot access '/b2ct-no-such':"
            " No such file or directory",
        ),
        "test_left_out": ("skipped", "nothing here"),
        "test_alike[small]": ("passed", ""),
        "test_alike[large]": ("passed", ""),
        "test_slow": ("failed", "no answer within 2 s to: sleep 20\n(connection.py:"),
    } | {"test_slow": told["test_slow"]}
    assert told["test_slow"][1].startswith("no answer within 2 s to: sleep 20")
    assert not report.good


def test_words_are_those_of_the_docstrings(report: Report) -> None:
    words = [check.words for check in report.checks]
    assert "The table of accounts is there" in words
    assert "Alike checks (small)" in words


def test_no_form_of_the_report_shows_a_secret(report: Report) -> None:
    for shown in (text(report), json_text(report), junit(report)):
        assert SECRET not in shown
        assert "[secret]" in shown


def test_the_text_names_host_check_and_verdict(report: Report) -> None:
    shown = text(report)
    assert shown.startswith("node1 (localhost; el, el9, hardware_box, hypervisor)\n")
    assert "  FAILED  own: A unit that does not exist runs\n" in shown
    assert "  skipped  own: A check that does not apply: nothing here\n" in shown
    assert shown.splitlines()[-1].startswith("unit: NOT accepted: 10 checks on 1 host in ")
    assert "4 passed, 5 failed, 1 skipped" in shown


def test_json_and_junit_count_alike(report: Report) -> None:
    data = json.loads(json_text(report))
    assert data["counts"] == {"passed": 4, "failed": 5, "skipped": 1}
    assert data["accepted"] is False
    suite = ElementTree.fromstring(junit(report)).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("10", "5", "1")
    assert len(suite.findall("testcase/failure")) == 5


def test_a_host_without_checks_is_not_accepted(site: Path) -> None:
    ships = fleet(site / "site.yml", [], VAULT)
    found = find_areas(site, ["own"])
    report = verify("unit", ships, found, Limits(command_s=2))
    control = next(host for host in report.hosts if host.host == "control1")
    assert [check.outcome for check in control.checks] == [Outcome.PASSED, Outcome.FAILED]
    assert "no check is meant for this host" in control.checks[1].detail


def test_a_host_that_the_chosen_areas_do_not_concern_is_left_out(site: Path) -> None:
    ships = fleet(site / "site.yml", [], VAULT)
    limits = Limits(command_s=2, narrow=True)
    report = verify("unit", ships, find_areas(site, ["own"]), limits)
    assert [host.host for host in report.hosts] == ["node1"]


def test_no_checks_at_all_is_an_error(site: Path) -> None:
    ships = fleet(site / "site.yml", ["control1"], VAULT)
    with pytest.raises(B2ctError, match="none of the hosts is meant by these checks: own"):
        verify("unit", ships, find_areas(site, ["own"]))


def test_a_host_that_does_not_answer_is_a_failure(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "s")
    (tmp_path / "s" / "host_vars").mkdir()
    (tmp_path / "s" / "host_vars" / "node1.yml").write_text(
        "ansible_connection: ssh\nansible_host: 127.0.0.1\nansible_port: 9\n"
    )
    found = find_areas(tmp_path / "s", ["own"])
    report = verify("unit", fleet(tmp_path / "s" / "site.yml", ["node1"], VAULT), found)
    (check,) = report.checks
    assert (check.area, check.outcome) == ("connection", Outcome.FAILED)
    assert "Connection refused" in check.detail


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("def test_x():\n    pass\n", "does not say for which groups it is meant"),
        ("GROUPS = 'cache'\n", "GROUPS must be a tuple of texts"),
        ("GROUPS = (\n", "cannot read the checks"),
    ],
)
def test_a_file_of_checks_without_sense_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_x.py").write_text(content)
    with pytest.raises(B2ctError, match=told):
        find_areas(tmp_path, [])


def test_a_file_that_cannot_be_imported_is_a_failure(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "s")
    (tmp_path / "s/checks/test_own.py").write_text("GROUPS = ('all',)\nimport b2ct_no_such\n")
    found = find_areas(tmp_path / "s", ["own"])
    report = verify("unit", fleet(tmp_path / "s" / "site.yml", ["node1"], VAULT), found)
    bad = report.checks[-1]
    assert (bad.area, bad.outcome) == ("own", Outcome.FAILED)
    assert "b2ct_no_such" in bad.detail


def test_a_name_that_is_no_host_is_refused(site: Path) -> None:
    with pytest.raises(B2ctError) as caught:
        fleet(site / "site.yml", ["nodee1"], VAULT)
    assert caught.value.hint == "did you mean 'node1'?"


def command(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "b2ct", "verify", site, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=site,
    )


def test_the_command_exits_with_what_was_found(site: Path, tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE)
    shutil.copytree(site / "group_vars", tmp_path / "group_vars")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/test_own.py").write_text(
        'GROUPS = ("all",)\ndef test_x(host):\n    """Something true"""\n'
        '    assert host.file("/flag").exists or True\n'
    )
    only = ("--only", "own")
    good = command(tmp_path, *only, "--junit", str(tmp_path / "j.xml"))
    assert good.returncode == 0, good.stdout + good.stderr
    assert "unit: accepted: 4 checks on 2 hosts" in good.stdout
    assert ElementTree.parse(tmp_path / "j.xml").getroot().get("failures") == "0"
    (tmp_path / "checks/test_own.py").write_text(
        'GROUPS = ("all",)\ndef test_x(host):\n    """Something true"""\n    assert not host\n'
    )
    bad = command(tmp_path, *only, "--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["counts"]["failed"] == 2
    wrong = command(tmp_path, "--only", "owl")
    assert wrong.returncode == 2
    assert "there are no checks 'owl'" in wrong.stderr
