"""Package sources of the installed system: deb822 files, always signed, each with its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from b2ct.model import Release, Site
from b2ct.render.debian.facts import COMPONENTS, KEYRING, SECURITY
from b2ct.render.parts import TargetFile

_FOLDER = "/etc/apt/sources.list.d"


@dataclass(frozen=True)
class AptRepository:
    """A further repository; its key is fetched from ``gpg_key`` when the system is set up."""

    name: str
    url: str
    suite: str
    components: tuple[str, ...]
    gpg_key: str


def debian_source(mirror: str, release: Release) -> TargetFile:
    """Write the release itself, its updates and its security updates."""
    suite = release.suite
    lines = (
        *_paragraph(mirror, f"{suite} {suite}-updates"),
        "",
        *_paragraph(SECURITY, f"{suite}-security"),
    )
    return TargetFile(f"{_FOLDER}/debian.sources", "0644", lines)


def _paragraph(url: str, suites: str) -> tuple[str, ...]:
    return (
        "Types: deb",
        f"URIs: {url}",
        f"Suites: {suites}",
        f"Components: {COMPONENTS}",
        f"Signed-By: {KEYRING}",
    )


def repositories(site: Site, release: Release) -> tuple[AptRepository, ...]:
    """Give OpenNebula's repository and those of the site."""
    cloud = site.opennebula
    base = f"{cloud.repository}/{cloud.version}/Debian/{release.major}"
    found = [AptRepository("opennebula", base, "stable", ("opennebula",), cloud.gpg_key)]
    for own in site.install.repositories:
        found.append(
            AptRepository(
                own.name,
                _fill(own.url, release),
                _fill(own.suite, release),
                own.components,
                _fill(own.gpg_key, release),
            )
        )
    return tuple(found)


def repository_file(repository: AptRepository) -> TargetFile:
    """Write one further repository."""
    lines = (
        "Enabled: yes",
        "Types: deb",
        f"URIs: {repository.url}",
        f"Suites: {repository.suite}",
        f"Components: {' '.join(repository.components)}",
        "Architectures: amd64",
        f"Signed-By: /etc/apt/keyrings/{repository.name}.asc",
    )
    return TargetFile(f"{_FOLDER}/{repository.name}.sources", "0644", lines)


def key_addresses(found: tuple[AptRepository, ...]) -> Mapping[str, str]:
    """Give the address of each repository's key by the repository's name."""
    return {repository.name: repository.gpg_key for repository in found}


def _fill(text: str, release: Release) -> str:
    return text.replace("{major}", str(release.major)).replace("{arch}", "amd64")
