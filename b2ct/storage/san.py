"""How the disks of a SAN stand on each member."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from b2ct.ha.nodes import Answer
from b2ct.model import SanDriver, format_size
from b2ct.storage.members import Members

#: Percent from which on there is no room for another image.
FULL: Final = 90
_MARK: Final = "@@"


@dataclass(frozen=True)
class MemberStatus:
    """What a member sees. ``paths`` are those that work, by disk.

    ``size`` and ``used`` are bytes: of the shared file system, or of the volume group where the
    driver is lvm and nothing is mounted.
    """

    name: str
    answers: bool
    paths: dict[str, int] = field(default_factory=dict)
    mounted: bool = False
    writable: bool = False
    size: int = 0
    used: int = 0
    said: str = ""


@dataclass(frozen=True)
class SanStatus:
    """The SAN of a site."""

    site: str
    members: tuple[MemberStatus, ...]
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's types."""
        return {
            "site": self.site,
            "members": [asdict(one) for one in self.members],
            "problems": list(self.problems),
            "good": not self.problems,
        }


def status(members: Members) -> SanStatus:
    """Ask each member for its paths and for the shared file system."""
    answers = members.run_all(_command(members))
    found = tuple(_member(members, name, answer) for name, answer in answers.items())
    problems = [problem for one in found for problem in _problems(members, one)]
    return SanStatus(members.site.site.name, found, tuple(problems))


def _command(members: Members) -> str:
    san = members.site.san
    assert san is not None
    parts = [f"echo {_MARK}{name}; multipath -ll {lun.wwid}" for name, lun in san.luns.items()]
    parts.append(f"echo {_MARK}")
    if san.driver is SanDriver.LVM:
        options = "--noheadings --nosuffix --units b --options vg_size,vg_free"
        parts.append(f"vgs {options} {san.volume_group}; true")
        return "; ".join(parts)
    parts.append(f"findmnt --noheadings --output FSTYPE,OPTIONS {san.filesystem.mount}")
    parts.append(f"df --block-size=1 --output=size,used {san.filesystem.mount} | tail -n 1; true")
    return "; ".join(parts)


def _member(members: Members, name: str, answer: Answer) -> MemberStatus:
    if answer.code != 0:
        return MemberStatus(name, answers=False, said=answer.error or answer.text)
    parts = answer.text.split(_MARK)[1:]
    paths = {}
    # Whoever imports the collection before Ansible's loader is there hides it from Ansible.
    from ansible_collections.b2ct.cloud.plugins.module_utils.san import active_paths

    for part in parts[:-1]:
        disk, _, listing = part.partition("\n")
        paths[disk.strip()] = active_paths(listing)
    lines = [line for line in parts[-1].splitlines() if line.strip()]
    san = members.site.san
    if san is not None and san.driver is SanDriver.LVM:
        sizes = [int(word) for word in parts[-1].split() if word.isdigit()]
        if len(sizes) != 2:
            return MemberStatus(name, answers=True, paths=paths)
        return MemberStatus(name, True, paths, size=sizes[0], used=sizes[0] - sizes[1])
    if len(lines) < 2 or not lines[0].startswith("gfs2"):
        return MemberStatus(name, answers=True, paths=paths)
    size, used = (int(word) for word in lines[-1].split())
    options = lines[0].split(None, 1)[1].split(",")
    return MemberStatus(name, True, paths, True, "rw" in options, size, used)


def _problems(members: Members, found: MemberStatus) -> list[str]:
    san = members.site.san
    assert san is not None
    if not found.answers:
        return [f"{found.name} does not answer: {found.said}"]
    told = [
        f"{found.name} sees {name} on {found.paths.get(name, 0)} of {lun.paths} paths"
        for name, lun in san.luns.items()
        if lun.paths > 1 and found.paths.get(name, 0) < lun.paths
    ]
    if san.driver is SanDriver.LVM:
        group = f"the volume group {san.volume_group}"
        if not found.size:
            told.append(f"{found.name} does not see {group}")
        elif 100 * found.used >= FULL * found.size:
            told.append(_full(group, found))
    else:
        place = san.filesystem.mount
        if not found.mounted:
            told.append(f"{found.name} has not mounted {place}")
        elif not found.writable:
            told.append(f"{found.name} has {place} read-only")
        elif found.size and 100 * found.used >= FULL * found.size:
            # The others see the same file system.
            told.append(_full(place, found))
    return told


def _full(what: str, found: MemberStatus) -> str:
    return f"{what} is full: {format_size(found.used)} of {format_size(found.size)} are used"


def text(found: SanStatus) -> str:
    """Write it for a person."""
    lines = []
    for one in found.members:
        paths = ", ".join(f"{name} on {count}" for name, count in one.paths.items() if count)
        if not one.answers:
            lines.append(f"{one.name}: no answer")
            continue
        room = f"{format_size(one.used)} of {format_size(one.size)} used" if one.size else ""
        parts = [f"paths: {paths}" if paths else "", room or "nothing shared is there"]
        lines.append(f"{one.name}: {'; '.join(part for part in parts if part)}")
    lines += [f"problem: {problem}" for problem in dict.fromkeys(found.problems)]
    return "\n".join([*lines, "as it should be" if not found.problems else ""]).rstrip() + "\n"
