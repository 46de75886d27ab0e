"""Rules about the failover pair: each fault, its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.site_texts import BASE, HEAD, Apple, altered, notes, told

#: A pair of Debian machines that differ in nothing but name and addresses.
SITE = f"""\
{HEAD}networks:
  service:
    purpose: service
    ipv4: {{subnet: 10.20.0.0/24, gateway: 10.20.0.1}}
    service_addresses: {{control: 10.20.0.5}}
  replica:
    purpose: private
    ipv4: {{subnet: 10.40.0.0/24}}
install:
  release: debian-12
ha:
  address: control
  links: [replica, service]
  volumes:
    database: {{mount: /var/lib/mysql}}
hardware:
  box:
    nics: [eno1, eno2]
    attach:
      service: {{device: eno1}}
      replica: {{device: eno2}}
    disk: {{rule: {{type: ssd}}, size: 480GB}}
    volumes:
      root: {{size: 40GiB, mount: /}}
      database: {{purpose: drbd, size: 100GiB}}
nodes:
  control1:
    roles: [control]
    hardware: box
    serial: SN1
    macs: {{eno1: "52:54:00:20:00:11"}}
    addresses: {{service: 10.20.0.11, replica: 10.40.0.11}}
    fence: [{{agent: fence_ipmilan, options: {{ip: 10.20.0.111}}}}]
  control2:
    roles: [control]
    hardware: box
    serial: SN2
    macs: {{eno1: "52:54:00:20:00:12"}}
    addresses: {{service: 10.20.0.12, replica: 10.40.0.12}}
    fence: [{{agent: fence_ipmilan, options: {{ip: 10.20.0.112}}}}]
  node1:
    roles: [hypervisor]
    hardware: box
    serial: SN3
    macs: {{eno1: "52:54:00:20:00:21"}}
    addresses: {{service: 10.20.0.21}}
"""
HERE = "  address: control\n"

PROBLEMS = [
    Apple(
        "one_node",
        HERE,
        "  address: control\n  nodes: [control1] #!\n",
        "ha.nodes: a failover pair is two nodes, not 1; name the two under nodes; three or more"
        " want OpenNebula's own way",
    ),
    Apple(
        "unknown_node",
        HERE,
        "  address: control\n  nodes:\n    - control1\n    - control3 #!\n",
        "ha.nodes[1]: there is no node 'control3'; did you mean 'control2'?",
    ),
    Apple(
        "twice_the_same",
        HERE,
        "  address: control\n  nodes:\n    - control1\n    - control1 #!\n",
        "ha.nodes[1]: 'control1' is named twice; name the other node of the pair",
    ),
    Apple(
        "hypervisor",
        HERE,
        "  address: control\n  nodes:\n    - control1\n    - node1 #!\n  units: []\n",
        "ha.nodes[1]: 'node1' is no control node; name a node with roles: [control]",
    ),
    Apple(
        "no_such_address",
        HERE,
        "  address: controls #!\n",
        "ha.address: the network 'service' has no service address 'controls';"
        " did you mean 'control'?",
    ),
    Apple(
        "no_such_link",
        "  links: [replica, service]\n",
        "  links:\n    - replicas #!\n    - service\n",
        "ha.links[0]: there is no network 'replicas'; did you mean 'replica'?",
    ),
    Apple(
        "link_without_address",
        "    addresses: {service: 10.20.0.12, replica: 10.40.0.12}\n",
        "    addresses: {service: 10.20.0.12}\n",
        "ha.links[0]: control2 has no fixed IPv4 address on 'replica';"
        " add addresses: {replica: …} to the node, or name another network",
    ),
    Apple(
        "one_link_twice",
        "  links: [replica, service]\n",
        "  links:\n    - service\n    - service #!\n",
        "ha.links[1]: 'service' is named twice; name another network",
    ),
    Apple(
        "too_short",
        HERE,
        "  address: control\n  keepalive: 2\n  deadtime: 8 #!\n",
        "ha.deadtime: a node would be fenced after 8 s, with a sign of life every 2 s;"
        " write 10 or more; 20 is usual",
    ),
    Apple(
        "too_short_for_heartbeat",
        HERE,
        "  address: control\n  deadtime: 12 #!\n",
        "ha.deadtime: with Heartbeat 12 s are too few: when all links break, both nodes would"
        " switch each other off at once; write 15 or more; 20 is usual",
    ),
    Apple(
        "unknown_volume",
        "    database: {mount: /var/lib/mysql}\n",
        "    data: {mount: /var/lib/mysql} #!\n",
        "ha.volumes.data: control1 has no volume 'data'; did you mean 'database'?",
    ),
    Apple(
        "volume_of_another_purpose",
        "      database: {purpose: drbd, size: 100GiB}\n",
        "      database: {purpose: data, size: 100GiB, mount: /srv}\n",
        "ha.volumes.database: on control1 this volume is of purpose data;"
        " write purpose: drbd there, and remove its mount",
    ),
    Apple(
        "copies_differ",
        "    serial: SN2\n",
        "    serial: SN2\n    volumes: {database: {purpose: drbd, size: 90GiB}}\n",
        "ha.volumes.database: the copies differ in size: 100 GiB on control1 and 90 GiB on"
        " control2; give both the same size",
    ),
    Apple(
        "mounted_already",
        "      root: {size: 40GiB, mount: /}\n",
        "      root: {size: 40GiB, mount: /}\n      sql: {purpose: data, size: 9GiB,"
        " mount: /var/lib/mysql}\n",
        "ha.volumes.database.mount: on control1 the volume 'sql' is mounted at /var/lib/mysql;"
        " mount one of them elsewhere",
    ),
    Apple(
        "data_stay_behind",
        "    database: {mount: /var/lib/mysql}\n",
        "    database: {mount: /srv/data}\n",
        "ha.volumes: /var/lib/mysql of mariadb is on no replicated volume: its data would stay"
        " behind; mount a volume at /var/lib/mysql",
    ),
    Apple(
        "wrong_order",
        HERE,
        "  address: control\n  services: [opennebula, mariadb] #!\n",
        "ha.services: OpenNebula would start before its database;"
        " write services: [mariadb, opennebula]",
    ),
    Apple(
        "database_left_behind",
        HERE,
        "  address: control\n  services: [opennebula] #!\n",
        "ha.services: OpenNebula would move away from its database;"
        " write services: [mariadb, opennebula]",
    ),
    Apple(
        "no_mariadb",
        "install:\n",
        "opennebula: {database: sqlite}\ninstall:\n",
        "ha.services: OpenNebula keeps its data in sqlite: there is no MariaDB;"
        " remove mariadb, or write opennebula: {database: mariadb}",
    ),
    Apple(
        "heartbeat_on_el",
        "  release: debian-12\nha:\n",
        "  release: almalinux-9\nha:\n  engine: heartbeat #!\n",
        "ha.engine: control1 runs AlmaLinux 9, for which Heartbeat is not packaged;"
        " use pacemaker, or leave the key out",
    ),
    Apple(
        "two_families",
        "    serial: SN2\n",
        "    serial: SN2\n    release: almalinux-9\n",
        "ha: control1 runs Debian 12, control2 AlmaLinux 9: a service cannot move between them;"
        " give both the same release",
    ),
    Apple(
        "without_fencing",
        "    fence: [{agent: fence_ipmilan, options: {ip: 10.20.0.112}}]\n",
        "",
        "ha: nothing can switch control2 off: both nodes could write at once;"
        " add fence: to the node, such as [{agent: fence_ipmilan, options: {ip: …}}]",
    ),
    Apple(
        "galera",
        "install:\n",
        "mariadb: {mode: galera, arbitrator: node1}\ninstall:\n",
        "ha: a Galera cluster has its own copies on all nodes: a failover pair moves one server;"
        " write mariadb: {mode: single}, or remove this section",
    ),
]


@pytest.mark.parametrize("apple", PROBLEMS, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new, SITE)
    found = told(tmp_path, text)
    words = [problem.partition(": ")[2] for problem in found]
    assert apple.told in words
    if line:
        assert f"{line}: {apple.told}" in found


def test_a_good_pair_passes(tmp_path: Path) -> None:
    assert [note for note in notes(tmp_path, SITE) if "ha" in note.partition(": ")[2][:3]] == []


def test_one_link_is_worth_a_note(tmp_path: Path) -> None:
    text = SITE.replace("  links: [replica, service]\n", "")
    assert any("watch each other over one network" in note for note in notes(tmp_path, text))


def test_a_site_without_a_pair_has_none(tmp_path: Path) -> None:
    assert not any(": ha" in note for note in notes(tmp_path, BASE))
