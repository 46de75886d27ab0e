"""The files that role network writes, against golden texts and what the media write."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule
from ansible.plugins.test.core import TestModule as AnsibleTests

from b2ct.inventory import inventory
from b2ct.model import Family, ResolvedNode, Site
from b2ct.render.debian.network import network_files as debian_files
from b2ct.render.el.facts import FACTS
from b2ct.render.el.network_files import network_files as el_files
from b2ct.render.interfaces import interfaces

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/network"
GOLDEN = ROOT / "tests/golden/network"
EXAMPLE = yaml.safe_load((ROOT / "inventories/example/site.yml").read_text())


def shape(**changes: Any) -> dict[str, Any]:
    """The example site with node1 attached and addressed in another way."""
    raw = copy.deepcopy(EXAMPLE)
    node = raw["nodes"]["node1"]
    node.pop("hardware")
    node.update({"nics": ["eno1", "eno2"], "disk": {"serial": "X", "size": "480GB"}})
    node["volumes"] = {"root": {"size": "40GiB", "mount": "/"}}
    raw["networks"].update(changes.pop("networks", {}))
    node.update(changes)
    return raw


V6 = {
    "purpose": "service",
    "ipv6": {"subnet": "2001:db8:20::/64", "gateway": "2001:db8:20::1"},
}
TAGGED = {**EXAMPLE["networks"]["service"], "vlan": 20}

#: A name -> the site, of which node1 is looked at.
SHAPES: dict[str, dict[str, Any]] = {
    "example": EXAMPLE,
    "card-dhcp": shape(attach={"service": {"device": "eno1"}}, addresses={"service": "dhcp"}),
    "card-without-mac": shape(
        macs={}, attach={"service": {"device": "eno2"}}, addresses={"service": "10.20.0.21"}
    ),
    "bridge-on-card": shape(
        attach={"service": {"device": "eno1", "bridge": "br-service"}},
        addresses={"service": "10.20.0.21"},
    ),
    "vlan-on-card": shape(
        networks={"service": TAGGED},
        attach={"service": {"device": "eno1"}},
        addresses={"service": "10.20.0.21"},
    ),
    "vlan-on-lacp-bond": shape(
        networks={"service": TAGGED},
        bonds={"bond0": {"members": ["eno1", "eno2"], "mode": "802.3ad"}},
        attach={"service": {"device": "bond0"}, "private": {"device": "bond0"}},
        addresses={"service": "10.20.0.21", "private": "10.30.0.21"},
    ),
    "balance-alb-untagged-bridge": shape(
        bonds={"bond0": {"members": ["eno1", "eno2"], "mode": "balance-alb"}},
        attach={
            "service": {"device": "bond0", "bridge": "br0"},
            "public": {"device": "bond0", "bridge": "br1"},
        },
        addresses={"service": "10.20.0.21", "public": {"ipv6": "auto"}},
    ),
    "balance-xor": shape(
        bonds={"bond0": {"members": ["eno1", "eno2"], "mode": "balance-xor"}},
        attach={"service": {"device": "bond0"}},
        addresses={"service": {"ipv4": "10.20.0.21"}},
    ),
    "ipv6-only": shape(
        networks={"service": V6},
        attach={"service": {"device": "eno1"}},
        addresses={"service": {"ipv6": "2001:db8:20::21"}},
    ),
    "ipv6-routers": shape(
        networks={
            "service": {
                **EXAMPLE["networks"]["service"],
                "ipv6": {"subnet": "2001:db8:20::/64"},
            },
            "public": {"purpose": "public", "vlan": 40, "ipv6": {"subnet": "2001:db8:40::/64"}},
        },
        attach={"service": {"device": "eno1"}, "public": {"device": "eno1"}},
        addresses={
            "service": {"ipv4": "10.20.0.21", "ipv6": "auto"},
            "public": {"ipv6": "2001:db8:40::21"},
        },
    ),
    "two-default-routes": shape(
        attach={"service": {"device": "eno1"}, "public": {"device": "eno2", "tagged": False}},
        addresses={
            "service": "10.20.0.21",
            "public": {"ipv4": "dhcp", "ipv6": "2001:db8:40::21"},
        },
    ),
    "two-search-domains": {
        **shape(attach={"service": {"device": "eno1"}}, addresses={"service": "10.20.0.21"}),
        "site": {
            **EXAMPLE["site"],
            "dns": {
                "servers": ["10.20.0.53", "2001:db8::53", "2001:db8::54"],
                "search": ["example.org", "cloud.example.org"],
            },
        },
    },
}


@cache
def site_of(name: str, release: str) -> Site:
    raw = copy.deepcopy(SHAPES[name])
    raw["install"]["release"] = release
    return Site.model_validate(raw)


def node_of(site: Site) -> ResolvedNode:
    return site.resolved["node1"]


@cache
def environment() -> jinja2.Environment:
    """Jinja2 as Ansible's template lookup sets it up, with Ansible's own filters and tests."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    own = {"d", "default"}  # Ansible's know Ansible's kind of undefined values only
    filters = FilterModule().filters().items()
    made.filters.update({name: function for name, function in filters if name not in own})
    made.tests.update(AnsibleTests().tests())
    return made


def role_files(variables: dict[str, Any], backend: str) -> dict[str, tuple[str, str]]:
    """Render the role's templates: path -> (mode, text)."""
    text = environment().get_template(f"files/{backend}.json.j2").render(variables)
    return {file["path"]: (file["mode"], file["content"]) for file in json.loads(text)}


def rendered(name: str, family: Family) -> dict[str, tuple[str, str]]:
    site = site_of(name, {Family.EL: "almalinux-9", Family.DEBIAN: "debian-12"}[family])
    described = inventory(site)
    variables = {
        **described.site_variables,
        **described.host_variables["node1"],
        "inventory_hostname": "node1",
        "ansible_managed": "Ansible managed",
    }
    return role_files(variables, "NetworkManager" if family is Family.EL else "networkd")


def without_comments(text: str) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if not re.match(r"\s*[#;]", line))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("family", [Family.EL, Family.DEBIAN])
def test_golden_files(name: str, family: Family, request: pytest.FixtureRequest) -> None:
    files = rendered(name, family)
    text = "".join(f"==> {path} {mode}\n{body}\n" for path, (mode, body) in files.items())
    golden = GOLDEN / f"{name}.{family.value}"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("family", [Family.EL, Family.DEBIAN])
def test_a_machine_fresh_from_the_media_has_these_files(name: str, family: Family) -> None:
    """Name, mode and meaning of each file are what the install medium has written."""
    release = {Family.EL: "almalinux-9", Family.DEBIAN: "debian-12"}[family]
    site = site_of(name, release)
    node = node_of(site)
    if family is Family.EL:
        installed = el_files(FACTS[9], interfaces(site, node))
    else:
        installed = debian_files(site, node)

    def resolved(line: str) -> str:
        line = re.sub(r"@\{nic:([^}]*)\}", r"\1", line)
        return re.sub(r"@\{mac:([^}]*)\}", lambda found: node.macs[found[1]], line)

    expected = {
        file.path: (file.mode, [line for line in map(resolved, file.lines) if line])
        for file in installed
    }
    ours = {
        path: (mode, [line for line in without_comments(body).splitlines() if line])
        for path, (mode, body) in rendered(name, family).items()
        if path != "/etc/resolv.conf" and not path.endswith("10-b2ct.conf")
    }
    assert ours == expected


def test_every_template_says_who_wrote_it() -> None:
    files = rendered("vlan-on-lacp-bond", Family.EL) | rendered("vlan-on-lacp-bond", Family.DEBIAN)
    assert all("Ansible managed" in body.splitlines()[1] for _mode, body in files.values())


def test_a_host_of_no_b2ct_site_gets_its_own_uuid() -> None:
    variables = {
        "inventory_hostname": "box",
        "ansible_managed": "Ansible managed",
        "network_interfaces": [{"name": "eth0", "type": "card", "ipv4": {"method": "dhcp"}}],
        "network_dns_servers": [],
        "network_dns_search": [],
    }
    ((_mode, text), *_rest) = role_files(variables, "NetworkManager").values()
    assert re.search(r"^uuid=[0-9a-f-]{36}$", text, re.M)
    assert "mtu=1500" in text
    assert "dns" not in text
