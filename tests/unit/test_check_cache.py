"""Rules about the database and the cache: each fault, its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.inventory import inventory
from b2ct.load import load_site
from tests.unit.site_texts import BASE, Apple, altered, notes, told

#: A cache node with a volume of its own for squid.
CACHE = """\
  cache1:
    roles: [cache]
    release: debian-12
    macs: {eno1: "52:54:00:20:02:11"}
    attach: {service: {device: eno1}}
    disk: {serial: S4EV, size: 240GB}
    volumes:
      root: {size: 20GiB, mount: /}
      cache: {purpose: data, size: 100GiB, mount: /var/spool/squid}
    addresses: {service: 10.20.0.31}
"""
SITE = BASE + CACHE
#: Where the sections are put in.
HERE = "hardware:\n  box:"


def section(text: str) -> str:
    return f"{text}\n{HERE}"


PROBLEMS = [
    Apple(
        "cache_larger_than_its_volume",
        HERE,
        section("squid:\n  size: 90GiB #!"),
        "squid.size: 90 GiB do not fit: /var/spool/squid of cache1 has 100 GiB, of which the cache"
        " may fill 80 %, that is 80 GiB; write less, or give the node a larger volume at"
        " /var/spool/squid",
    ),
    Apple(
        "cache_of_no_use",
        HERE,
        section("squid:\n  size: 512MiB #!"),
        "squid.size: 512 MiB hold too little to be of use; give 1GiB or more, or leave the key out",
    ),
    Apple(
        "open_proxy",
        HERE,
        section("squid:\n  clients:\n    - 0.0.0.0/0 #!"),
        "squid.clients[0]: 0.0.0.0/0 is not a site: an open proxy is abused within hours;"
        " name the networks of the machines that use the cache",
    ),
    Apple(
        "open_proxy_of_version_6",
        HERE,
        section("squid:\n  clients:\n    - '2000::/3' #!"),
        "squid.clients[0]: 2000::/3 is not a site: an open proxy is abused within hours;"
        " name the networks of the machines that use the cache",
    ),
    Apple(
        "statistics_for_all",
        HERE,
        section("squid:\n  monitors: [0.0.0.0/1] #!"),
        "squid.monitors[0]: 0.0.0.0/1 is not a site: an open proxy is abused within hours;"
        " name the networks of the machines that use the cache",
    ),
    Apple(
        "no_subnet",
        HERE,
        section("squid:\n  clients: [all] #!"),
        "squid.clients[0]: 'all' is no IP address; write it like 10.20.0.11",
    ),
    Apple(
        "host_bits",
        HERE,
        section("squid:\n  clients: [192.0.2.7/24] #!"),
        "squid.clients[0]: 192.0.2.7/24 has host bits set; the subnet is 192.0.2.0/24",
    ),
    Apple(
        "every_host_of_the_world",
        HERE,
        section("squid:\n  packages: [.org] #!"),
        "squid.packages[0]: '.org' does not fit; write a host such as mirror.example.org,"
        " or .example.org for every host below it",
    ),
    Apple(
        "host_covered",
        HERE,
        section("squid:\n  packages:\n    - .example.org\n    - a.example.org #!"),
        "squid.packages[1]: 'a.example.org' is covered by '.example.org' on line 32 already;"
        " remove one of the two",
    ),
    Apple(
        "tunnels_to_nowhere",
        HERE,
        section("squid:\n  tunnels: true #!"),
        "squid.tunnels: there is nowhere to tunnel to; name hosts in images, packages or"
        " destinations, or remove this key",
    ),
    Apple(
        "frontier_on_debian",
        HERE,
        section("squid:\n  flavour: frontier #!"),
        "squid.flavour: frontier-squid is packaged for EL only, cache1 runs another release;"
        " choose distribution, or an EL release for the node",
    ),
    Apple(
        "repository_twice",
        HERE,
        section("cvmfs:\n  repositories:\n    - belle.cern.ch\n    - belle.cern.ch #!"),
        "cvmfs.repositories[1]: 'belle.cern.ch' is named twice; remove one",
    ),
    Apple(
        "database_on_no_node",
        HERE,
        section("mariadb:\n  nodes: [contorl1] #!"),
        "mariadb.nodes[0]: there is no node 'contorl1'; did you mean 'control1'?",
    ),
    Apple(
        "database_twice_on_a_node",
        HERE,
        section(
            "mariadb:\n  mode: galera\n  nodes:\n    - control1\n    - cache1\n    - control1 #!"
        ),
        "mariadb.nodes[2]: 'control1' is named twice; remove one",
    ),
    Apple(
        "database_away_from_opennebula",
        HERE,
        section("mariadb:\n  nodes: [node1] #!"),
        "mariadb.nodes: control1 runs OpenNebula, which asks the database on its own machine only;"
        " add control1, or leave the key out",
    ),
    Apple(
        "several_single_servers",
        HERE,
        section("mariadb:\n  nodes: [control1, node1] #!"),
        "mariadb.nodes: 2 servers are named, mode single has one; name one, or write mode: galera",
    ),
    Apple(
        "galera_of_one",
        HERE,
        section("mariadb:\n  mode: galera #!"),
        "mariadb.mode: a Galera cluster of 1 server replicates nothing;"
        " name two servers and an arbitrator, or three servers, in nodes",
    ),
    Apple(
        "galera_without_majority",
        HERE,
        section("mariadb:\n  mode: galera #!\n  nodes: [control1, node1]"),
        "mariadb.mode: 2 votes have no majority when the site splits in halves;"
        " add an arbitrator, or make the number of servers odd",
    ),
    Apple(
        "arbitrator_of_one",
        HERE,
        section("mariadb:\n  arbitrator: node1 #!"),
        "mariadb.arbitrator: a single server needs no vote; remove it, or write mode: galera",
    ),
    Apple(
        "arbitrator_with_data",
        HERE,
        section(
            "mariadb:\n  mode: galera\n  nodes: [control1, node1, cache1]\n  arbitrator: node1 #!"
        ),
        "mariadb.arbitrator: 'node1' holds the data already, and has a vote;"
        " name another node, or remove it",
    ),
]
#: Faults that bring another one with them.
MORE = {"arbitrator_with_data": 2, "database_on_no_node": 2}


@pytest.mark.parametrize("apple", PROBLEMS, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new, SITE)
    found = told(tmp_path, text)
    assert f"{line}: {apple.told}" in found
    assert len(found) == MORE.get(apple.name, 1), found


def test_frontier_needs_a_repository(tmp_path: Path) -> None:
    text, _ = altered("release: debian-12", "release: rocky-9", SITE)
    text, line = altered(HERE, section("squid:\n  flavour: frontier #!"), text)
    assert told(tmp_path, text) == [
        f"{line}: squid.flavour: no repository is named that could hold frontier-squid;"
        " add it to install.repositories, with its gpg_key"
    ]


def test_a_cache_beside_the_system_has_half_of_the_volume(tmp_path: Path) -> None:
    text, _ = altered(
        "      cache: {purpose: data, size: 100GiB, mount: /var/spool/squid}\n", "", SITE
    )
    found = notes(tmp_path, text)
    assert any("its cache shares / with the system" in entry for entry in found), found
    text, line = altered(HERE, section("squid:\n  size: 11GiB #!"), text)
    (problem,) = told(tmp_path, text)
    assert problem.startswith(f"{line}: squid.size: 11 GiB do not fit: / of cache1 has 20 GiB")
    assert "may fill 50 %, that is 10 GiB" in problem


def test_sections_without_a_cache_draw_advice(tmp_path: Path) -> None:
    text, line = altered(HERE, section("squid: #!\n  memory: 256MiB"), BASE)
    assert (
        f"{line}: note: squid: no node has the role cache, so nothing of this is used;"
        " give a node roles: [cache], or remove the section"
    ) in notes(tmp_path, text)
    text, line = altered(HERE, section("cvmfs:\n  clients: [hypervisor] #!"), BASE)
    assert (
        f"{line}: note: cvmfs.clients: no node has the role cache, so the clients will ask the"
        " stratum-1 servers directly; give a node roles: [cache]"
    ) in notes(tmp_path, text)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ("control1",)),
        ("mariadb: {nodes: [control1]}", ("control1",)),
        ("mariadb: {mode: galera, nodes: [node1, control1], arbitrator: cache1}",
         ("node1", "control1")),
    ],
)  # fmt: skip
def test_the_servers_of_the_database(said: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    text, _ = altered(HERE, section(said), SITE)
    (tmp_path / "site.yml").write_text(text)
    assert load_site(tmp_path).database_nodes == expected


def test_the_members_of_a_cluster_have_certificates(tmp_path: Path) -> None:
    said = "mariadb: {mode: galera, nodes: [node1, control1], arbitrator: cache1}"
    (tmp_path / "site.yml").write_text(altered(HERE, section(said), SITE)[0])
    found = inventory(load_site(tmp_path))
    for name in ("node1", "control1", "cache1"):
        certificate = found.host_variables[name]["tls_certificates"][-1]
        assert certificate["name"] == "galera"
        assert certificate["group"] == "b2ct-galera"
        assert f"{name}.example.org" in certificate["hosts"]
    # One control node, and others that renew over the network.
    assert found.site_variables["tls_publish"] is True
    opened = found.host_variables["control1"]["base_firewall_rules"]
    assert ["4481"] in [rule["ports"] for rule in opened]
