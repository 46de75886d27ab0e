"""What the role drbd gives DRBD to call, run with stand-ins for DRBD's own programs."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment

ROLE = Path(__file__).parents[2] / "roles/drbd"
NODES = [
    {"name": "control1.example.org", "host": "control1", "address": "10.0.0.1"},
    {"name": "control2.example.org", "host": "control2", "address": "10.0.0.2"},
]
#: What DRBD's programs go by.
ASKED = """\
#!/bin/bash
echo "$(uname -n) ${DRBD_NODE_ID_0-} ${DRBD_NODE_ID_1-} ${DRBD_PEER-} $(uname -s)"
exit 4
"""


@pytest.mark.parametrize(("here", "peer"), [("control1", ""), ("control2", "control1.example.org")])
def test_pacemaker_s_handlers_know_machines_by_the_names_of_the_cluster(
    tmp_path: Path, here: str, peer: str
) -> None:
    program = tmp_path / "crm-fence-peer.9.sh"
    program.write_text(ASKED)
    program.chmod(0o755)
    variables = {
        "drbd_nodes": NODES,
        "inventory_hostname": here,
        "__drbd_peer": next(node for node in NODES if node["host"] != here),
        "ansible_managed": "managed",
    }
    text = (ROLE / "templates/usr/local/sbin/b2ct-drbd-cluster.j2").read_text()
    # As Ansible's template module renders it.
    environment = Environment(trim_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"quote": shlex.quote, "comment": "# {}".format}
    script = environment.from_string(text).render(variables)
    script = script.replace("/usr/lib/drbd/", f"{tmp_path}/")
    done = subprocess.run(
        ["bash", "-c", script, "b2ct-drbd-cluster", program.name],
        env={
            "PATH": "/usr/bin:/bin",
            "DRBD_NODE_ID_0": "control1.example.org",
            "DRBD_NODE_ID_1": "control2.example.org",
            "DRBD_PEER": peer,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    told = "control1" if peer else ""
    assert done.stdout == f"{here} control1 control2 {told} Linux\n", done.stderr
    assert done.returncode == 4, "DRBD judges by the exit code"


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_every_handler_of_pacemaker_goes_through_it(family: str) -> None:
    found = yaml.safe_load((ROLE / f"vars/{family}.yml").read_text())["__drbd_handlers_pacemaker"]
    assert len(found) == 2
    for command in found.values():
        assert shlex.split(command)[0] == "/usr/local/sbin/b2ct-drbd-cluster"
