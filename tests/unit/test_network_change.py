"""What a change of network files means for the devices, and what ifupdown gives up."""

from __future__ import annotations

import pytest
from ansible_collections.b2ct.cloud.plugins.module_utils.network_files import (
    NETWORKD,
    NETWORKMANAGER,
    Activation,
    activation,
    devices,
    meaning,
    shadowing,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.network_ifupdown import (
    MARK,
    take_devices,
)

from b2ct.model import Family
from tests.unit.test_network_role import rendered

BACKENDS = {Family.EL: NETWORKMANAGER, Family.DEBIAN: NETWORKD}
CARDS = {"52:54:00:20:01:11": "ens3"}


def texts(shape: str, family: Family, *without: str, **changes: str) -> dict[str, str]:
    """The files of a shape; ``old=new`` pairs replace pieces of text."""
    files = {path: text for path, (_mode, text) in rendered(shape, family).items()}
    for path in list(files):
        if any(name in path for name in without):
            del files[path]
        else:
            for old, new in changes.items():
                files[path] = files[path].replace(old, new)
    return files


def change(family: Family, before: dict[str, str], after: dict[str, str]) -> Activation:
    backend = BACKENDS[family]
    return activation(devices(backend, before, CARDS), devices(backend, after, CARDS))


both = pytest.mark.parametrize("family", [Family.EL, Family.DEBIAN])


@both
def test_devices_of_a_bond_with_vlans(family: Family) -> None:
    found = devices(BACKENDS[family], texts("vlan-on-lacp-bond", family), CARDS)
    assert {name: (d.kind, d.parent, d.controller) for name, d in found.items()} == {
        "ens3": ("card", "", "bond0"),
        "eno2": ("card", "", "bond0"),
        "bond0": ("bond", "", ""),
        "bond0.20": ("vlan", "bond0", ""),
        "bond0.30": ("vlan", "bond0", ""),
    }


@both
def test_nothing_is_done_where_nothing_differs(family: Family) -> None:
    files = texts("vlan-on-lacp-bond", family)
    commented = {path: f"; another comment\n\n{text}" for path, text in files.items()}
    assert change(family, files, commented) == Activation()


@both
def test_an_address_touches_its_own_device_only(family: Family) -> None:
    before = texts("vlan-on-lacp-bond", family)
    after = texts("vlan-on-lacp-bond", family, **{"10.20.0.21": "10.20.0.99"})
    found = change(family, before, after)
    assert [name for name, _uuid in found.links] == ["bond0.20"]
    assert (found.delete, found.released) == ((), ())


@both
def test_another_mode_makes_a_bond_anew_and_what_stands_on_it(family: Family) -> None:
    before = texts("vlan-on-lacp-bond", family)
    new = {"mode=802.3ad": "mode=active-backup", "Mode=802.3ad": "Mode=active-backup"}
    found = change(family, before, texts("vlan-on-lacp-bond", family, **new))
    assert found.delete == ("bond0", "bond0.20", "bond0.30")
    assert next(name for name, _uuid in found.links) == "bond0"
    assert {name for name, _uuid in found.links} == {
        "bond0",
        "eno2",
        "ens3",
        "bond0.20",
        "bond0.30",
    }


@both
def test_a_network_more_leaves_the_others_alone(family: Family) -> None:
    after = texts("vlan-on-lacp-bond", family)
    before = texts("vlan-on-lacp-bond", family, "bond0.30.", **{"VLAN=bond0.30\n": ""})
    found = change(family, before, after)
    assert found.delete == ("bond0.30",)
    assert {name for name, _uuid in found.links} <= {"bond0", "bond0.30"}
    assert "bond0.30" in {name for name, _uuid in found.links}
    back = change(family, after, before)
    assert back.delete == ("bond0.30",)


@both
def test_a_bridge_is_never_made_anew(family: Family) -> None:
    before = texts("bridge-on-card", family)
    after = texts("bridge-on-card", family, **{"stp=false": "stp=true", "STP=no": "STP=yes"})
    assert change(family, before, after).delete == ()
    assert change(family, {}, after).delete == ()


@both
def test_a_card_that_is_not_used_any_more_is_released(family: Family) -> None:
    before = texts("two-default-routes", family)
    after = texts("two-default-routes", family, "eno2")
    assert change(family, before, after).released == ("eno2",)


def test_every_connection_is_brought_up_by_its_uuid() -> None:
    found = change(Family.EL, {}, texts("vlan-on-lacp-bond", Family.EL))
    assert all(len(uuid) == 36 for _name, uuid in found.links)


def test_meaning_is_without_comments() -> None:
    assert meaning("# a\n\n [x]\n;b\ny=1 # kept\n") == "[x]\ny=1 # kept\n"


@pytest.mark.parametrize(
    ("path", "text", "shadows"),
    [
        ("/run/systemd/network/10-netplan-eth0.network", "[Match]\nName=ens3\n", True),
        (
            "/run/systemd/network/10-x.network",
            "[Match]\nPermanentMACAddress=52:54:00:20:01:11\n",
            True,
        ),
        ("/etc/systemd/network/20-all.network", "[Match]\nName=en*\n", True),
        ("/etc/systemd/network/90-all.network", "[Match]\nName=en*\n", False),
        ("/etc/systemd/network/20-other.network", "[Match]\nName=wlan0\n", False),
        ("/etc/systemd/network/20-other.network", "[Match]\nMACAddress=02:00:00:00:00:01\n", False),
        ("/usr/lib/systemd/network/20-x.network", "[Match]\nKind=bridge\nName=*\n", False),
    ],
)
def test_files_that_come_before_ours_are_found(path: str, text: str, shadows: bool) -> None:
    ours = texts("bridge-on-card", Family.DEBIAN)
    found = list(shadowing(ours, {path: text}, CARDS))
    assert ((path, "ens3") in found) is shadows


INTERFACES = """\
# The loopback
auto lo eno1
iface lo inet loopback

allow-hotplug eno1
iface eno1 inet static
    address 10.20.0.21/24
    # its router
    gateway 10.20.0.1

auto br0
iface br0 inet manual
    bridge_ports eno1 \\
        eno9
iface eno1.30 inet manual
iface eno7 inet dhcp
"""


def test_ifupdown_keeps_what_is_not_ours() -> None:
    taken = take_devices(INTERFACES, {"eno1", "eno2"})
    assert taken.devices == ("br0", "eno1", "eno1.30")
    kept = [line for line in taken.text.splitlines() if line and not line.startswith("#")]
    assert kept == ["auto lo", "iface lo inet loopback", "iface eno7 inet dhcp"]
    assert f"{MARK}    gateway 10.20.0.1" in taken.text
    assert take_devices(taken.text, {"eno1"}).devices == ()


def test_what_the_media_leave_to_ifupdown_stays_as_it_is() -> None:
    text = "# See /etc/systemd/network\nauto lo\niface lo inet loopback\n"
    assert take_devices(text, {"eno1"}).text == text
