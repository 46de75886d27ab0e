"""rOCCI-server: where it is refused, in `b2ct check` and by the role, and what the role writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from b2ct.inventory import inventory
from b2ct.load import load_site
from b2ct.model import RELEASES, ROCCI_RUBIES, RUBIES
from tests.unit.site_texts import BASE, altered, told

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/rocci"
ON = "rocci: {enabled: true, keystone: 'https://keystorm.example.org:5000/'} #!\ninstall:\n"
ANSIBLE = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("release", "title", "ruby"),
    [
        ("almalinux-9", "AlmaLinux 9", "3.0"),
        ("rocky-10", "Rocky Linux 10", "3.3"),
        ("debian-12", "Debian 12", "3.1"),
        ("debian-13", "Debian 13", "3.3"),
    ],
)
def test_check_refuses_a_ruby_that_is_too_new(
    tmp_path: Path, release: str, title: str, ruby: str
) -> None:
    text, line = altered("install:\n", ON)
    lines = told(tmp_path, text.replace("release: almalinux-9", f"release: {release}"))
    assert lines == [
        f"{line}: rocci.enabled: rOCCI-server 2.0, of 2017, runs on Ruby 2.2.6 to 2.6; control1"
        f" ({title}) has Ruby {ruby}; write false, and let clients use OpenNebula's XML-RPC behind"
        " TLS, as DIRAC does (docs/rocci.md); it would run on EL 8"
    ]


def test_check_lets_el_8_pass_with_a_token_service_only(tmp_path: Path) -> None:
    text, line = altered("install:\n", ON)
    text = text.replace("release: almalinux-9", "release: almalinux-8")
    (tmp_path / "site.yml").write_text(text)
    variables = inventory(load_site(tmp_path)).host_variables
    assert variables["control1"]["rocci_enabled"] is True
    assert variables["control1"]["rocci_clients"] == ["10.20.0.0/24"]
    assert not [name for name in variables["node1"] if name.startswith("rocci_")]
    (said,) = told(tmp_path, text.replace(", keystone: 'https://keystorm.example.org:5000/'", ""))
    assert said.startswith(f"{line}: rocci.enabled: rOCCI-server lets in whoever brings a token")


def test_check_refuses_another_node(tmp_path: Path) -> None:
    text, line = altered("install:\n", ON.replace("enabled", "node: node1, enabled"))
    (said,) = told(tmp_path, text)
    assert said == f"{line}: rocci.node: 'node1' is no control node; known here: control1"


def test_it_is_off_by_default(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE)
    variables = inventory(load_site(tmp_path)).host_variables
    assert variables["control1"]["rocci_enabled"] is False


def test_role_and_check_know_the_same_rubies() -> None:
    said = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    families = {"el": "RedHat", "debian": "Debian"}
    assert said["__rocci_rubies"] == {
        f"{families[family.value]} {major}": ruby for (family, major), ruby in RUBIES.items()
    }
    assert (said["__rocci_first_ruby"], said["__rocci_last_ruby"]) == ROCCI_RUBIES
    supported = {(one.family, one.major) for one in RELEASES.values() if not one.legacy}
    assert supported == set(RUBIES)


def _run(folder: Path, tasks: list[dict[str, Any]], family: str, major: str) -> str:
    """Run tasks on this machine with the facts of another system."""
    facts = {
        "ansible_os_family": family,
        "ansible_distribution": family,
        "ansible_distribution_major_version": major,
        "ansible_pkg_mgr": "dnf",
    }
    (folder / "library").mkdir()
    (folder / "library/other_system.py").write_text(
        "#!/usr/bin/python\nimport json\n# WANT_JSON\n"
        f"print(json.dumps({{'changed': False, 'ansible_facts': {facts!r}}}))\n"
    )
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"other_system": None}, *tasks]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(  # noqa: PLW1510
        [ANSIBLE / "ansible-playbook", "-i", "localhost,", "-c", "local", folder / "play.yml",
         "-e", json.dumps({"ansible_python_interpreter": sys.executable})],
        capture_output=True, text=True, cwd=folder,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ROLES_PATH": str(ROLE.parent)},
    )  # fmt: skip
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


WANTED = {
    "rocci_enabled": True,
    "rocci_names": ["cloud.example.org"],
    "rocci_certificate": "/etc/b2ct/tls/opennebula",
    "rocci_clients": ["10.20.0.0/24"],
    "rocci_keystone": "https://keystorm.example.org:5000/",
}


@pytest.mark.parametrize(
    ("family", "major", "ruby"),
    [
        ("RedHat", "9", "Ruby 3.0"),
        ("RedHat", "10", "Ruby 3.3"),
        ("Debian", "12", "Ruby 3.1"),
        ("Debian", "13", "Ruby 3.3"),
        ("Debian", "14", "no Ruby that was ever tried"),
    ],
)
def test_role_refuses_before_anything_is_changed(
    tmp_path: Path, family: str, major: str, ruby: str
) -> None:
    task = {"ansible.builtin.include_role": {"name": "rocci"}, "vars": WANTED}
    said = " ".join(_run(tmp_path, [task], family, major).split())
    assert said.startswith("2 ")
    assert f"localhost ({family} {major}) has {ruby}. Nothing was changed." in said
    assert "let clients use OpenNebula's XML-RPC behind TLS, as DIRAC does" in said
    assert "changed=0" in said
    assert "Install Ruby" not in said


@pytest.mark.parametrize(
    "bad",
    [
        {"rocci_clients": ["0.0.0.0/0"]},
        {"rocci_clients": ["all"]},
        {"rocci_keystone": "http://keystorm.example.org/"},
        {"rocci_repository": "git://example.org/x"},
        {"rocci_certificate": ""},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_role_refuses_a_service_without_protection(tmp_path: Path, bad: dict[str, Any]) -> None:
    task = {"ansible.builtin.include_role": {"name": "rocci"}, "vars": WANTED | bad}
    said = " ".join(_run(tmp_path, [task], "RedHat", "8").split())
    assert said.startswith("2 ")
    assert "rOCCI-server needs rocci_names, rocci_certificate, rocci_clients" in said


def test_what_the_role_writes(tmp_path: Path) -> None:
    variables = WANTED | {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text()),
        **yaml.safe_load((ROLE / "vars/main.yml").read_text()),
        **WANTED,
        "rocci_client_authorities": "/etc/b2ct/clients.pem",
    }
    names = [
        "systemd/system/rocci.service", "b2ct/rocci/environment", "b2ct/rocci/puma.rb",
        "nginx/conf.d/b2ct-rocci.conf",
    ]  # fmt: skip
    tasks = [
        {
            "ansible.builtin.template": {
                "src": str(ROLE / "templates/etc" / f"{name}.j2"),
                "dest": str(tmp_path / Path(name).name),
                "mode": "0644",
            },
            "vars": variables,
        }
        for name in names
    ]
    said = _run(tmp_path, tasks, "RedHat", "8")
    assert said.startswith("0\n"), said
    unit = (tmp_path / "rocci.service").read_text().splitlines()
    for line in (
        "User=rocci", "ProtectSystem=strict", "PrivateTmp=yes", "NoNewPrivileges=yes",
        "IPAddressDeny=any", "IPAddressAllow=localhost", "CapabilityBoundingSet=",
    ):  # fmt: skip
        assert line in unit
    # No TCP port but nginx' one, and no credentials.
    assert "bind 'unix:///run/rocci/puma.sock" in (tmp_path / "puma.rb").read_text()
    environment = (tmp_path / "environment").read_text()
    assert "SECRET" not in environment
    assert "ROCCI_SERVER_KEYSTONE_URI=https://keystorm.example.org:5000/\n" in environment
    front = (tmp_path / "b2ct-rocci.conf").read_text()
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in front
    assert "allow 10.20.0.0/24;\n    deny all;" in front
    assert "ssl_verify_client on;" in front
    assert "listen 11443 ssl;" in front
