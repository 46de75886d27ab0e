"""Sections ``squid``, ``cvmfs`` and ``belle2``: the cache, and what is fetched through it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from b2ct.model.addresses import AnySubnet
from b2ct.model.types import DomainName, HttpsUrl, Model, MountPoint, Role, Size, matching

#: On which the cache nodes' squid listens.
SQUID_PORT: Final = 3128
#: A DNS name with a dot in it, or every name below one when it begins with a dot.
Destination = Annotated[
    str,
    matching(
        r"^\.?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
        "a host such as mirror.example.org, or .example.org for every host below it",
        max_length=253,
    ),
]
#: A repository, which CVMFS names by its full name.
CvmfsRepository = Annotated[
    str,
    matching(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
        "a repository's full name such as belle.cern.ch",
        max_length=253,
    ),
]
#: A stratum-1 server, as CVMFS wants it.
CvmfsServer = Annotated[
    str,
    matching(
        r"^https?://[a-z0-9.-]+(:[0-9]{2,5})?/cvmfs/@(fqrn|org)@$",
        "a stratum-1 server such as http://stratum-one.example.org:8000/cvmfs/@fqrn@",
    ),
]


#: Repositories that a Belle II site mounts: the experiment's, DIRAC's and what both build on.
_REPOSITORIES: Final = (
    "belle.cern.ch",
    "belle.kek.jp",
    "grid.cern.ch",
    "dirac.egi.eu",
    "cernvm-prod.cern.ch",
)
#: Stratum-1 servers of the domains cern.ch, egi.eu and kek.jp, and the delivery network that
#: stands before several of them.
_STRATUM_ONES: Final = (
    "cvmfs-stratum-one.cern.ch",
    "cernvmfs.gridpp.rl.ac.uk",
    "cvmfs-egi.gridpp.rl.ac.uk",
    "cvmfs-s1bnl.opensciencegrid.org",
    "cvmfs-s1fnal.opensciencegrid.org",
    "cvmfs.sdcc.bnl.gov",
    "klei.nikhef.nl",
    "cvmfsrepo.lcg.triumf.ca",
    "cvmfsrep.grid.sinica.edu.tw",
    "cvmfs-stratum-one.ihep.ac.cn",
    "cvmfs-stratum-one.cc.kek.jp",
    ".openhtc.io",
)


class SquidFlavour(StrEnum):
    """Whose squid is installed."""

    DISTRIBUTION = "distribution"
    FRONTIER = "frontier"


class Squid(Model):
    """The cache nodes' squid. Its clients are the site's networks and those named here."""

    flavour: SquidFlavour = Field(
        SquidFlavour.DISTRIBUTION,
        description="The distribution's squid, or frontier-squid (EL only) from a repository that"
        " install.repositories names",
    )
    size: Size | None = Field(
        None,
        description="Disk cache; without it 50 GB, or what the partition allows if that is less",
    )
    memory: Size = Field(128 << 20, description="Memory for hot objects, beside squid's own needs")
    maximum_object: Size = Field(1 << 30, description="The largest object that is kept")
    clients: tuple[AnySubnet, ...] = Field(
        (), description="Further networks that may use the cache; those of the site always may"
    )
    monitors: tuple[AnySubnet, ...] = Field(
        (), description="Who may read SNMP besides the cache node itself"
    )
    images: tuple[Destination, ...] = Field((), description="Hosts of virtual machines' images")
    packages: tuple[Destination, ...] = Field((), description="Hosts of packages")
    destinations: tuple[Destination, ...] = Field((), description="Further hosts, for any reason")
    tunnels: bool = Field(
        False,
        description="Let clients tunnel TLS (port 443) to images, packages and destinations;"
        " nothing of that is cached",
    )
    wpad: bool = Field(
        True, description="The control nodes serve wpad.dat, which tells clients of the cache"
    )


class CvmfsDomain(Model):
    """A domain of repositories that the vendor does not know, or knows otherwise."""

    servers: tuple[CvmfsServer, ...] = Field(
        min_length=1, description="Stratum-1 servers, in order"
    )
    keys: tuple[
        Annotated[
            str,
            matching(
                r"^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=]+\n)+-----END PUBLIC KEY-----$",
                "a public key in PEM form: use |, and copy the .pub file with its two border lines",
            ),
        ],
        ...,
    ] = Field((), description="Public keys of the repositories; the vendor's ones if empty")


class Cvmfs(Model):
    """CernVM-FS: the repositories, where they are fetched from, and who mounts them."""

    clients: tuple[Role, ...] = Field(
        (),
        description="Roles of the nodes that mount the repositories themselves;"
        " virtual machines bring their own client",
    )
    repositories: tuple[CvmfsRepository, ...] = Field(
        _REPOSITORIES, description="Full names of the repositories that the clients mount"
    )
    stratum_ones: tuple[Destination, ...] = Field(
        _STRATUM_ONES, description="Hosts that the cache fetches repositories from"
    )
    domains: dict[DomainName, CvmfsDomain] = Field(
        default_factory=dict, description="Servers and keys by domain, such as kek.jp"
    )
    quota: Size = Field(20 << 30, description="Each client's cache on its own disk")
    cache: MountPoint = Field("/var/lib/cvmfs", description="Folder of that cache")
    package_repository: HttpsUrl | None = Field(
        None, description="A mirror of the vendor's packages; TLS only"
    )


class Belle2(Model):
    """What only the Belle II experiment needs."""

    conditions_servers: tuple[Destination, ...] = Field(
        ("belle2db.sdcc.bnl.gov",), description="Hosts of the conditions database"
    )
