"""Rules about releases, roles and what the installation takes from where."""

from __future__ import annotations

from importlib.metadata import version

from b2ct.check.report import Report
from b2ct.model import RELEASES, Family, Release, Role
from b2ct.places import Path
from b2ct.suggest import did_you_mean


def legacy(report: Report) -> None:
    """A release without security updates needs consent."""
    install = report.site.install
    for path, release in _chosen(report).items():
        if not release.legacy:
            continue
        message = f"{release.title} has had no security updates for years"
        if install.allow_legacy:
            report.note(path, message, "keep such machines off public networks")
        else:
            report.problem(
                path,
                message,
                "choose a current release, or consent with install: allow_legacy: true",
                rests_on=[("install", "allow_legacy")],
            )


def _chosen(report: Report) -> dict[Path, Release]:
    """Give the releases of the nodes, each at every place that chooses it."""
    install = report.site.install
    return {
        ("nodes", name, "release") if node.release else ("install", "release"): RELEASES[
            node.release or install.release
        ]
        for name, node in report.site.nodes.items()
    }


def ansible(report: Report) -> None:
    """Ansible of this machine can manage the packages of every release."""
    ours = version("ansible-core")
    for path, release in _chosen(report).items():
        before = release.ansible_before
        if before and _parts(ours) >= _parts(before):
            major, minor = _parts(before)
            report.note(
                path,
                f"media can be made, but ansible-core {ours} of this machine cannot manage the"
                f" packages of {release.title}: its dnf has Python 3.6",
                f"before you deploy: pip install 'ansible-core~={major}.{minor - 1}.0' (no longer"
                " maintained); or choose EL 9",
            )


def _parts(text: str) -> tuple[int, int]:
    major, minor, *_ = text.split(".")
    return int(major), int(minor)


def roles(report: Report) -> None:
    """Each node's release supports its roles; each role is named once."""
    for name, node in report.site.nodes.items():
        release = RELEASES[node.release or report.site.install.release]
        seen: set[Role] = set()
        for position, role in enumerate(node.roles):
            path: Path = ("nodes", name, "roles", position)
            if role in seen:
                report.problem(path, f"{role.value!r} is named twice", "remove one")
            seen.add(role)
            if role in release.roles:
                continue
            able = [other.id.value for other in RELEASES.values() if role in other.roles]
            rests: list[Path] = [("nodes", name, "release"), ("install", "release")]
            if able:
                report.problem(
                    path,
                    f"{release.title} does not support the role {role.value!r}",
                    f"choose another release, such as {', '.join(able[:3])}",
                    rests_on=rests,
                )
            else:
                report.problem(
                    path,
                    f"no release supports the role {role.value!r}",
                    "remove the role",
                    rests_on=rests,
                )


def control(report: Report) -> None:
    """A cloud has a node that controls it."""
    if not any(Role.CONTROL in node.roles for node in report.site.nodes.values()):
        report.note(
            ("nodes",),
            "no node has the role control, so no cloud front-end will run here",
            "give one node roles: [control]",
        )


def hardware(report: Report) -> None:
    """Nodes name hardware that is described, and what is described is used."""
    site = report.site
    used = set()
    for name, node in site.nodes.items():
        if node.hardware is None:
            continue
        used.add(node.hardware)
        if node.hardware not in site.hardware:
            report.problem(
                ("nodes", name, "hardware"),
                f"there is no hardware {node.hardware!r}",
                did_you_mean(node.hardware, site.hardware),
                rests_on=[("hardware", node.hardware)],
            )
    for name in site.hardware:
        if name not in used:
            report.note(("hardware", name), "no node is of this hardware", "remove it, or use it")


def sources(report: Report) -> None:
    """Mirrors are for releases in use, and repositories have names of their own."""
    install = report.site.install
    used = {release.id for release in report.site.releases}
    for ident in install.mirrors:
        if ident not in used:
            report.note(
                ("install", "mirrors", ident.value),
                f"no node installs {RELEASES[ident].title}",
                "remove this mirror",
                rests_on=[("install", "release"), ("nodes",)],
            )
    seen: dict[str, int] = {}
    for position, repository in enumerate(install.repositories):
        if repository.name in seen:
            first = ("install", "repositories", seen[repository.name], "name")
            report.problem(
                ("install", "repositories", position, "name"),
                f"{repository.name!r} is a repository already, on line {report.line(first)}",
                "choose another name",
            )
        seen.setdefault(repository.name, position)


def transport(report: Report) -> None:
    """The address that a release is installed from is one that its installer can trust.

    Anaconda checks no package signatures, so a mirror must be encrypted; apt checks them.
    The installer of CentOS 6 opens the network by itself for http:// only.
    """
    mirrors = report.site.install.mirrors
    for release in report.site.releases:
        if release.family is not Family.EL:
            continue
        mirror = mirrors.get(release.id)
        path: Path = ("install", "mirrors", release.id.value, "url")
        rests: list[Path] = [("install", "release"), ("nodes",)]
        if release.major >= 7 and mirror is not None and mirror.url.startswith("http://"):
            report.problem(
                path,
                f"the installer of {release.title} checks no package signatures,"
                " so its mirror must be encrypted",
                "write an https:// address",
                rests_on=rests,
            )
        if release.major < 7 and (mirror or release).url.startswith("https://"):
            report.problem(
                path if mirror else ("install", "release"),
                f"the installer of {release.title} reaches https:// addresses only when it is"
                " told to by hand",
                f"give an http:// mirror in your own network: mirrors: {{{release.id.value}:"
                " {url: …}}",
                rests_on=[*rests, path],
            )


def opennebula(report: Report) -> None:
    """OpenNebula's vendor certifies version 7 on EL 9 and 10, Debian 12 and 13."""
    version = report.site.opennebula.version
    if not version.startswith("7."):
        return
    for release in report.site.releases:
        if release.family is Family.EL and release.major < 9 and not release.legacy:
            report.note(
                ("opennebula", "version"),
                f"OpenNebula {version} is not certified on {release.title} by its vendor",
                "version '6.10' is, or choose EL 9",
                rests_on=[("nodes",), ("install", "release")],
            )
