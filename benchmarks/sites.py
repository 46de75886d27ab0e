"""Sites of any size, for measuring."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "inventories" / "example" / "site.yml"
_FIRST = int(IPv4Address("10.20.4.1"))


def site_text(count: int) -> str:
    """Write a sound site of ``count`` nodes: the example's sections, and alike nodes."""
    head, _, _ = EXAMPLE.read_text().partition("\nnodes:\n")
    head = head.replace("subnet: 10.20.0.0/24", "subnet: 10.20.0.0/16")
    return "\n".join([head, "nodes:", *(_node(number, count) for number in range(count)), ""])


def _node(number: int, count: int) -> str:
    control = number < max(1, count // 50)
    mac = f"52:54:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    cards = ("eno1", "eno2") if control else ("eno1", "ens1f0", "ens1f1")
    macs = ", ".join(f'{card}: "{mac}:{place:02x}"' for place, card in enumerate(cards))
    kind = "control" if control else "hypervisor"
    return (
        f"  {kind}{number}:\n"
        f"    roles: [{kind}]\n"
        f"    hardware: {kind}\n"
        f"    serial: CZ{number:08d}\n"
        f"    macs: {{{macs}}}\n"
        f"    addresses: {{service: {IPv4Address(_FIRST + number)}}}"
    )
