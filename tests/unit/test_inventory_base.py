"""The variables of the role base, and the ports that roles contribute."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from b2ct.inventory import roles
from b2ct.inventory.ports import Ports, service_subnets, site_subnets
from b2ct.inventory.roles import base
from b2ct.load import load_site
from b2ct.model import Site


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(Path(__file__).parents[2] / "inventories" / "example")


def test_host_names_are_those_of_the_installers(site: Site) -> None:
    names = {
        name: base.host_variables(site, node)["base_hostname"]
        for name, node in site.resolved.items()
    }
    assert names["control1"] == "control1.cloud.example.org"
    assert names["cache1"] == "cache1"


def test_lines_of_hosts(site: Site) -> None:
    lines = {line["address"]: line["names"] for line in base.site_variables(site)["base_hosts"]}
    domain = "cloud.example.org"
    assert lines["10.20.0.11"] == [f"control1.{domain}", "control1"]
    assert lines["2001:db8:40::11"] == [f"control1-public.{domain}", "control1-public"]
    assert lines["10.20.0.5"] == [f"control.{domain}", "control"]


def test_a_service_address_never_takes_a_node_s_name(site: Site) -> None:
    moved = {"node1": site.networks["service"].service_addresses["control"]}
    service = site.networks["service"].model_copy(update={"service_addresses": moved})
    changed = site.model_copy(update={"networks": {**site.networks, "service": service}})
    lines = base.site_variables(changed)["base_hosts"]
    assert [line["address"] for line in lines if "node1" in line["names"]] == ["10.20.0.21"]


def test_roles_contribute_ports(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    squid = Ports("squid", (3128,), service_subnets(site))
    migration = Ports("migration", ("49152-49215",), (), "udp")
    one = SimpleNamespace(ports=lambda _site, node: [squid] if node.name == "cache1" else [])
    other = SimpleNamespace(ports=lambda _site, _node: [migration])
    monkeypatch.setattr(roles, "ROLES", cast("tuple[ModuleType, ...]", (one, other)))
    rules = {
        name: roles.host_variables(site, node)["base_firewall_rules"]
        for name, node in site.resolved.items()
    }
    assert rules["node1"] == [migration.as_rule()]
    assert rules["cache1"] == [
        {"name": "squid", "protocol": "tcp", "ports": ["3128"], "sources": ["10.20.0.0/24"]},
        migration.as_rule(),
    ]


def test_subnets(site: Site) -> None:
    assert service_subnets(site) == ("10.20.0.0/24",)
    assert set(site_subnets(site)) == {
        *("10.20.0.0/24", "10.30.0.0/16", "198.51.100.0/24", "2001:db8:40::/64")
    }


def test_ports_cannot_be_altered() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ports("a", (1,), ()).name = "b"  # type: ignore[misc]
