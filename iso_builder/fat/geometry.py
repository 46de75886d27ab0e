"""How large a FAT volume is and where its parts lie."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iso_builder.errors import MediaError
from iso_builder.fat.tree import FatTree

SECTOR = 512
FAT_COPIES = 2
#: Readers tell the FAT width by the number of clusters. Microsoft asks writers to stay 16 or
#: more clusters away from the borders (4,085 and 65,525), because readers are off by some.
_FAT16_CLUSTERS = (4_101, 65_508)
_FAT32_CLUSTERS = (65_600, 0x0FFF_FFF0)
#: Above this size FAT32 wastes less and is what firmware expects.
_FAT16_SIZE = 256 << 20
#: The number of sectors of a partition has 32 bits.
_SECTORS_LIMIT = (1 << 32) - 1
#: Volume size in bytes up to which FAT32 has this many sectors per cluster (Windows' own table).
_FAT32_CLUSTER_TABLE = ((260 << 20, 1), (8 << 30, 8), (16 << 30, 16), (32 << 30, 32))


@dataclass(frozen=True)
class Geometry:
    """The parts of a volume. Lengths and positions are sectors of 512 bytes."""

    bits: int  #: 16 or 32: the width of a FAT entry
    sectors_per_cluster: int
    reserved: int
    fat_sectors: int
    root_entries: int  #: of the fixed root folder; 0 on FAT32
    total_sectors: int

    @property
    def cluster_bytes(self) -> int:
        """Length of a cluster in bytes."""
        return self.sectors_per_cluster * SECTOR

    @property
    def root_sector(self) -> int:
        """Where the fixed root folder begins (FAT16)."""
        return self.reserved + FAT_COPIES * self.fat_sectors

    @property
    def data_sector(self) -> int:
        """Where cluster 2, the first one, begins."""
        return self.root_sector + self.root_entries * 32 // SECTOR

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return (self.total_sectors - self.data_sector) // self.sectors_per_cluster

    def offset(self, cluster: int) -> int:
        """Byte offset of a cluster within the volume."""
        return (self.data_sector + (cluster - 2) * self.sectors_per_cluster) * SECTOR

    def clusters_for(self, size: int) -> int:
        """Clusters that ``size`` bytes occupy."""
        return -(-size // self.cluster_bytes)

    def needed(self, tree: FatTree) -> int:
        """Clusters that a tree occupies."""
        total = sum(self.clusters_for(file.source.size) for file in tree.files())
        for folder in tree.walk():
            is_root = folder is tree.root
            if not (is_root and self.bits == 16):
                total += self.clusters_for(32 * folder.entry_count(is_root=is_root))
        return total


def choose_geometry(
    tree: FatTree, *, slack: int, size: int | None = None, bits: int | None = None
) -> Geometry:
    """Choose the volume for a tree.

    :param slack: bytes to leave free at least (rounded up to clusters).
    :param size: length of the volume in bytes; None: as small as content and slack allow,
        in whole MiB.
    :param bits: 16 or 32; None: FAT16 for small volumes.
    :raises MediaError: when ``size`` is too small (or too large) for a FAT volume of the tree.
    """
    content = sum(file.source.size for file in tree.files())
    aim = max(size or 0, content + slack)
    if bits is None:
        bits = 16 if aim <= _FAT16_SIZE else 32
    wanted_root = -(-tree.root.entry_count(is_root=True) // 16) * 16
    root_entries = max(512, wanted_root) if bits == 16 else 0
    lowest, highest = _FAT16_CLUSTERS if bits == 16 else _FAT32_CLUSTERS
    per_cluster = _cluster_sectors(bits, aim)
    probe = Geometry(bits, per_cluster, 0, 0, root_entries, 0)
    wanted = max(lowest, probe.needed(tree) + probe.clusters_for(slack))
    if wanted > highest and bits == 16:  # tens of thousands of small files
        return choose_geometry(tree, slack=slack, size=size, bits=32)
    least = _with_clusters(bits, per_cluster, root_entries, wanted)
    mib = (1 << 20) // SECTOR
    sectors = size // SECTOR if size is not None else -(-least.total_sectors // mib) * mib
    if sectors < least.total_sectors:
        raise MediaError(
            f"the content needs {_mib(least.total_sectors)} MiB, but the size asked for leaves"
            f" {sectors * SECTOR >> 20} MiB",
            f"ask for {_mib(least.total_sectors) + 1} MiB or more, or leave --size out",
        )
    if sectors > _SECTORS_LIMIT:
        raise MediaError("an MBR partition ends below 2 TiB", "ask for a smaller --size")
    geometry = _with_sectors(least, sectors)
    if geometry.clusters > highest:
        raise MediaError(
            f"{_mib(sectors)} MiB are too much for a FAT{bits} volume", "ask for a smaller --size"
        )
    return geometry


def _mib(sectors: int) -> int:
    return -(-sectors * SECTOR // (1 << 20))


def _cluster_sectors(bits: int, size: int) -> int:
    if bits == 32:
        return next((n for limit, n in _FAT32_CLUSTER_TABLE if size <= limit), 64)
    per_cluster = 1
    # Half of the limit: the slack of small files may double what they occupy.
    while size > per_cluster * SECTOR * _FAT16_CLUSTERS[1] // 2 and per_cluster < 64:
        per_cluster *= 2
    return per_cluster


def _alignment(per_cluster: int) -> int:
    """Sectors to which reserved area and FATs are rounded: pages of 4 KiB stay whole."""
    return max(8, per_cluster)


def _fat_sectors(bits: int, per_cluster: int, clusters: int) -> int:
    need = -(-(clusters + 2) * (bits // 8) // SECTOR)
    unit = _alignment(per_cluster)
    return -(-need // unit) * unit


def _reserved(bits: int, per_cluster: int) -> int:
    # FAT32 keeps boot sector, FSInfo and their copies there: 32 sectors are what everybody has.
    return max(32, per_cluster) if bits == 32 else _alignment(per_cluster)


def _with_clusters(bits: int, per_cluster: int, root_entries: int, clusters: int) -> Geometry:
    reserved = _reserved(bits, per_cluster)
    fat = _fat_sectors(bits, per_cluster, clusters)
    total = reserved + FAT_COPIES * fat + root_entries * 32 // SECTOR + clusters * per_cluster
    return Geometry(bits, per_cluster, reserved, fat, root_entries, total)


def _with_sectors(least: Geometry, sectors: int) -> Geometry:
    """Grow ``least`` to ``sectors``; its FATs grow until they cover all clusters.

    A few sectors more can cost more FAT than they give clusters: then the volume ends where
    the FAT of ``least`` ends and the last sectors stay unused.
    """
    grown = replace(least, total_sectors=sectors)
    while True:
        need = _fat_sectors(least.bits, least.sectors_per_cluster, grown.clusters)
        if need <= grown.fat_sectors:
            break
        grown = replace(grown, fat_sectors=need)
    covered = least.fat_sectors * SECTOR // (least.bits // 8) - 2
    end = least.data_sector + covered * least.sectors_per_cluster
    capped = replace(least, total_sectors=min(sectors, end))
    return grown if grown.clusters >= capped.clusters else capped
