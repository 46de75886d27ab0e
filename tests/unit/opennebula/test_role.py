"""The role ``opennebula_objects`` and its modules through Ansible itself, with the example site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.oned import Oned
from tests.unit.opennebula.conftest import PASSWORD, Cloud

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "inventories" / "example"
FACTORY = "example-factory-k8w2nd5v"
PLAY = """
- hosts: control
  gather_facts: false
  roles: [b2ct.cloud.opennebula_objects]
"""


#: The example's control nodes are a failover pair, of which this machine plays both nodes: without
#: the pair's address it is a site where the first front-end speaks to oned.
NO_PAIR = {
    "opennebula_objects_failover_address": "",
    "opennebula_objects_here": "{{ inventory_hostname == 'control1' }}",
}


def played(
    cloud: Cloud, folder: Path, *options: str, more: dict[str, str] = NO_PAIR
) -> dict[str, Any]:
    """Run the role on this machine in the name of the control nodes; give the statistics."""
    play = folder / "play.yml"
    play.write_text(PLAY)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "opennebula_objects_endpoint": cloud.oned.endpoint,
        "opennebula_objects_auth_file": str(cloud.auth_file),
        **more,
    }
    environment = os.environ | {
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
    }
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(EXAMPLE / "site.yml"), "-e", json.dumps(variables)),
            *("--vault-password-file", str(EXAMPLE / "vault-password.example")),
            *(str(play), "-vvv", "--diff"),
            *options,
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    for secret in (FACTORY, PASSWORD):
        assert secret not in done.stdout + done.stderr, "a password is in the output"
    recap = done.stdout.rpartition("PLAY RECAP")[2]
    found = {}
    for line in recap.splitlines():
        host, colon, rest = line.partition(" : ")
        if colon:
            found[host.strip()] = {
                key: int(number) for key, _, number in (p.partition("=") for p in rest.split())
            }
    return found


@pytest.mark.slow
def test_example_site_twice_through_ansible(cloud: Cloud, tmp_path: Path) -> None:
    oned: Oned = cloud.oned
    told = played(cloud, tmp_path, "--check")
    assert told["control1"]["changed"] > 10
    assert oned.changes() == []
    first = played(cloud, tmp_path)
    assert first["control1"]["changed"] > 10
    assert first["control2"]["changed"] == 0, "only the first front-end speaks to oned"
    world = oned.world
    assert {one["name"] for one in world.pool("host").values()} == {"node1", "node2", "node3"}
    public = cloud.one("vn", "public")
    assert public is not None
    assert public["ranges"][0]["IP"] == "198.51.100.100"
    assert public["ranges"][0]["SIZE"] == "151"
    assert cloud.attributes("vn", "public")["BRIDGE"] == "br-public"
    assert cloud.attributes("vn", "private")["NETWORK_MASK"] == "255.255.0.0"
    assert cloud.attributes("template", "worker")["CONTEXT"]["NETWORK"] == "YES"
    assert cloud.attributes("template", "worker")["DISK"] == {"IMAGE": "scratch"}
    assert world.authenticate(f"factory:{FACTORY}") is not None
    assert cloud.one("group", "belle")["quotas"]["VM"][""]["CPU"] == "200"
    assert cloud.one("image", "scratch")["size"] == 20480
    assert cloud.attributes("hook", "host_error")["STATE"] == "ERROR"
    oned.calls.clear()
    second = played(cloud, tmp_path)
    assert second["control1"]["changed"] == 0
    assert oned.changes() == []
    assert played(cloud, tmp_path, "--check")["control1"]["changed"] == 0


@pytest.mark.slow
def test_first_check_before_opennebula_is_installed(cloud: Cloud, tmp_path: Path) -> None:
    cloud.auth_file.unlink()
    cloud.oned.calls.clear()
    assert played(cloud, tmp_path, "--check")["control1"]["changed"] == 0
    assert cloud.oned.calls == []


@pytest.mark.slow
def test_in_a_pair_only_the_machine_with_its_address_speaks_to_oned(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.oned.calls.clear()
    told = played(cloud, tmp_path, more={})
    assert told["control1"]["changed"] == told["control2"]["changed"] == 0
    assert cloud.oned.calls == [], "nobody holds the example's failover address here"
    address = {"opennebula_objects_failover_address": "127.0.0.1"}
    told = played(cloud, tmp_path, "--limit", "control1", more=address)
    assert told["control1"]["changed"] > 10
    assert cloud.oned.world.named("host", "node1") is not None
