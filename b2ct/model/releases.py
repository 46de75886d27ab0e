"""The releases that b2ct installs: facts about each, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from b2ct.model.types import Role


class ReleaseId(StrEnum):
    """A release as site.yml and the media catalogue name it."""

    ALMALINUX_8 = "almalinux-8"
    ALMALINUX_9 = "almalinux-9"
    ALMALINUX_10 = "almalinux-10"
    ROCKY_8 = "rocky-8"
    ROCKY_9 = "rocky-9"
    ROCKY_10 = "rocky-10"
    CENTOS_STREAM_9 = "centos-stream-9"
    CENTOS_STREAM_10 = "centos-stream-10"
    CENTOS_7 = "centos-7"
    CENTOS_6 = "centos-6"
    DEBIAN_12 = "debian-12"
    DEBIAN_13 = "debian-13"


class Family(StrEnum):
    """Which installer, hence which answer file, a release has."""

    EL = "el"
    DEBIAN = "debian"


@dataclass(frozen=True)
class Release:
    """Facts about one release.

    ``url`` is the vendor's install tree (EL) or archive (Debian). ``handler`` names
    pykickstart's version. ``suite`` is Debian's code name. ``roles`` are those that b2ct
    supports there. ``python`` is the interpreter for Ansible where its own choice would not do;
    ``ansible_before`` is the first ansible-core that cannot manage the release.
    """

    id: ReleaseId
    title: str
    family: Family
    major: int
    url: str
    vendor: str
    roles: frozenset[Role]
    legacy: bool = False
    handler: str = ""
    suite: str = ""
    python: str = ""
    ansible_before: str = ""

    @property
    def group(self) -> str:
        """The Ansible group of nodes of this release: ``el9``, ``debian12``."""
        return f"{self.family.value}{self.major}"


_R = ReleaseId
_ALMA = "https://repo.almalinux.org/almalinux"
_ROCKY = "https://dl.rockylinux.org/pub/rocky"
_STREAM = "https://mirror.stream.centos.org"
_VAULT = "https://vault.centos.org"
_DEBIAN = "https://deb.debian.org/debian"


def _el(
    ident: ReleaseId, title: str, major: int, url: str, vendor: str, *, legacy: bool = False
) -> Release:
    # The cache role needs packages that the vaults of CentOS 6 and 7 no longer carry.
    roles = frozenset({Role.CONTROL, Role.HYPERVISOR}) if legacy else frozenset(Role)
    handler = f"RHEL{major}"
    # EL 8's dnf speaks to its own Python only, which is 3.6; ansible-core 2.16 is the last to run
    # on that. Modules of b2ct want a newer one, which EL 8.10 offers beside it.
    python, before = ("/usr/bin/python3.12", "2.17") if major == 8 else ("", "")
    return Release(
        ident, title, Family.EL, major, url, vendor, roles, legacy, handler,
        python=python, ansible_before=before,
    )  # fmt: skip


def _debian(ident: ReleaseId, major: int, suite: str) -> Release:
    title = f"Debian {major}"
    roles = frozenset(Role)
    return Release(ident, title, Family.DEBIAN, major, _DEBIAN, "debian", roles, suite=suite)


#: Every release by its id.
RELEASES: dict[ReleaseId, Release] = {
    release.id: release
    for release in (
        _el(_R.ALMALINUX_8, "AlmaLinux 8", 8, f"{_ALMA}/8", "almalinux"),
        _el(_R.ALMALINUX_9, "AlmaLinux 9", 9, f"{_ALMA}/9", "almalinux"),
        _el(_R.ALMALINUX_10, "AlmaLinux 10", 10, f"{_ALMA}/10", "almalinux"),
        _el(_R.ROCKY_8, "Rocky Linux 8", 8, f"{_ROCKY}/8", "rocky"),
        _el(_R.ROCKY_9, "Rocky Linux 9", 9, f"{_ROCKY}/9", "rocky"),
        _el(_R.ROCKY_10, "Rocky Linux 10", 10, f"{_ROCKY}/10", "rocky"),
        _el(_R.CENTOS_STREAM_9, "CentOS Stream 9", 9, f"{_STREAM}/9-stream", "centos-stream"),
        _el(_R.CENTOS_STREAM_10, "CentOS Stream 10", 10, f"{_STREAM}/10-stream", "centos-stream"),
        _el(_R.CENTOS_7, "CentOS 7.9", 7, f"{_VAULT}/7.9.2009", "centos", legacy=True),
        _el(_R.CENTOS_6, "CentOS 6.7", 6, f"{_VAULT}/6.7", "centos", legacy=True),
        _debian(_R.DEBIAN_12, 12, "bookworm"),
        _debian(_R.DEBIAN_13, 13, "trixie"),
    )
}
