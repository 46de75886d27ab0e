"""Sections ``install`` and ``opennebula``: what the media put on a machine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from b2ct.model.cloud import CloudObjects
from b2ct.model.releases import ReleaseId
from b2ct.model.types import NO_TRUTH_VALUE, DomainName, HttpsUrl, Model, SectionName, Url, matching


class Question(StrEnum):
    """What the text dialog asks on a machine that the site file does not know."""

    ROLE = "role"
    HOSTNAME = "hostname"
    NETWORK = "network"
    DISK = "disk"


_SuiteName = Annotated[
    str, matching(r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", "a name such as stable or main")
]


class Repository(Model):
    """A package repository that is configured on installed machines, always verified.

    ``{major}`` and ``{arch}`` in the addresses stand for the release's major number and
    its architecture.
    """

    name: SectionName = Field(description="Name of the repository's file on the machines")
    url: HttpsUrl = Field(description="Address of the repository; TLS only")
    gpg_key: HttpsUrl = Field(description="Address of its signing key; TLS only")
    signed_metadata: bool = Field(
        False,
        description="EL only: its metadata are signed too (repo_gpgcheck); packages always are",
    )
    suite: _SuiteName = Field("stable", description="Debian only: the suite")
    components: tuple[_SuiteName, ...] = Field(("main",), description="Debian only: the components")


class Mirror(Model):
    """Where the installer takes a release from, if not from its vendor."""

    url: Url = Field(description="Base address; packages are verified by signature in any case")


class Install(Model):
    """How machines are installed."""

    release: ReleaseId = Field(description="Release of every node that names no other")
    allow_legacy: bool = Field(
        False, description="Consent to releases without security updates (CentOS 6 and 7)"
    )
    mirrors: dict[ReleaseId, Mirror] = Field(
        default_factory=dict, description="Mirror by release, in place of the vendor's address"
    )
    repositories: tuple[Repository, ...] = Field((), description="Further package repositories")
    packages: tuple[
        Annotated[str, matching(r"^[A-Za-z0-9][\w.+-]*$", "a package name such as tmux")], ...
    ] = Field((), description="Further packages on every node")
    ask: tuple[Question, ...] = Field(
        (Question.ROLE, Question.HOSTNAME, Question.NETWORK, Question.DISK),
        description="Questions on a machine that the site file does not know; empty: refuse it",
    )
    ask_timeout: Annotated[int, Field(ge=10, le=3600), NO_TRUTH_VALUE] = Field(
        120, description="Seconds until an unanswered question takes its default"
    )
    menu_timeout: Annotated[int, Field(ge=1, le=600), NO_TRUTH_VALUE] = Field(
        10, description="Seconds until the boot menu starts its first entry"
    )
    serial_console: (
        Annotated[
            str,
            matching(
                r"^ttyS[0-9](?:,[0-9]{4,6}(?:[noe][78]r?)?)?$",
                "a serial console such as ttyS0 or ttyS1,115200n8",
            ),
        ]
        | None
    ) = Field(None, description="Serial console besides the first one, such as ttyS0,115200n8")


class OpenNebulaDatabase(StrEnum):
    """What oned keeps its data in."""

    SQLITE = "sqlite"
    MARIADB = "mariadb"


_Value = str | int | float
#: What the site's own parts decide; a setting must not undo it.
OWN_SETTINGS: Final = ("DB", "FEDERATION", "GRPC_LISTEN_ADDRESS", "LISTEN_ADDRESS", "PORT")
_Attribute = Annotated[
    str, matching(r"^[A-Z][A-Z0-9_]*$", "a name in capital letters, as oned.conf has it")
]


class OpenNebula(CloudObjects):
    """The cloud's own software and what is kept inside it; the media configure its repository."""

    version: Annotated[str, matching(r"^(6\.10|7\.\d{1,2})$", "6.10 or 7.x, in quotes")] = Field(
        "7.0", description="Release line: 6.10 (LTS) or 7.x; in quotes"
    )
    repository: HttpsUrl = Field(
        "https://downloads.opennebula.io/repo", description="Base address of the repository"
    )
    gpg_key: HttpsUrl = Field(
        "https://downloads.opennebula.io/repo/repo2.key",
        description="Address of the repository's signing key",
    )
    gpg_fingerprint: Annotated[
        str, matching(r"^[0-9A-F]{40}$", "the 40 digits of a fingerprint, in quotes")
    ] = Field(
        "0B2D385C7C9304B11A0367B905A05927906DC27C",
        description="Fingerprint of that key; another key is refused",
    )
    database: OpenNebulaDatabase = Field(
        OpenNebulaDatabase.MARIADB,
        description="mariadb, or sqlite for small trials; chosen before the first start",
    )
    names: tuple[DomainName, ...] = Field(
        (), description="Further names of the web front, the one that users know first"
    )
    settings: dict[_Attribute, _Value | dict[_Attribute, _Value]] = Field(
        default_factory=dict,
        description="Attributes of oned.conf over the package's, such as LOG: {SYSTEM: file}",
    )
