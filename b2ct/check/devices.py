"""Rules about cards, bonds, bridges and VLAN devices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from b2ct.check.named import missing
from b2ct.check.report import Report, few
from b2ct.check.setups import Setup, setups
from b2ct.model import Attachment, BondMode, Site
from b2ct.places import Path
from b2ct.suggest import did_you_mean

#: IFNAMSIZ of the kernel, without the final NUL.
_NAME_MAX: Final = 15


def bonds(report: Report) -> None:
    """A card is in one bond, and a bond has cards of its own and a switch that fits."""
    for setup in setups(report.site):
        member_of: dict[str, str] = {}
        for name, bond in setup.hardware.bonds.items():
            path = setup.path("bonds", name)
            if name in setup.hardware.nics:
                report.problem(path, f"{name!r} is a network card too", "choose another name")
            for position, card in enumerate(bond.members):
                place = (*path, "members", position)
                if card in member_of:
                    report.problem(
                        place, f"card {card!r} is in {member_of[card]} already", "remove one"
                    )
                elif card in setup.hardware.bonds:
                    report.problem(
                        place, f"{card!r} is a bond itself", "list the network cards themselves"
                    )
                member_of.setdefault(card, name)
            if bond.mode is BondMode.LACP and setup.node is None:
                report.note(
                    path,
                    "802.3ad works only with a switch that groups these ports (LACP)",
                    "without it use active-backup",
                )


def cards(report: Report) -> None:
    """Every device that is named is a card of the machine, or a bond."""
    for setup in setups(report.site):
        bonds = setup.hardware.bonds
        members = {card for bond in bonds.values() for card in bond.members} - set(bonds)
        devices = {
            attachment.device
            for attachment in setup.hardware.attach.values()
            if attachment.device not in bonds
        }
        missing: dict[str, list[str]] = {}
        for name in setup.nodes:
            node = report.site.nodes[name]
            known = {*setup.hardware.nics, *node.nics, *node.macs}
            for device in (members | devices) - known:
                missing.setdefault(device, []).append(name)
        for device, names in sorted(missing.items()):
            _missing_card(report, setup, device, names)


def _missing_card(report: Report, setup: Setup, device: str, names: list[str]) -> None:
    known = {*setup.hardware.nics, *setup.hardware.bonds, *report.site.nodes[names[0]].macs}
    path = _place_of(setup, device)
    hint = did_you_mean(device, known) if known else ""
    report.problem(
        path,
        f"there is no network card {device!r} on {few(names)}",
        f"{hint} Else list it in nics: or give its MAC address in macs:".strip(),
        rests_on=[
            *setup.rests_on("nics"),
            *setup.rests_on("bonds"),
            *[("nodes", name, "macs") for name in names[:1]],
        ],
    )


def _place_of(setup: Setup, device: str) -> Path:
    for network, attachment in setup.hardware.attach.items():
        if attachment.device == device:
            return (*setup.path("attach", network), "device")
    for name, bond in setup.hardware.bonds.items():
        if device in bond.members:
            return (*setup.path("bonds", name), "members", bond.members.index(device))
    return setup.path("attach")


def attachments(report: Report) -> None:
    """An attachment leads to a network, over a device that is free for it."""
    for setup in setups(report.site):
        bonds = setup.hardware.bonds
        members = {card: name for name, bond in bonds.items() for card in bond.members}
        untagged: dict[str, str] = {}
        for network, attachment in setup.hardware.attach.items():
            path = setup.path("attach", network)
            if network not in report.site.networks:
                missing(report, "networks", path, network)
                continue
            device = attachment.device
            if device in members and device not in bonds:
                report.problem(
                    (*path, "device"),
                    f"{device!r} is part of {members[device]!r}",
                    f"attach the network to {members[device]}",
                )
            tag = report.site.networks[network].vlan
            if attachment.tagged and tag is None:
                report.problem(
                    (*path, "tagged"),
                    f"network {network!r} has no VLAN tag",
                    "give the network a vlan:, or remove tagged",
                    rests_on=[("networks", network, "vlan")],
                )
            if tag is not None and attachment.tagged is not False:
                _vlan_device(report, (*path, "device"), f"{device}.{tag}")
                continue
            if device in untagged:
                report.problem(
                    (*path, "device"),
                    f"{device!r} carries {untagged[device]!r} untagged already",
                    "give one of the two networks a vlan:, or another card",
                    rests_on=[("networks", network), ("networks", untagged[device])],
                )
            untagged.setdefault(device, network)


def _vlan_device(report: Report, path: Path, name: str) -> None:
    if len(name) > _NAME_MAX:
        report.problem(
            path,
            f"its VLAN device {name!r} has {len(name)} characters, the kernel takes {_NAME_MAX}",
            "put the card in a bond with a short name",
        )


def bridges(report: Report) -> None:
    """A bridge carries one network and has a name of its own."""
    for setup in setups(report.site):
        hardware = setup.hardware
        seen: dict[str, str] = {}
        taken = {*hardware.nics, *hardware.bonds, *_cards_of(report.site, setup.nodes)}
        for network, attachment in hardware.attach.items():
            bridge = attachment.bridge
            if bridge is None:
                continue
            path = (*setup.path("attach", network), "bridge")
            if bridge in seen:
                report.problem(
                    path,
                    f"bridge {bridge!r} carries {seen[bridge]!r} already",
                    "give each network a bridge of its own",
                )
            elif bridge in taken:
                report.problem(
                    path, f"{bridge!r} is a card or bond of the machine", "choose another name"
                )
            seen.setdefault(bridge, network)
            bond = hardware.bonds.get(attachment.device)
            if bond is not None and bond.mode is BondMode.BALANCE_ALB:
                # It rewrites the source address of frames, which a bridge then learns wrongly
                # (bonding.rst of the kernel, "balance-alb").
                report.problem(
                    path,
                    f"{attachment.device!r} is in mode balance-alb, which fails under a bridge",
                    "use active-backup or 802.3ad",
                )


def _cards_of(site: Site, nodes: Iterable[str]) -> set[str]:
    return {card for name in nodes for card in (*site.nodes[name].nics, *site.nodes[name].macs)}


def vlan_at_installation(report: Report) -> None:
    """The installer can bring up the service network; that of CentOS 6 knows no VLANs."""
    service = report.site.service_network
    if service is None:
        return
    for setup in setups(report.site):
        attachment = setup.hardware.attach.get(service)
        old = [release for release in setup.releases if release.legacy and release.major == 6]
        if attachment is not None and old and _is_tagged(report.site, service, attachment):
            report.problem(
                setup.path("attach", service),
                f"the installer of {old[0].title} brings up no VLAN",
                "use an untagged port for the service network (tagged: false), or a later release",
                rests_on=[("networks", service), ("install", "release")],
            )


def mtus(report: Report) -> None:
    """A VLAN's frames fit through the untagged network's device below it."""
    for setup in setups(report.site):
        known = {
            network: attachment
            for network, attachment in setup.hardware.attach.items()
            if network in report.site.networks
        }
        below = {
            attachment.device: network
            for network, attachment in known.items()
            if not _is_tagged(report.site, network, attachment)
        }
        for network, attachment in known.items():
            carrier = below.get(attachment.device)
            if carrier is None or carrier == network:
                continue
            mtu, limit = report.site.networks[network].mtu, report.site.networks[carrier].mtu
            if mtu > limit:
                report.problem(
                    (*setup.path("attach", network), "device"),
                    f"{network!r} has MTU {mtu}, more than the {limit} of {carrier!r}"
                    f" on the same device",
                    f"lower the one, or raise the other in networks: (line"
                    f" {report.line(('networks', carrier))})",
                    rests_on=[("networks", network), ("networks", carrier)],
                )


def _is_tagged(site: Site, network: str, attachment: Attachment) -> bool:
    return site.networks[network].vlan is not None and attachment.tagged is not False
