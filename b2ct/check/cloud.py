"""Rules about the objects inside OpenNebula: what one names, another is."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from b2ct.check.named import missing
from b2ct.check.report import Report
from b2ct.model import Role
from b2ct.model.cloud import CloudAcl, DatastoreType
from b2ct.model.cloud_resolved import bridge_of, default_tm_mad, virtual_networks
from b2ct.places import Path
from b2ct.suggest import did_you_mean

#: What a fresh OpenNebula holds.
_CLUSTERS = ("default",)
_DATASTORES = ("default", "files", "system")
_GROUPS = ("oneadmin", "users")
_SECURITY_GROUPS = ("default",)
_USERS = ("oneadmin", "serveradmin")
_CLOUD = "opennebula"


def _known(report: Report, path: Path, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        report.problem(
            path,
            f"there is no {what} {name!r}",
            did_you_mean(name, known),
            rests_on=[path[:1]],
        )


def _all_known(
    report: Report, path: Path, what: str, names: Iterable[str] | None, known: Collection[str]
) -> None:
    for position, name in enumerate(names or ()):
        _known(report, (*path, position), what, name, known)


def hosts(report: Report) -> None:
    """A host of OpenNebula is a hypervisor of the site."""
    site = report.site
    hypervisors = [name for name, node in site.nodes.items() if Role.HYPERVISOR in node.roles]
    for name in site.opennebula.hosts:
        path: Path = (_CLOUD, "hosts", name)
        if name in site.nodes and name not in hypervisors:
            report.problem(
                path,
                f"{name!r} is no hypervisor",
                "give it the role hypervisor, or remove it here",
                rests_on=[("nodes", name)],
            )
        elif name not in site.nodes:
            missing(report, "nodes", path, name, hypervisors)


def clusters(report: Report) -> None:
    """A cluster that is named is one."""
    cloud = report.site.opennebula
    known = (*_CLUSTERS, *cloud.clusters)
    for name, host in cloud.hosts.items():
        if host.cluster is not None:
            _known(report, (_CLOUD, "hosts", name, "cluster"), "cluster", host.cluster, known)
    for section in ("datastores", "virtual_networks"):
        for name, one in getattr(cloud, section).items():
            path: Path = (_CLOUD, section, name, "clusters")
            _all_known(report, path, "cluster", one.clusters, known)


def datastores(report: Report) -> None:
    """A datastore's drivers are of its kind and of the site's release."""
    cloud = report.site.opennebula
    for name, store in cloud.datastores.items():
        path: Path = (_CLOUD, "datastores", name)
        if store.type is DatastoreType.SYSTEM and store.ds_mad is not None:
            report.problem((*path, "ds_mad"), "a system datastore has none", "remove it")
        elif store.type is not DatastoreType.SYSTEM and store.ds_mad is None:
            report.problem(path, "lacks ds_mad", "write for instance ds_mad: fs")
        other = {"ssh": "local", "local": "ssh"}.get(store.tm_mad or "")
        if other == default_tm_mad(report.site):
            report.problem(
                (*path, "tm_mad"),
                f"OpenNebula {cloud.version} calls it {other!r}",
                f"write tm_mad: {other}, or remove the line",
                rests_on=[(_CLOUD, "version")],
            )
    for name, image in cloud.images.items():
        known = (*_DATASTORES, *cloud.datastores)
        where: Path = (_CLOUD, "images", name)
        _known(report, (*where, "datastore"), "datastore", image.datastore, known)
        if image.path is None and image.size is None:
            report.problem(
                where, "has neither data nor a size", "write path: or, for an empty one, size:"
            )
        elif image.path is not None and image.size is not None:
            report.problem((*where, "size"), "the data have their own size", "remove it")


def networks(report: Report) -> None:
    """A virtual network knows its bridge; its site network and security groups are there."""
    site = report.site
    cloud = site.opennebula
    for name, network in cloud.virtual_networks.items():
        path: Path = (_CLOUD, "virtual_networks", name)
        if network.network is not None:
            _known(report, (*path, "network"), "network", network.network, site.networks)
        known = (*_SECURITY_GROUPS, *cloud.security_groups)
        groups = (*path, "security_groups")
        _all_known(report, groups, "security group", network.security_groups, known)
    for name, network in virtual_networks(site).items():
        below = network.network or name
        if network.bridge or network.vn_mad != "bridge" or below not in site.networks:
            continue
        if any(Role.HYPERVISOR in node.roles for node in site.nodes.values()) and not bridge_of(
            site, below
        ):
            said = name in cloud.virtual_networks
            report.note(
                (_CLOUD, "virtual_networks", name) if said else ("networks", below),
                f"the hypervisors have no common bridge on {below!r}, so OpenNebula's virtual"
                f" network {name!r} gets a bridge of its own",
                "give their attachments one name in bridge:",
                rests_on=[("nodes",), ("hardware",)],
            )


def people(report: Report) -> None:
    """Users, groups and owners that are named are there."""
    cloud = report.site.opennebula
    users = (*_USERS, *cloud.users)
    groups = (*_GROUPS, *cloud.groups)
    for name, user in cloud.users.items():
        path: Path = (_CLOUD, "users", name)
        _all_known(report, (*path, "groups"), "group", user.groups, groups)
    for name, group in cloud.groups.items():
        for position, admin in enumerate(group.admins or ()):
            path = (_CLOUD, "groups", name, "admins", position)
            _known(report, path, "user", admin, users)
            if admin in cloud.users and name not in cloud.users[admin].groups:
                report.problem(
                    path,
                    f"{admin!r} is not in the group, so cannot administer it",
                    f"add {name!r} to the user's groups",
                )
    for section in ("datastores", "virtual_networks", "images", "templates", "security_groups"):
        for name, one in getattr(cloud, section).items():
            path = (_CLOUD, section, name)
            if one.owner is not None:
                _known(report, (*path, "owner"), "user", one.owner, users)
            if one.group is not None:
                _known(report, (*path, "group"), "group", one.group, groups)


def quotas(report: Report) -> None:
    """What a quota limits is there."""
    cloud = report.site.opennebula
    known = {
        "datastores": (*_DATASTORES, *cloud.datastores),
        "networks": tuple(virtual_networks(report.site)),
        "images": tuple(cloud.images),
    }
    for section in ("groups", "users"):
        for name, one in getattr(cloud, section).items():
            if one.quota is None:
                continue
            for what, names in known.items():
                for limited in getattr(one.quota, what):
                    path: Path = (_CLOUD, section, name, "quota", what, limited)
                    noun = "virtual network" if what == "networks" else what[:-1]
                    _known(report, path, noun, limited, names)


def acls(report: Report) -> None:
    """An ACL rule is about users, groups and clusters that are there, and is written once."""
    cloud = report.site.opennebula
    seen: dict[tuple[object, ...], int] = {}
    known = {
        "@": ("group", (*_GROUPS, *cloud.groups)),
        "#": ("user", (*_USERS, *cloud.users)),
        "%": ("cluster", (*_CLUSTERS, *cloud.clusters)),
    }
    for position, rule in enumerate(cloud.acls):
        path: Path = (_CLOUD, "acls", position)
        for key, signs in (("users", "@#"), ("which", "@%")):
            text = getattr(rule, key)
            sign, name = text[:1], text[1:]
            if sign in signs and sign in known and not name.isdigit():
                _known(report, (*path, key), known[sign][0], name, known[sign][1])
        same = _identity(rule)
        if same in seen:
            line = report.line((_CLOUD, "acls", seen[same]))
            report.problem(
                path,
                f"is about the same users and resources as the rule on line {line}",
                "write one rule with all rights",
            )
        seen.setdefault(same, position)


def _identity(rule: CloudAcl) -> tuple[object, ...]:
    return (rule.users, frozenset(rule.resources), rule.which)


def hooks(report: Report) -> None:
    """A hook says what it waits for."""
    for name, hook in report.site.opennebula.hooks.items():
        path: Path = (_CLOUD, "hooks", name)
        if hook.type == "api":
            if hook.call is None:
                report.problem(path, "lacks call", "write for instance call: one.vm.allocate")
        elif hook.resource is None:
            report.problem(path, "lacks resource", "write VM, HOST, IMAGE or NET")
        elif hook.resource == "VM" and hook.event is None:
            report.problem(path, "lacks event", "write for instance event: RUNNING")
        elif hook.resource != "VM" and hook.state is None:
            report.problem(path, "lacks state", "write for instance state: ERROR")
