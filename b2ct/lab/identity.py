"""Who a guest is: what its lab tells it at its first boot (``image/b2ctlab-guest`` obeys).

It makes of a guest what the installer makes of a server: name, accounts with sudo, network
files, the empty volumes of DRBD.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any, Final

from b2ct.lab.keys import KeyPair
from b2ct.lab.plan import OWN_DISK, Card, Guest
from b2ct.model import Site
from b2ct.render.debian.network import hosts, network_files, node_addresses
from b2ct.render.parts import VOLUME_GROUP, TargetFile

#: Where guests see the loopback of their host.
HOST: Final = "10.0.2.2"


def identity(
    site: Site, guest: Guest, *, lab_key: str, host_key: KeyPair, power_port: int, token: str
) -> dict[str, Any]:
    """Describe a guest to itself. It holds secrets: a host key and the token of the switch."""
    node = guest.node
    power = {"ip": HOST, "ipport": power_port, "password": token}
    files = [
        *(_link(card) for card in guest.cards),
        *(_filled(file, guest.cards) for file in network_files(site, node)),
        _filled(hosts(site, node.name, node_addresses(node)), ()),
        _closed(site),
        _file("/etc/b2ctlab/power.json", json.dumps(power) + "\n", 0o600),
        _file("/etc/ssh/ssh_host_ed25519_key", host_key.private, 0o600),
        _file("/etc/ssh/ssh_host_ed25519_key.pub", host_key.public, 0o644),
    ]
    return {
        "name": node.name,
        "machine_id": uuid.uuid4().hex,
        "files": files,
        "accounts": [
            {
                "name": admin.name,
                "comment": admin.full_name,
                "keys": [*admin.ssh_keys, lab_key.strip()],
            }
            for admin in site.site.admins
        ],
        "volume_group": VOLUME_GROUP,
        "volume_disk": OWN_DISK,
        "volumes": dict(guest.volumes),
    }


def _file(path: str, content: str, mode: int) -> dict[str, Any]:
    return {"path": path, "mode": mode, "content": content}


def _filled(file: TargetFile, cards: Iterable[Card]) -> dict[str, Any]:
    """Put in what the installer would find out on the machine."""
    text = "".join(f"{line}\n" for line in file.lines)
    for card in cards:
        text = text.replace(f"@{{nic:{card.name}}}", card.name)
        text = text.replace(f"@{{mac:{card.name}}}", card.mac)
    return _file(file.path, text, int(file.mode, 8))


def _closed(site: Site) -> dict[str, Any]:
    """Keep what belongs on a private network off the way to the host, also while a cable is out."""
    subnets = [
        side.subnet
        for network in site.networks.values()
        for side in (network.ipv4, network.ipv6)
        if side is not None
    ]
    route = "[Route]\nDestination={}\nType=unreachable\nTable=77\n"
    text = "\n".join(route.format(subnet) for subnet in subnets)
    return _file("/etc/systemd/network/10-b2ctlab.network.d/site.conf", text, 0o644)


def _link(card: Card) -> dict[str, Any]:
    """Name a card as the site does, whatever the kernel calls it."""
    text = f"[Match]\nPermanentMACAddress={card.mac}\n\n[Link]\nName={card.name}\n"
    return _file(f"/etc/systemd/network/11-b2ctlab-{card.name}.link", text, 0o644)
