"""Faults of fencing, cluster and SAN: each with its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.inventory import inventory
from b2ct.load import load_site
from tests.unit.site_texts import BASE, Apple, altered, notes, told

FENCE = "    fence: [{agent: fence_ipmilan, options: {ip: 'bmc-{node}.example.org'}}]\n"
CLUSTER = "cluster:\n  name: unit\n"
SAN = """\
san:
  transport: attached
  luns:
    disk1: {wwid: "3600508b400105e210000900000490000"}
    disk2: {wwid: "3600508b400105e2100009000004a0000"}
"""
STORE = "opennebula:\n  datastores:\n    shared: {type: image, ds_mad: fs, tm_mad: qcow2}\n"
#: The small site with a second hypervisor, fencing for all, and a SAN without fault.
GOOD = (
    BASE.replace("    volumes:\n", FENCE + "    volumes:\n")
    .replace("hardware:\n", CLUSTER + SAN + STORE + "hardware:\n", 1)
    .rstrip()
    + """
  node2:
    roles: [hypervisor]
    hardware: box
    serial: SN0003
    macs: {eno1: "52:54:00:20:01:21", ens1f0: "52:54:00:20:01:22", ens1f1: "52:54:00:20:01:23"}
    addresses: {service: 10.20.0.22}
"""
)
AGENT = "agent: fence_ipmilan, options: {ip: 'bmc-{node}.example.org'}"

APPLES = [
    Apple(
        "agent_misspelt",
        "agent: fence_ipmilan,",
        "agent: fence_impilan, #!\n     ",
        "hardware.box.fence[0].agent: there is no fence agent 'fence_impilan';"
        " did you mean 'fence_ipmilan'?",
    ),
    Apple(
        "agent_is_no_agent",
        "agent: fence_ipmilan,",
        "agent: ipmi, #!\n     ",
        "hardware.box.fence[0].agent: 'ipmi' does not fit; write the name of a fence agent's"
        " program, such as fence_ipmilan",
    ),
    Apple(
        "secret_in_the_open",
        "{ip: 'bmc-{node}.example.org'}",
        "{ip: 'bmc-{node}',\n        password: hush} #!\n      ",
        "hardware.box.fence[0].options.password: a secret does not belong into site.yml; put it"
        " into vault.yml as vault_fence_passwords: {NODE: …} and remove it here",
    ),
    Apple(
        "option_of_b2ct",
        "{ip: 'bmc-{node}.example.org'}",
        "{ip: 'bmc-{node}',\n        pcmk_host_list: node1} #!\n      ",
        "hardware.box.fence[0].options.pcmk_host_list: b2ct itself decides pcmk_host_list;"
        " remove it",
    ),
    Apple(
        "board_without_address",
        "options: {ip: 'bmc-{node}.example.org'}",
        "\n       options: {username: b2ct} #!\n      ",
        "hardware.box.fence[0].options: fence_ipmilan needs the address of the board;"
        " add ip: ADDRESS",
    ),
    Apple(
        "board_of_two",
        "    serial: SN0003\n",
        "    serial: SN0003\n"
        "    fence: [{agent: fence_ipmilan, options: {ip: bmc-node1.example.org}}] #!\n",
        "nodes.node2.fence[0].options: bmc-node1.example.org would switch off node1 as well as"
        " node2; write each node's own board, or {node} in its name",
    ),
    Apple(
        "board_is_the_node",
        "    serial: SN0003\n",
        "    serial: SN0003\n    fence: [{agent: fence_redfish, options: {ip: 10.20.0.22}}] #!\n",
        "nodes.node2.fence[0].options: 10.20.0.22 is an address of node2 itself, which is silent"
        " when it must be switched off; write the address of its management board",
    ),
    Apple(
        "nothing_before",
        AGENT,
        AGENT + ",\n       with_previous: true #!\n      ",
        "hardware.box.fence[0].with_previous: there is no entry before the first; remove it",
    ),
    Apple(
        "name_too_long",
        "  name: unit\nsan",
        "  name: the-whole-institute #!\nsan",
        "cluster.name: 'the-whole-institute' does not fit; write small letters, digits and -,"
        " 15 characters at most, a letter first",
    ),
    Apple(
        "member_unknown",
        "  name: unit\nsan",
        "  name: unit\n  nodes:\n    - node1\n    - node2\n    - nodde2 #!\nsan",
        "cluster.nodes[2]: there is no node 'nodde2'; did you mean 'node2'?",
    ),
    Apple(
        "member_no_hypervisor",
        "  name: unit\nsan",
        "  name: unit\n  nodes:\n    - node1\n    - node2\n    - control1 #!\nsan",
        "cluster.nodes[2]: 'control1' is no hypervisor; name hypervisors only, or add the role to"
        " the node",
    ),
    Apple(
        "member_twice",
        "  name: unit\nsan",
        "  name: unit\n  nodes:\n    - node1\n    - node2\n    - node2 #!\nsan",
        "cluster.nodes[2]: 'node2' is named twice; remove one",
    ),
    Apple(
        "cluster_of_one",
        "  name: unit\nsan",
        "  name: unit\n  nodes: [node1] #!\nsan",
        "cluster.nodes: a cluster of 1 shares nothing; name two hypervisors at least, or remove"
        " the section",
    ),
    Apple(
        "two_systems",
        "    serial: SN0003\n",
        "    serial: SN0003\n    release: debian-12\n",
        "cluster: members of different systems do not make one cluster: node1 has el9, node2 has"
        " debian12; name the members of one system in cluster.nodes",
    ),
    Apple(
        "link_unknown",
        "  name: unit\nsan",
        "  name: unit\n  links: [service, privat] #!\nsan",
        "cluster.links[1]: there is no network 'privat'; did you mean 'private'?",
    ),
    Apple(
        "link_without_address",
        "  name: unit\nsan",
        "  name: unit\n  links: [service, private] #!\nsan",
        "cluster.links[1]: node1 and node2 have no fixed address on 'private'; write one under"
        " addresses.private of each member, or name another network",
    ),
    Apple(
        "no_fencing",
        "    serial: SN0003\n",
        "    serial: SN0003\n    fence: []\n    #\n",
        "",
    ),
    Apple(
        "same_disk",
        '"3600508b400105e2100009000004a0000"}',
        '"3600508b400105e210000900000490000"} #!',
        "san.luns.disk2.wwid: is the same disk as 'disk1'; write the WWID of another disk, or"
        " remove one",
    ),
    Apple(
        "wwid_from_by_id",
        '"3600508b400105e2100009000004a0000"}',
        '"wwn-0x600508B400105E2100009000004A0000"} #!',
        "san.luns.disk2.wwid: 'wwn-0x600508B400105E2100009000004A0000' is no WWID; write"
        " '3600508b400105e2100009000004a0000'",
    ),
    Apple(
        "wwid_is_a_kernel_name",
        '"3600508b400105e2100009000004a0000"}',
        "sdb} #!",
        "san.luns.disk2.wwid: 'sdb' changes between boots; write the WWID, as 'multipath -ll' or"
        " /usr/lib/udev/scsi_id -g -u DEVICE prints it",
    ),
    Apple(
        "wwid_without_quotes",
        '"3600508b400105e2100009000004a0000"}',
        "36005080400105021000090000040000} #!",
        "san.luns.disk2.wwid: YAML took this WWID for a number; put it in quotes",
    ),
    Apple(
        "consent_for_nothing",
        "  luns:\n",
        "  erase: [disc1] #!\n  luns:\n",
        "san.erase[0]: there is no disk 'disc1'; did you mean 'disk1'?",
    ),
    Apple(
        "iscsi_without_login",
        "  transport: attached",
        "  transport: iscsi #!",
        "san.transport: iSCSI needs to know where to log in; add iscsi: with portals and targets",
    ),
    Apple(
        "login_without_iscsi",
        "  transport: attached\n",
        "  transport: fc\n"
        "  iscsi: {portals: [10.40.0.1], targets: ['iqn.2003-01.org.example:a']} #!\n",
        "san.iscsi: the transport is fc; remove it, or write transport: iscsi",
    ),
    Apple(
        "one_initiator_for_all",
        "  transport: attached\n",
        "  transport: iscsi\n  iscsi:\n    portals: [10.40.0.1, 10.41.0.1]\n"
        "    targets: ['iqn.2003-01.org.example:a']\n"
        "    initiator: 'iqn.2003-01.org.example:all' #!\n",
        "san.iscsi.initiator: all nodes would have the same name, and the target ends one's"
        " session for another's; put {node} into it",
    ),
    Apple(
        "el_10",
        "  transport: attached\n",
        "  transport: attached\n  driver: gfs2 #!\n",
        "san.driver: node1 has AlmaLinux 10, which ships no GFS2; use lvm: OpenNebula's LVM drivers"
        " on the same disks (docs/storage.md)",
    ),
    Apple(
        "group_of_the_system",
        "  transport: attached\n",
        "  transport: attached\n  volume_group: b2ct #!\n",
        "san.volume_group: 'b2ct' is the volume group of the installed systems; write another"
        " name, such as vg-san",
    ),
    Apple(
        "group_of_no_datastore",
        "  transport: attached\n",
        "  transport: attached\n  driver: lvm\n  volume_group: vg-san #!\n",
        "san.volume_group: OpenNebula's LVM drivers look for vg-one-<number of the datastore>;"
        " write vg-one-100 for the first datastore of a new OpenNebula (docs/storage.md)",
    ),
    Apple(
        "file_system_without_gfs2",
        "  transport: attached\n",
        "  transport: attached\n  driver: lvm\n  volume_group: vg-one-100\n"
        "  filesystem: {name: one} #!\n",
        "san.filesystem: with the driver lvm there is no shared file system; remove it, or write"
        " driver: gfs2",
    ),
    Apple(
        "small_journals",
        "  luns:\n",
        "  filesystem: {journal_size: 16MiB} #!\n  luns:\n",
        "san.filesystem.journal_size: gfs2_jadd, which adds journals for new members, makes none of"
        " 16 MiB; write 32MiB to 1GiB; 128MiB is usual",
    ),
    Apple(
        "too_few_journals",
        "  luns:\n",
        "  filesystem: {journals: 1} #!\n  luns:\n",
        "san.filesystem.journals: 1 journal for 2 members: a node without one cannot mount; write"
        " 2 at least; 3 leave room for one more node",
    ),
    Apple(
        "own_volume_in_the_place",
        "  luns:\n",
        "  filesystem: {mount: /var/lib/one} #!\n  luns:\n",
        "san.filesystem.mount: node1 and node2 have an own volume at /var/lib/one; choose another"
        " place, or remove that volume",
    ),
]


@pytest.mark.parametrize("apple", APPLES, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text = GOOD
    if apple.name == "el_10":
        text = text.replace("release: almalinux-9", "release: almalinux-10")
    if apple.name == "no_fencing":
        text = text.replace(FENCE, "")
        lines = text.splitlines()
        assert told(tmp_path, text) == [
            f"{lines.index(f'  {name}:') + 1}: nodes.{name}: no fencing: the members of the cluster"
            f" cannot switch {name} off, and what it holds would stay locked or be written by two;"
            " add fence: with its management board (docs/storage.md), or remove the section cluster"
            for name in ("node1", "node2")
        ]
        return
    text, line = altered(apple.old, apple.new, text)
    line = line or text.splitlines().index("cluster:") + 1
    assert told(tmp_path, text) == [f"{line}: {apple.told}"]


def test_all_faults_are_told_in_one_run(tmp_path: Path) -> None:
    text = GOOD.replace("  name: unit\nsan", "  name: unit\n  links: [servise]\nsan")
    text = text.replace("  luns:\n", "  erase: [disk3]\n  filesystem: {journals: 1}\n  luns:\n")
    assert len(told(tmp_path, text)) == 3


def test_logins_make_the_paths(tmp_path: Path) -> None:
    text = GOOD.replace(
        "  transport: attached\n",
        "  transport: iscsi\n"
        "  iscsi: {portals: [10.40.0.1], targets: ['iqn.2003-01.org.example:a']}\n",
    )
    line = text.splitlines().index(next(row for row in text.splitlines() if "disk1:" in row)) + 1
    assert told(tmp_path, text) == [
        f"{number}: san.luns.{name}.paths: 1 login cannot make 2 paths; name another portal in"
        " san.iscsi, or write fewer paths"
        for number, name in ((line, "disk1"), (line + 1, "disk2"))
    ]


def test_a_good_site_has_no_advice(tmp_path: Path) -> None:
    assert notes(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        (
            '00490000"}',
            '00490000", paths: 1}',
            "san.luns.disk1.paths: there is one path only: a cable or a controller that fails stops"
            " all nodes; bring a second path, and write paths: 2",
        ),
        (
            "    serial: SN0003\n",
            "    serial: SN0003\n    release: almalinux-8\n",
            "cluster: members of different releases work together only while one is replaced:"
            " node1 has el9, node2 has el8; bring all to one release",
        ),
        (
            "tm_mad: qcow2",
            "tm_mad: local",
            "san.driver: no datastore of OpenNebula has the transfer driver shared or qcow2, so its"
            " virtual machines do not use the SAN; add one under opennebula.datastores"
            " (docs/storage.md)",
        ),
        (SAN, "", "cluster: there is no san, so it has nothing to share; add a section san"),
    ],
)
def test_advice(old: str, new: str, advice: str, tmp_path: Path) -> None:
    text = altered(old, new, GOOD)[0].replace("transport: attached", "transport: fc")
    found = notes(tmp_path, text)
    assert advice in [note.partition(" note: ")[2] for note in found]


def test_a_second_network_is_advised(tmp_path: Path) -> None:
    text = GOOD.replace(
        "{service: 10.20.0.21}", "{service: 10.20.0.21, private: 10.30.0.21}"
    ).replace("{service: 10.20.0.22}", "{service: 10.20.0.22, private: 10.30.0.22}")
    (found,) = notes(tmp_path, text)
    assert found.partition(" note: ")[2] == (
        "cluster: the members hear each other on one network only, and all have an address on"
        " 'private' too; write links: [service, private]"
    )


def test_defaults_follow_the_site(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(GOOD)
    site = load_site(tmp_path)
    assert site.cluster_nodes == ("node1", "node2")
    assert site.cluster_links == ("service",)
    assert site.journals == 3


def test_levels_of_a_node(tmp_path: Path) -> None:
    text = GOOD.replace(
        "    serial: SN0003\n",
        "    serial: SN0003\n"
        "    fence:\n"
        "      - {agent: fence_ipmilan, options: {ip: 'bmc-{node}', lanplus: true}}\n"
        "      - {agent: fence_apc, options: {ip: pdu1, port: 7}}\n"
        "      - {agent: fence_apc, options: {ip: pdu2, port: 7}, with_previous: true}\n",
    )
    (tmp_path / "site.yml").write_text(text)
    hosts = inventory(load_site(tmp_path)).host_variables
    first, second, third = hosts["node2"]["b2ct_fence"]
    assert first == {
        "name": "fence-node2-1",
        "agent": "fence_ipmilan",
        "level": 1,
        "plug": "node2",
        "options": {"ip": "bmc-node2", "lanplus": "1"},
    }
    assert (second["level"], third["level"]) == (2, 2)
    assert second["plug"] == "7"
    assert second["options"] == {"ip": "pdu1"}
    # What hardware says holds for each of its machines.
    assert hosts["node1"]["b2ct_fence"][0]["options"]["ip"] == "bmc-node1.example.org"
