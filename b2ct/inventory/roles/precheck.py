"""The role ``precheck``: what must be true of a node before it is deployed to."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from b2ct.model import ResolvedNode, Role, Site, VolumePurpose

#: The volume group that the installers make (b2ct/render).
_GROUP: Final = "b2ct"

_NGINX: Final = ("nginx", "httpd", "apache2")
#: Ports of the services of each role, and the programs that they are for.
_PORTS: Final[dict[Role, tuple[tuple[int, str, tuple[str, ...]], ...]]] = {
    Role.CONTROL: (
        (80, "tcp", _NGINX),
        (443, "tcp", _NGINX),
        (2633, "tcp", ("oned", "nginx")),
        (2474, "tcp", ("ruby", "opennebula-flow", "oneflow-server")),
        (5030, "tcp", ("ruby", "opennebula-gate", "onegate-server")),
        (2616, "tcp", ("node", "MainThread")),
        (4124, "tcp", ("onemonitord", "monitord")),
        (3306, "tcp", ("mariadbd", "mysqld")),
    ),
    Role.HYPERVISOR: (),
    Role.CACHE: (
        (3128, "tcp", ("squid",)),
        (3401, "udp", ("squid", "snmpd")),
    ),
}
_MEMORY_MB: Final = {Role.CONTROL: 3500, Role.HYPERVISOR: 3500, Role.CACHE: 900}


def host_variables(site: Site, node: ResolvedNode) -> dict[str, Any]:
    """Give what a node must have for its roles."""
    repositories = _repositories(site, node)
    hosts = [urlsplit(url).hostname or "" for url in repositories]
    names = [name for name in (*site.site.time_servers, *hosts) if name and not _is_address(name)]
    return {
        "precheck_family": node.release.family.value,
        "precheck_major": node.release.major,
        "precheck_ansible_before": node.release.ansible_before,
        "precheck_names": list(dict.fromkeys(names)),
        "precheck_repositories": repositories,
        "precheck_mounts": [
            str(volume.mount) for volume in node.volumes.values() if volume.mount is not None
        ],
        "precheck_devices": [
            f"/dev/{_GROUP}/{name}"
            for name, volume in node.volumes.items()
            if volume.purpose is VolumePurpose.DRBD
        ],
        "precheck_ports": [
            {"port": port, "protocol": protocol, "programs": list(programs)}
            for role in node.roles
            for port, protocol, programs in _PORTS[role]
        ],
        "precheck_virtualization": Role.HYPERVISOR in node.roles,
        "precheck_memory_mb": max(_MEMORY_MB[role] for role in node.roles),
    }


def _repositories(site: Site, node: ResolvedNode) -> list[str]:
    found = [node.mirror]
    if {Role.CONTROL, Role.HYPERVISOR} & set(node.roles):
        found.append(site.opennebula.repository)
    major = str(node.release.major)
    found += [
        repository.url.replace("{major}", major).replace("{arch}", "x86_64")
        for repository in site.install.repositories
    ]
    return list(dict.fromkeys(found))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
