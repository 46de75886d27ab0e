"""What the cluster of the scenario is like, beyond the checks of ``b2ct verify``."""

from __future__ import annotations

import re

from testinfra.host import Host


def test_levels(host: Host) -> None:
    """The board is asked first, then both power supplies together; nobody fences himself."""
    own = host.check_output("crm_node --name")
    for name in ("node1", "node2", "node3"):
        devices = [f"fence-{name}-{number}" for number in (1, 2, 3)]
        found = host.run(f"stonith_admin --list {name}").stdout.split()
        assert [one for one in devices if one in found] == ([] if name == own else devices)
    levels = host.check_output("cibadmin --query --scope fencing-topology")
    rows = re.findall(r'target="node2" index="(\d)" devices="([^"]+)"', levels)
    assert sorted(rows) == [("1", "fence-node2-1"), ("2", "fence-node2-2,fence-node2-3")]


def test_agents_are_told_password_and_outlet(host: Host) -> None:
    """Each agent got the password of its member, or the number of its outlet."""
    told = host.run("cat /run/fence_test.told").stdout  # none where no device is watched
    blocks = told.split("\n\n")
    boards = [block for block in blocks if "ip=board" in block]
    assert all(re.search(r"password=board-of-node[123]", block) for block in boards)
    assert not [block for block in blocks if "ip=pdu" in block and "password=" in block]


def test_the_key_is_the_same_everywhere(host: Host) -> None:
    """The key of the cluster is 1,024 bits, and of root only."""
    key = host.file("/etc/corosync/authkey")
    assert re.fullmatch(r"[0-9a-f]{256}", key.content_string)
    assert (key.user, key.mode) == ("root", 0o400)
