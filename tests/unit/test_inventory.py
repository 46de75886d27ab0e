"""A site as an inventory: groups, hosts and variables, as data and through Ansible itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from b2ct.inventory import Group, Secret, inventory
from b2ct.inventory.facts import host_facts, site_facts
from b2ct.load import load_site
from tests.unit.site_texts import BASE

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "inventories" / "example"


def test_groups_of_the_example() -> None:
    groups = {group.name: group for group in inventory(load_site(EXAMPLE)).groups}
    assert groups["control"].hosts == ("control1", "control2")
    assert groups["hypervisor"].hosts == ("node1", "node2", "node3")
    assert groups["cache"].hosts == ("cache1",)
    assert groups["el9"].hosts == ("control1", "control2", "node1", "node2")
    assert groups["debian"] == Group("debian", (), ("debian12", "debian13"))
    assert groups["hardware_control"].hosts == ("control1", "control2")


def test_each_role_has_a_group_even_without_nodes(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE)
    groups = {group.name: group for group in inventory(load_site(tmp_path)).groups}
    assert groups["cache"].hosts == ()


def test_facts_are_plain_data() -> None:
    site = load_site(EXAMPLE)
    for variables in (site_facts(site), *map(host_facts, site.resolved.values())):
        assert json.loads(json.dumps(variables)) == variables
        assert all(name.startswith(("b2ct_", "ansible_host")) for name in variables)


def test_ansible_takes_the_newer_python_of_el_8(tmp_path: Path) -> None:
    for release, python in (("rocky-8", "/usr/bin/python3.12"), ("almalinux-9", None)):
        (tmp_path / "site.yml").write_text(BASE.replace("almalinux-9", release, 1))
        for node in load_site(tmp_path).resolved.values():
            assert host_facts(node).get("ansible_python_interpreter") == python


def test_variables_are_json_or_secrets() -> None:
    described = inventory(load_site(EXAMPLE))
    for variables in (described.site_variables, *described.host_variables.values()):
        written = json.dumps(variables, default=lambda secret: secret.template)
        assert set(json.loads(written)) == set(variables)


def test_a_host_knows_its_links() -> None:
    variables = inventory(load_site(EXAMPLE)).host_variables["control1"]
    assert variables["ansible_host"] == "10.20.0.11"
    assert variables["b2ct_fqdn"] == "control1.cloud.example.org"
    assert variables["b2ct_default_network"] == "public"
    assert variables["b2ct_links"]["public"] == {
        "purpose": "public",
        "device": "bond0",
        "vlan": 40,
        "bridge": None,
        "interface": "bond0.40",
        "mtu": 1500,
        "ipv4": {
            "method": "static",
            "address": "198.51.100.11",
            "prefix": 24,
            "gateway": "198.51.100.1",
        },
        "ipv6": {
            "method": "static",
            "address": "2001:db8:40::11",
            "prefix": 64,
            "gateway": "2001:db8:40::1",
        },
    }
    assert variables["b2ct_volumes"]["database"] == {
        "purpose": "drbd",
        "size": 100 << 30,
        "mount": None,
        "filesystem": None,
    }


def test_a_host_of_dhcp_is_reached_by_name(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE.replace("{service: 10.20.0.21}", "{service: dhcp}"))
    variables = inventory(load_site(tmp_path)).host_variables["node1"]
    assert variables["ansible_host"] == "node1.example.org"
    assert variables["b2ct_links"]["service"]["ipv4"]["method"] == "dhcp"
    assert variables["b2ct_links"]["service"]["ipv6"] is None


# -- through Ansible itself: slow to start, so few calls and much asked of each


def ansible(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if "VAULT" not in name}
    return subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=cwd,
        env={**kept, "ANSIBLE_LOCAL_TEMP": str(cwd / ".ansible"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ansible_lists_the_example_with_its_vault(tmp_path: Path) -> None:
    done = ansible(
        "ansible-inventory",
        *("-i", str(EXAMPLE / "site.yml"), "--list"),
        *("--vault-password-file", str(EXAMPLE / "vault-password.example")),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)
    described = inventory(load_site(EXAMPLE))
    hosts = listed["_meta"]["hostvars"]
    assert sorted(hosts) == sorted(described.host_variables)
    for name, variables in described.host_variables.items():
        for key, value in {**described.site_variables, **variables}.items():
            told = value.template if isinstance(value, Secret) else value
            assert hosts[name][key] == told, key
    assert listed["debian"] == {"children": ["debian12", "debian13"]}
    assert listed["control"] == {"hosts": ["control1", "control2"]}
    assert set(hosts["node1"]["vault_admin_passwords"]) == {"ada"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a site with a vault, variables beside it and braces in its texts."""
    text = BASE.replace("- name: ada", "- name: ada\n      full_name: '{{ undefined_thing }}'")
    (tmp_path / "site.yml").write_text(text)
    shutil.copy(EXAMPLE / "vault.yml", tmp_path)
    for name, content in (
        ("group_vars/el9.yml", "colour: blue"),
        ("host_vars/node1.yml", "size: 3"),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"{content}\nb2ct_timezone: Asia/Tokyo\n")
    return tmp_path


def test_a_playbook_sees_the_site_as_its_inventory(folder: Path) -> None:
    """Variables beside the site override it, its texts are no templates, a vault may stay shut."""
    (folder / "play.yml").write_text(
        "- hosts: hypervisor:&el9\n"
        "  gather_facts: false\n"
        "  tasks:\n"
        "    - ansible.builtin.assert:\n"
        "        that:\n"
        "          - ansible_host == '10.20.0.21'\n"
        "          - colour == 'blue'\n"
        "          - size == 3\n"
        "          - b2ct_timezone == 'Asia/Tokyo'\n"
        "          - b2ct_admins[0].full_name is search('undefined_thing')\n"
        "          - groups['control'] == ['control1']\n"
        "          - hostvars['control1'].b2ct_links.service.ipv4.prefix == 24\n"
        "          - vault_root_password is not defined\n"
    )
    done = ansible("ansible-playbook", "-i", "site.yml", "play.yml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok=1" in done.stdout
    assert "no vault password is given" in done.stderr


def test_ansible_tells_all_problems_of_a_broken_site(folder: Path) -> None:
    text = (folder / "site.yml").read_text()
    text = text.replace("Europe/Rome", "Mars").replace("10.20.0.21", "10.20.0.11")
    (folder / "site.yml").write_text(text)
    (folder / "ansible.cfg").write_text((ROOT / "ansible.cfg").read_text())
    folder.chmod(0o755)  # Ansible reads no ansible.cfg from a folder that others may write to
    done = ansible("ansible-inventory", "-i", "site.yml", "--graph", cwd=folder)
    assert done.returncode != 0
    assert "site.yml:6: site.timezone: 'Mars' is no time zone" in done.stderr
    assert "site.yml:57: nodes.node1.addresses.service: 10.20.0.11 is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_vault_in_clear_is_refused_by_ansible_too(folder: Path) -> None:
    (folder / "vault.yml").write_text("vault_root_password: clear\n")
    done = ansible("ansible-inventory", "-i", "site.yml", "--graph", cwd=folder)
    assert "is not encrypted; encrypt it with: ansible-vault encrypt" in done.stderr


def test_the_plugin_is_documented(tmp_path: Path) -> None:
    done = ansible("ansible-doc", "-t", "inventory", "b2ct.cloud.site", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Reads the `site.yml' that describes a site for b2ct" in " ".join(done.stdout.split())


def test_the_example_in_the_plugin_documentation_is_sound(tmp_path: Path) -> None:
    text = (ROOT / "plugins" / "inventory" / "site.py").read_text()
    example = text.split('EXAMPLES = r"""')[1].split('"""')[0]
    (tmp_path / "site.yml").write_text(example)
    assert list(load_site(tmp_path).nodes) == ["control1"]
