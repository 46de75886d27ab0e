"""Faults of the objects inside OpenNebula: each with its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from b2ct.inventory.roles import opennebula_objects
from b2ct.load import load_site
from b2ct.model import Site
from tests.unit.site_texts import Apple, altered, told

EXAMPLE = Path(__file__).parents[2] / "inventories" / "example"


def apple(name: str, section: str, said: str) -> Apple:
    body = "".join(f"  {line}\n" for line in section.splitlines())
    return Apple(name, "install:\n", f"opennebula:\n{body}install:\n", f"opennebula.{said}")


APPLES = [
    apple(
        "cluster_of_a_datastore",
        "clusters: {production: {}}\ndatastores:\n  shared: {ds_mad: fs, clusters: [producton]} #!",
        "datastores.shared.clusters[0]: there is no cluster 'producton';"
        " did you mean 'production'?",
    ),
    apple(
        "host_that_is_no_node",
        "hosts: {node9: {}} #!",
        "hosts.node9: there is no node 'node9'; did you mean 'node1'?",
    ),
    apple(
        "system_datastore_with_driver",
        "datastores: {fast: {type: system, ds_mad: fs}} #!",
        "datastores.fast.ds_mad: a system datastore has none; remove it",
    ),
    apple(
        "datastore_without_driver",
        "datastores: {fast: {}} #!",
        "datastores.fast: lacks ds_mad; write for instance ds_mad: fs",
    ),
    apple(
        "driver_of_another_release",
        "datastores: {fast: {ds_mad: fs, tm_mad: ssh}} #!",
        "datastores.fast.tm_mad: OpenNebula 7.0 calls it 'local';"
        " write tm_mad: local, or remove the line",
    ),
    apple(
        "image_of_nothing",
        "images: {empty: {}} #!",
        "images.empty: has neither data nor a size; write path: or, for an empty one, size:",
    ),
    apple(
        "image_in_no_datastore",
        "images: {disk: {size: 1GiB, datastore: defalt}} #!",
        "images.disk.datastore: there is no datastore 'defalt'; did you mean 'default'?",
    ),
    apple(
        "network_of_nothing",
        "virtual_networks: {guests: {network: servise}} #!",
        "virtual_networks.guests.network: there is no network 'servise'; did you mean 'service'?",
    ),
    apple(
        "security_group_of_a_network",
        "virtual_networks: {guests: {security_groups: [default, web]}} #!",
        "virtual_networks.guests.security_groups[1]: there is no security group 'web';"
        " known here: default",
    ),
    apple(
        "user_in_no_group",
        "users: {ada: {groups: [users, physics]}} #!",
        "users.ada.groups[1]: there is no group 'physics'; known here: oneadmin, users",
    ),
    apple(
        "administrator_outside",
        "users: {ada: {}}\ngroups: {physics: {admins: [ada]}} #!",
        "groups.physics.admins[0]: 'ada' is not in the group, so cannot administer it;"
        " add 'physics' to the user's groups",
    ),
    apple(
        "quota_of_nothing",
        "groups:\n  physics:\n    quota: {datastores: {defautl: {SIZE: 5}}} #!",
        "groups.physics.quota.datastores.defautl: there is no datastore 'defautl';"
        " did you mean 'default'?",
    ),
    apple(
        "owner_of_nothing",
        "templates: {small: {owner: bob}} #!",
        "templates.small.owner: there is no user 'bob'; known here: oneadmin, serveradmin",
    ),
    apple(
        "rule_for_nobody",
        'acls:\n  - {users: "@physics", resources: [VM], rights: [USE]} #!',
        "acls[0].users: there is no group 'physics'; known here: oneadmin, users",
    ),
    apple(
        "rule_written_twice",
        'acls:\n  - {users: "@users", resources: [VM], rights: [USE]}\n'
        '  - {users: "@users", resources: [VM], rights: [MANAGE]} #!',
        "acls[1]: is about the same users and resources as the rule on line",
    ),
    apple(
        "hook_of_no_state",
        "hooks: {heal: {resource: HOST, command: heal.rb}} #!",
        "hooks.heal: lacks state; write for instance state: ERROR",
    ),
    apple(
        "hook_of_no_call",
        "hooks: {heal: {type: api, command: heal.rb}} #!",
        "hooks.heal: lacks call; write for instance call: one.vm.allocate",
    ),
]


@pytest.mark.parametrize("apple", APPLES, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new)
    found = told(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(f"{line}: {apple.told}")


def test_what_is_said_elsewhere_is_not_said_again() -> None:
    """Hosts come from the hypervisors, networks with their addresses from the networks."""
    variables = opennebula_objects.site_variables(load_site(EXAMPLE))
    assert [one["name"] for one in variables["opennebula_objects_hosts"]] == [
        "node1",
        "node2",
        "node3",
    ]
    networks = {one["name"]: one for one in variables["opennebula_objects_networks"]}
    assert set(networks) == {"private", "public"}
    assert networks["private"]["bridge"] == "br-private"
    assert networks["private"]["ranges"] == [{"type": "IP4", "ip": "10.30.1.0", "size": 64000}]
    assert networks["public"]["ranges"] == [
        {
            "type": "IP4_6_STATIC",
            "ip": "198.51.100.100",
            "ip6": "2001:db8:40::1:0",
            "prefix_length": 64,
            "size": 151,
        }
    ]
    assert networks["public"]["attributes"]["GATEWAY"] == "198.51.100.1"


def speakers(site: Site) -> dict[str, dict[str, Any]]:
    """Give what each node is told of who speaks to oned."""
    return {
        name: opennebula_objects.host_variables(site, node) for name, node in site.resolved.items()
    }


def test_one_control_node_speaks_to_oned() -> None:
    site = load_site(EXAMPLE)
    sections = {name: getattr(site, name) for name in type(site).model_fields}
    here = speakers(Site.model_construct(**sections | {"ha": None}))
    assert here["control1"] == {"opennebula_objects_here": True}
    assert here["control2"] == {"opennebula_objects_here": False}
    assert here["node1"] == {}


def test_of_a_failover_pair_the_one_with_the_address_speaks() -> None:
    here = speakers(load_site(EXAMPLE))
    assert here["control1"] == here["control2"]
    assert here["control1"] == {"opennebula_objects_failover_address": "10.20.0.5"}
    assert here["node1"] == {}
