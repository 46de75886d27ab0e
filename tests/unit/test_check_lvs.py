"""Rules about service addresses: each fault, its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.site_texts import BASE, HEAD, Apple, altered, notes, told

#: Two control nodes direct; two cache nodes and a machine of the site's own answer.
SITE = f"""\
{HEAD}networks:
  service:
    purpose: service
    ipv4: {{subnet: 10.20.0.0/24, gateway: 10.20.0.1}}
    service_addresses: {{control: 10.20.0.5, cache: 10.20.0.6}}
  public:
    purpose: public
    ipv4: {{subnet: 198.51.100.0/24}}
    ipv6: {{subnet: "2001:db8:40::/64"}}
    service_addresses: {{front: 198.51.100.5, six: "2001:db8:40::5"}}
install:
  release: debian-12
lvs:
  directors: [control1, control2]
  services:
    proxy: {{kind: squid, address: cache}}
    portal: {{kind: http, address: cache, port: 8080, servers: [cache, node1]}}
hardware:
  box:
    nics: [eno1, eno2]
    attach:
      service: {{device: eno1}}
      public: {{device: eno2}}
    disk: {{rule: {{type: ssd}}, size: 480GB}}
    volumes:
      root: {{size: 40GiB, mount: /}}
      squid: {{purpose: data, size: 100GiB, mount: /var/spool/squid}}
nodes:
  control1:
    roles: [control]
    hardware: box
    serial: SN1
    addresses: {{service: 10.20.0.11}}
  control2:
    roles: [control]
    hardware: box
    serial: SN2
    addresses: {{service: 10.20.0.12}}
  node1:
    roles: [hypervisor]
    hardware: box
    serial: SN3
    addresses: {{service: 10.20.0.21}}
  cache1:
    roles: [cache]
    hardware: box
    serial: SN4
    addresses: {{service: 10.20.0.31}}
  cache2:
    roles: [cache]
    hardware: box
    serial: SN5
    addresses: {{service: 10.20.0.32}}
"""
DIRECTORS = "  directors: [control1, control2]\n"
PROXY = "    proxy: {kind: squid, address: cache}\n"
PORTAL = "    portal: {kind: http, address: cache, port: 8080, servers: [cache, node1]}\n"

PROBLEMS = [
    Apple(
        "one_director",
        DIRECTORS,
        "  directors: [control1] #!\n",
        "lvs.directors: there are two directors, one that stands by among them, not 1;"
        " name two nodes, the preferred one first",
    ),
    Apple(
        "unknown_director",
        DIRECTORS,
        "  directors:\n    - control1\n    - control3 #!\n",
        "lvs.directors[1]: there is no node 'control3'; did you mean 'control2'?",
    ),
    Apple(
        "twice_the_same",
        DIRECTORS,
        "  directors:\n    - control1\n    - control1 #!\n",
        "lvs.directors[1]: 'control1' is named twice; name another node",
    ),
    Apple(
        "no_such_address",
        PROXY,
        "    proxy: {kind: squid, address: caches} #!\n",
        "lvs.services.proxy.address: no network has a service address 'caches';"
        " did you mean 'cache'?",
    ),
    Apple(
        "address_of_ipv6",
        PROXY,
        "    proxy: {kind: squid, address: six} #!\n",
        "lvs.services.proxy.address: six of public is an IPv6 address, directors take IPv4 only;"
        " name an IPv4 address under service_addresses",
    ),
    Apple(
        "address_of_the_pair",
        "lvs:\n",
        "ha: {address: cache, volumes: {database: {mount: /var/lib/mysql}}}\nlvs:\n",
        "lvs.services.proxy.address: 'cache' moves with the failover pair (line 26);"
        " give this service an address of its own under service_addresses",
    ),
    Apple(
        "one_port_twice",
        PORTAL,
        "    portal: {kind: tcp, address: cache, port: 3128, servers: [node1, cache1]} #!\n",
        "lvs.services.portal.address: port 3128 of 'cache' is that of 'proxy' already;"
        " give it another address, or another port",
    ),
    Apple(
        "no_port",
        PORTAL,
        "    portal: {kind: tcp, address: cache, servers: [cache]} #!\n",
        "lvs.services.portal: nobody knows the port of a service of kind tcp;"
        " add port: with the one on which the servers listen",
    ),
    Apple(
        "another_port",
        PROXY,
        "    proxy: {kind: squid, address: cache, port: 80} #!\n",
        "lvs.services.proxy.port: squid listens on 3128, and direct routing leaves the port as it"
        " is; remove this key",
    ),
    Apple(
        "unknown_server",
        PORTAL,
        "    portal:\n      {kind: tcp, address: cache, port: 80,\n       servers: [caches]} #!\n",
        "lvs.services.portal.servers[0]: there is no node and no role 'caches';"
        " did you mean 'cache'?",
    ),
    Apple(
        "one_server_twice",
        PORTAL,
        "    portal: {kind: tcp, address: cache, port: 80, servers: [node1, node1]} #!\n",
        "lvs.services.portal.servers[1]: 'node1' is named twice; remove one",
    ),
    Apple(
        "no_squid_there",
        PROXY,
        "    proxy: {kind: squid, address: cache, servers: [cache1, node1]} #!\n",
        "lvs.services.proxy.servers: node1 runs no squid; name cache nodes",
    ),
    Apple(
        "no_rocci",
        PROXY,
        "    proxy: {kind: rocci, address: cache} #!\n",
        "lvs.services.proxy: no node answers for kind rocci;"
        " switch it on: rocci: {enabled: true, …}",
    ),
    Apple(
        "nobody_answers",
        PORTAL,
        "    portal: {kind: tcp, address: cache, port: 80} #!\n",
        "lvs.services.portal: no node answers for kind tcp;"
        " add servers: with the names of the nodes",
    ),
    Apple(
        "not_on_that_network",
        PROXY,
        "    proxy: {kind: squid, address: front} #!\n",
        "lvs.services.proxy: cache2 has no fixed IPv4 address on 'public', the network of 'front':"
        " direct routing passes frames on, not packets;"
        " add addresses: {public: …} to the node, or name another node",
    ),
    Apple(
        "director_on_dhcp",
        "    addresses: {service: 10.20.0.12}\n",
        "    addresses: {service: dhcp}\n",
        "lvs.services.proxy: control2 has no fixed IPv4 address on 'service', the network of"
        " 'cache': direct routing passes frames on, not packets;"
        " add addresses: {service: …} to the node, or name another node",
    ),
    Apple(
        "weight_of_a_stranger",
        PROXY,
        "    proxy: {kind: squid, address: cache, weights: {cache3: 2}} #!\n",
        "lvs.services.proxy.weights.cache3: 'cache3' is no server of proxy; did you mean 'cache2'?",
    ),
    Apple(
        "nobody_works",
        PROXY,
        "    proxy: {kind: squid, address: cache, weights: {cache1: 0, cache2: 0}} #!\n",
        "lvs.services.proxy.weights: every server has weight 0: nobody would answer;"
        " give one of them 1 or more",
    ),
    Apple(
        "question_for_tcp",
        PORTAL,
        "    portal: {kind: tcp, address: cache, port: 80, servers: [cache], check: {path: /x}}"
        " #!\n",
        "lvs.services.portal.check: a service of kind tcp is asked for nothing but a connection;"
        " write kind: http or kind: https, or remove this key",
    ),
    Apple(
        "clients_of_squid",
        PROXY,
        "    proxy: {kind: squid, address: cache, clients: [192.0.2.0/24]} #!\n",
        "lvs.services.proxy.clients: who may use squid is said in its own section;"
        " write them under squid: clients",
    ),
    Apple(
        "another_scheduler",
        PROXY,
        "    proxy: {kind: squid, address: cache, scheduler: wlx} #!\n",
        "lvs.services.proxy.scheduler: 'wlx' is not known here; did you mean 'wlc'?",
    ),
    Apple(
        "a_blank_in_a_path",
        PORTAL,
        "    portal: {kind: http, address: cache, port: 80, servers: [cache],"
        ' check: {path: "/a b"}}'
        " #!\n",
        "lvs.services.portal.check.path: '/a b' does not fit;"
        " write a path such as /status: absolute, no blanks",
    ),
]


@pytest.mark.parametrize("apple", PROBLEMS, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new, SITE)
    found = told(tmp_path, text)
    words = [problem.partition(": ")[2] for problem in found]
    assert apple.told in words, "\n".join(words)
    if line:
        assert f"{line}: {apple.told}" in found


def test_good_services_pass(tmp_path: Path) -> None:
    assert [note for note in notes(tmp_path, SITE) if "lvs" in note] == []


def test_a_role_without_nodes_answers_for_nobody(tmp_path: Path) -> None:
    text = SITE.replace("roles: [hypervisor]", "roles: [cache]").replace(PROXY, "")
    text = text.replace("servers: [cache, node1]", "servers: [hypervisor]")
    assert any("no node has the role 'hypervisor'" in one for one in told(tmp_path, text))


def test_one_server_is_worth_a_note(tmp_path: Path) -> None:
    text = SITE.replace("servers: [cache, node1]", "servers: [node1]")
    (note,) = [note for note in notes(tmp_path, text) if "lvs" in note]
    assert "node1 is the only server: when it fails, the service is gone" in note


def test_a_site_without_the_section_has_none(tmp_path: Path) -> None:
    assert not any("lvs" in note for note in notes(tmp_path, BASE))
