"""The role ``san``: which disks the hypervisors share, and what lies on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from b2ct.inventory.values import Secret
from b2ct.model import Lun, ResolvedNode, SanDriver, Site

CHAP_PASSWORD = "vault_san_chap_password"  # noqa: S105 - its name


def san_members(site: Site) -> tuple[str, ...]:
    """Give the nodes of the group ``san``."""
    return site.cluster_nodes if site.san is not None else ()


def luns(described: Mapping[str, Lun]) -> dict[str, Any]:
    """Give shared disks as roles are told of them."""
    return {name: lun.model_dump(mode="json") for name, lun in described.items()}


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give a member its part."""
    members = san_members(site)
    san = site.san
    if san is None or node.name not in members:
        return {}
    variables: dict[str, Any] = {
        "san_members": list(members),
        "san_transport": san.transport.value,
        "san_luns": luns(san.luns),
        "san_driver": san.driver.value,
        "san_volume_group": san.volume_group,
        "san_erase": list(san.erase),
    }
    if site.sbd is not None:
        variables["san_named_luns"] = luns(site.sbd.disks)
    if san.iscsi is not None:
        variables["san_portals"] = list(san.iscsi.portals)
        variables["san_targets"] = list(san.iscsi.targets)
        if san.iscsi.initiator is not None:
            variables["san_initiator"] = san.iscsi.initiator.replace("{node}", node.name)
        if san.iscsi.chap_user is not None:
            variables["san_chap_user"] = san.iscsi.chap_user
            variables["san_chap_password"] = Secret(CHAP_PASSWORD)
    if san.driver is SanDriver.GFS2 and site.cluster is not None:
        files = san.filesystem
        variables |= {
            "san_cluster": site.cluster.name,
            "san_filesystem": files.name,
            "san_size": 0 if files.size == "rest" else files.size,
            "san_journals": site.journals,
            "san_journal_size": files.journal_size,
            "san_mount": files.mount,
        }
    return variables
