"""The site model: frozen pydantic sections, and the resolved view that everything else reads.

One module a section. A section that later work adds (``ha``, …) is one
module here and one field of :class:`b2ct.model.site.Site`.
"""

from b2ct.model.cache import SQUID_PORT, Belle2, Cvmfs, CvmfsDomain, Squid, SquidFlavour
from b2ct.model.cluster import SBD_AGENT, WATCHDOG_PATHS_S, Cluster, Sbd, SbdTimes
from b2ct.model.database import DatabaseBackup, DatabaseMode, MariaDb
from b2ct.model.fencing import (
    BOARD_AGENTS,
    FENCE_AGENTS,
    PLUG_OPTIONS,
    FenceDevice,
    ResolvedDevice,
)
from b2ct.model.general import Admin, Dns, General
from b2ct.model.ha import Ha, HaEngine, HaService, HaVolume
from b2ct.model.install import (
    OWN_SETTINGS,
    Install,
    Mirror,
    OpenNebula,
    OpenNebulaDatabase,
    Question,
    Repository,
)
from b2ct.model.lvs import Lvs, LvsCheck, LvsKind, LvsScheduler, LvsService
from b2ct.model.monitoring import Monitoring
from b2ct.model.network import IPv4, IPv6, Network, Purpose, Range4, Range6
from b2ct.model.node import Addresses, Attachment, Bond, BondMode, Hardware, Node
from b2ct.model.releases import RELEASES, Family, Release, ReleaseId
from b2ct.model.resolved import Kind, Link, ResolvedNode, as_addresses, merged_hardware
from b2ct.model.rocci import ROCCI_RUBIES, RUBIES, Rocci
from b2ct.model.san import Iscsi, Lun, San, SanDriver, SanFileSystem, SanTransport
from b2ct.model.site import Site
from b2ct.model.storage import (
    Disk,
    DiskRule,
    DiskType,
    Erase,
    FileSystem,
    Volume,
    VolumePurpose,
)
from b2ct.model.tls import GivenCertificate, KeyType, Tls
from b2ct.model.types import Role, format_size, parse_size

__all__ = [
    "BOARD_AGENTS",
    "FENCE_AGENTS",
    "OWN_SETTINGS",
    "PLUG_OPTIONS",
    "RELEASES",
    "ROCCI_RUBIES",
    "RUBIES",
    "SBD_AGENT",
    "SQUID_PORT",
    "WATCHDOG_PATHS_S",
    "Addresses",
    "Admin",
    "Attachment",
    "Belle2",
    "Bond",
    "BondMode",
    "Cluster",
    "Cvmfs",
    "CvmfsDomain",
    "DatabaseBackup",
    "DatabaseMode",
    "Disk",
    "DiskRule",
    "DiskType",
    "Dns",
    "Erase",
    "Family",
    "FenceDevice",
    "FileSystem",
    "General",
    "GivenCertificate",
    "Ha",
    "HaEngine",
    "HaService",
    "HaVolume",
    "Hardware",
    "IPv4",
    "IPv6",
    "Install",
    "Iscsi",
    "KeyType",
    "Kind",
    "Link",
    "Lun",
    "Lvs",
    "LvsCheck",
    "LvsKind",
    "LvsScheduler",
    "LvsService",
    "MariaDb",
    "Mirror",
    "Monitoring",
    "Network",
    "Node",
    "OpenNebula",
    "OpenNebulaDatabase",
    "Purpose",
    "Question",
    "Range4",
    "Range6",
    "Release",
    "ReleaseId",
    "Repository",
    "ResolvedDevice",
    "ResolvedNode",
    "Rocci",
    "Role",
    "San",
    "SanDriver",
    "SanFileSystem",
    "SanTransport",
    "Sbd",
    "SbdTimes",
    "Site",
    "Squid",
    "SquidFlavour",
    "Tls",
    "Volume",
    "VolumePurpose",
    "as_addresses",
    "format_size",
    "merged_hardware",
    "parse_size",
]
