"""The parts of the test containers that need no container."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.containers import el, runner, verify
from tests.containers.places import SCENARIOS
from tests.containers.session import admin_public_key


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/lib/systemd/system/a.service", "/usr/lib/systemd/system/a.service"),
        ("/sbin/a", "/usr/sbin/a"),
        ("/etc/a/conf", "/etc/b/conf"),
        ("/etc/a/own", "/etc/own"),
        ("/etc/ab", "/etc/ab"),
        ("/usr/share/doc/a/README", None),
        ("/etc/init.d/a", None),
        ("/usr/lib/x/y", None),
    ],
)
def test_debian_s_paths_on_el(path: str, place: str | None) -> None:
    package = el.Package(
        "a", move={"/etc/a": "/etc/b", "/etc/a/own": "/etc/own"}, drop=("/usr/lib/x",)
    )
    assert el._place(path, package) == place


def test_a_recipe_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(SystemExit, match="unknown keys"):
        el.Package.read("a", {"form": ["a"]})


@pytest.mark.parametrize(
    ("debian", "version"),
    [
        ("1:2.3-4+deb12u1", "2.3"),
        ("2.3+dfsg1-1", "2.3.dfsg1"),
        ("7", "7"),
        ("1.0~rc1-2", "1.0~rc1"),
    ],
)
def test_versions(debian: str, version: str) -> None:
    assert el._Rpm("a", debian).version == version


def test_every_recipe_is_sound_and_in_one_file_only() -> None:
    packages = el.recipes()
    carried = [debian for package in packages.values() for debian in package.from_]
    assert sorted(carried) == sorted(set(carried)), "a Debian package is carried twice"
    for package in packages.values():
        assert set(package.requires) <= set(packages), f"{package.name} requires what is not there"


def test_every_scenario_has_the_admin_whom_the_tests_log_in_as() -> None:
    key = admin_public_key().rpartition(" ")[0]
    for name in runner.scenarios():
        assert key in (SCENARIOS / name / "inventory" / "site.yml").read_text(), name


def test_every_scenario_checks_something() -> None:
    for name in runner.scenarios():
        folder = SCENARIOS / name
        checks = [
            role for role in verify.roles(folder) if (verify.CHECKS / f"test_{role}.py").exists()
        ]
        assert checks or list((folder / "tests").glob("test_*.py")), name


def test_every_role_has_a_scenario() -> None:
    assert runner.roles_without_scenario() == []


def test_images_by_release() -> None:
    assert runner.images_of("base") == ["debian12", "el9"]
    assert [runner._image(name) for name in ("rocky-9", "debian-13")] == ["el9", "debian13"]


def test_a_report_without_tests_is_no_success(tmp_path: Path) -> None:
    report = tmp_path / "verify-own.xml"
    report.write_text(
        '<testsuites><testsuite><testcase name="a"><skipped/></testcase></testsuite></testsuites>'
    )
    assert runner._tests(report) == 0
