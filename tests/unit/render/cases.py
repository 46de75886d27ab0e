"""The table that drives the tests of kickstart: every release, every kind."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import yaml

from b2ct.model import RELEASES, Family, Kind, ReleaseId, Site
from b2ct.render import Rendered, render_node, render_site

#: One release of each major; the rebuilds of a major differ in addresses only.
EL_RELEASES = ("centos-6", "centos-7", "almalinux-8", "rocky-9", "almalinux-9", "almalinux-10",
               "centos-stream-10")  # fmt: skip
EXAMPLE = Path(__file__).parents[3] / "inventories/example/site.yml"
NODES = {Kind.CONTROL: "control1", Kind.HYPERVISOR: "node1"}


class SomeHashes:
    """root and one admin have a password."""

    def hashed(self, account: str) -> str | None:
        return f"$6$saltsalt${account:x<86}" if account in {"root", "ada"} else None

    def bootloader_hash(self) -> str | None:
        return "grub.pbkdf2.sha512.10000.5A17.F00D"


@cache
def example_values() -> dict:
    return yaml.safe_load(EXAMPLE.read_text())


@cache
def case_site(release: str) -> Site:
    """The example with every node on ``release``, and what that release cannot do left out."""
    raw = copy.deepcopy(example_values())
    raw["install"]["release"] = release
    raw["install"]["allow_legacy"] = True
    raw["install"]["packages"] = ["tcpdump"]
    raw["install"]["repositories"] = [
        {
            "name": "epel",
            "url": "https://epel.example.org/{major}/{arch}",
            "gpg_key": "https://epel.example.org/KEY-{major}",
        }
    ]
    if release == "centos-6":
        # Its installer opens the network by itself for http:// only.
        raw["install"]["mirrors"] = {release: {"url": "http://mirror.example.org/6.7"}}
    return Site.model_validate(raw)


@cache
def rendered(release: str, kind: Kind | None) -> Rendered:
    """The kickstart of one kind, or of the whole site."""
    site = case_site(release)
    if kind is None:
        return render_site(site, RELEASES[ReleaseId(release)], SomeHashes())
    return render_node(site, site.resolved[NODES[kind]], SomeHashes())


def every_el_release() -> list[str]:
    return [ident.value for ident, release in RELEASES.items() if release.family is Family.EL]
