"""What the precheck has seen on the nodes, judged: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: The distributions that belong to a family.
_FAMILIES = {
    "el": {"rhel", "centos", "almalinux", "rocky", "fedora"},
    "debian": {"debian"},
}
_FAMILY_NAMES = {"el": "Enterprise Linux", "debian": "Debian"}


def problem(what: str, remedy: str) -> dict[str, str]:
    """Give one problem as Ansible passes it on."""
    return {"what": what, "remedy": remedy}


def judge(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[dict[str, str]]:
    """Compare what was seen on a node with what is wanted of it (the module's options)."""
    return [*_release(seen, wanted), *_network(seen), *_ports(seen, wanted), *_size(seen, wanted)]


def too_new(ansible: str, wanted: Mapping[str, Any]) -> list[dict[str, str]]:
    """Say so where this ansible-core cannot manage a node's packages any more."""
    before = str(wanted.get("ansible_before") or "")
    if not before or _parts(ansible) < _parts(before):
        return []
    name = f"{_FAMILY_NAMES.get(wanted.get('family') or '', 'its release')}"
    release = f"{name} {wanted.get('major') or ''}".strip()
    major, _, minor = before.partition(".")
    last = f"{major}.{int(minor) - 1}"
    return [
        problem(
            f"ansible-core {ansible} cannot manage the packages of {release}",
            f"install an older one beside b2ct: pip install 'ansible-core~={last}.0'; or install"
            " a newer release on the node",
        )
    ]


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _release(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    found = seen["release"]
    known = {found.get("ID", ""), *found.get("ID_LIKE", "").split()}
    family, major = wanted.get("family") or "", int(wanted.get("major") or 0)
    name = found.get("PRETTY_NAME") or "an unknown system"
    remedy = "install the node anew, or correct its release in site.yml"
    if family and known.isdisjoint(_FAMILIES[family]):
        yield problem(f"it runs {name}, not {_FAMILY_NAMES[family]} {major or ''}".strip(), remedy)
    elif major and found.get("VERSION_ID", "").partition(".")[0] != str(major):
        yield problem(f"it runs {name}, not {_FAMILY_NAMES.get(family, 'release')} {major}", remedy)


def _network(seen: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, why in sorted(seen["unresolved"].items()):
        yield problem(
            f"the name {name} does not resolve: {why}",
            "correct the name, or dns.servers in site.yml, or the DNS",
        )
    for url, why in sorted(seen["silent"].items()):
        yield problem(
            f"the repository {url} cannot be reached: {why}",
            "open the way in the site's firewall, or name a mirror in site.yml",
        )


def _ports(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for row in wanted.get("ports") or ():
        key = f"{row.get('protocol') or 'tcp'}/{row['port']}"
        programs = set(row.get("programs") or ())
        foreign = set(seen["taken"].get(key, ())) - programs
        if programs & set(seen["hidden"]):
            foreign.discard("?")  # the program that the port is for runs, and lets nobody look
        if foreign:
            who = " and ".join(sorted(foreign - {"?"})) or "a program that lets nobody look"
            meant = " or ".join(row.get("programs") or ()) or "a service of the site"
            yield problem(
                f"port {key} is taken by {who}", f"stop or move it: the port is for {meant}"
            )


def _size(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for path in seen["not_mounted"]:
        yield problem(
            f"nothing is mounted on {path}",
            "mount the volume that site.yml names (see lsblk and /etc/fstab)",
        )
    for path in seen["no_device"]:
        yield problem(
            f"the volume {path} is not there",
            "create it as site.yml says (see lvs), or correct site.yml",
        )
    if wanted.get("virtualization") and not seen["virtualization"]:
        yield problem(
            "its CPU shows no virtualization (neither vmx nor svm)",
            "switch on VT-x or AMD-V in the firmware set-up; in a virtual machine, nested"
            " virtualization on its host",
        )
    least = int(wanted.get("memory_mb") or 0)
    if seen["memory_mb"] < least:
        yield problem(
            f"it has {seen['memory_mb']} MiB of memory, {least} MiB are needed",
            "add memory, or give the role to another node",
        )
    for path, room in sorted((wanted.get("free_mb") or {}).items()):
        if seen["free_mb"][path] < int(room):
            yield problem(
                f"{seen['free_mb'][path]} MiB are free for {path}, {room} MiB are needed",
                "make room there, or enlarge the volume",
            )


def clocks(found: Mapping[str, Sequence[float]], limit: float) -> dict[str, list[dict[str, str]]]:
    """Judge the clocks of all nodes, from how far each is ahead of the controller's.

    :param found: by host, the least and the greatest number of seconds that it can be: what
        lies between is the time that the question took.
    """
    problems: dict[str, list[dict[str, str]]] = {}
    remedy = "set the clock (chronyc makestep), and look at time_servers in site.yml"
    for host, (least, most) in sorted(found.items()):
        off = least if least > limit else most if most < -limit else 0.0
        if off:
            told = f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'}"
            problems.setdefault(host, []).append(problem(f"{told} the controller's", remedy))
    if problems or not found:
        return problems
    # Each may be near enough to the controller, and two of them too far apart.
    first = max(found, key=lambda host: found[host][0])
    last = min(found, key=lambda host: found[host][1])
    apart = found[first][0] - found[last][1]
    if apart > limit:
        told = f"its clock is {apart:.1f} s ahead of that of {last}"
        problems[first] = [problem(told, remedy)]
    return problems
