"""What a site knows of itself without Ansible and templates."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

from b2ct.load import load_site
from tests.unit.site_texts import BASE


def spelt(ranges: tuple[tuple[int, int], ...]) -> list[str]:
    """Write ranges of numbers as addresses."""
    return [f"{IPv4Address(first)}-{IPv4Address(last)}" for first, last in ranges]


def test_taken_addresses_are_merged_ranges(tmp_path: Path) -> None:
    text = BASE.replace(
        "      gateway: 10.20.0.1\n",
        "      gateway: 10.20.0.1\n"
        "      vm_ranges:\n"
        "        - {first: 10.20.0.200, last: 10.20.0.220}\n"
        "        - {first: 10.20.0.221, last: 10.20.0.230}\n",
    )
    (tmp_path / "site.yml").write_text(text)
    site = load_site(tmp_path)
    addresses = sorted(
        link.ipv4.ip for node in site.resolved.values() if (link := node.service_link)
    )
    ranges = site.taken_service_ipv4
    found = spelt(ranges)
    assert "10.20.0.200-10.20.0.230" in found
    assert any(first <= int(IPv4Address("10.20.0.5")) <= last for first, last in ranges)
    for address in (*addresses, IPv4Address("10.20.0.1")):
        assert any(first <= int(address) <= last for first, last in ranges)
    assert all(this[1] + 1 < following[0] for this, following in pairwise(ranges))
    free = {IPv4Address("10.20.0.231"), IPv4Address("10.20.0.199"), IPv4Address("10.20.0.4")}
    assert not any(first <= int(one) <= last for first, last in ranges for one in free)
