"""SBD as each member sees it: its daemon, its disks with the pills on them, its watchdog."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from b2ct.ha.nodes import Answer
from b2ct.model import SbdTimes
from b2ct.storage.members import Members

if TYPE_CHECKING:
    from ansible_collections.b2ct.cloud.plugins.module_utils.sbd import Header

_MARK: Final = "@@"
#: Looks only: `sbd query-watchdog` would arm what it finds.
_COMMAND: Final = f"""\
echo {_MARK}state; systemctl is-active sbd
echo {_MARK}held; readlink /proc/$(systemctl show --value --property MainPID sbd)/fd/* 2>/dev/null |
    grep watchdog
echo {_MARK}watchdogs
for place in /sys/class/watchdog/watchdog*; do
    [ ! -e "$place" ] ||
        (cd $place && echo "${{place##*/}}|$(cat state)|$(cat timeout)|$(cat identity)")
done
for device in $(cat /etc/default/sbd /etc/sysconfig/sbd 2>/dev/null |
    sed -n 's/^SBD_DEVICE="\\(.*\\)"$/\\1/p' | tr ';' ' '); do
    echo {_MARK}disk $device; sbd -d $device dump 2>&1; sbd -d $device list 2>&1
done
true
"""


@dataclass(frozen=True)
class SbdDisk:
    """A disk as a member reads it. ``slots`` are the messages by member, ``clear`` for none."""

    device: str
    watchdog: int
    msgwait: int
    slots: dict[str, str]

    @property
    def is_read(self) -> bool:
        """Whether a header was read."""
        return self.msgwait > 0


@dataclass(frozen=True)
class SbdStatus:
    """SBD on a member. ``watchdog`` is the one that it holds; empty for none."""

    node: str
    answers: bool
    running: bool = False
    disks: tuple[SbdDisk, ...] = ()
    watchdog: str = ""
    software: bool = False
    armed: bool = False
    timeout: int = 0
    said: str = ""
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's types."""
        return asdict(self)


def status(members: Members) -> tuple[SbdStatus, ...]:
    """Ask each member; nobody where the site has no SBD."""
    if members.site.sbd is None:
        return ()
    answers = members.run_all(_COMMAND)
    found = (_member(name, answer) for name, answer in answers.items())
    return tuple(replace(one, problems=tuple(_problems(members, one))) for one in found)


def _member(name: str, answer: Answer) -> SbdStatus:
    if answer.code != 0:
        return SbdStatus(name, answers=False, said=answer.error or answer.text)
    # Whoever imports the collection before Ansible's loader is there hides it from Ansible.
    from ansible_collections.b2ct.cloud.plugins.module_utils.sbd import read_header, read_slots
    from ansible_collections.b2ct.cloud.plugins.module_utils.watchdog import SOFTWARE, kernel_name

    parts = [part.partition("\n") for part in answer.text.split(_MARK)[1:]]
    told = {head.strip(): body.strip() for head, _, body in parts}
    disks = tuple(
        _disk(head.split()[1], read_header(body), read_slots(body))
        for head, _, body in parts
        if head.startswith("disk ")
    )
    held = re.search(r"/(watchdog\d*)\s*$", told.get("held", ""))
    name_held = kernel_name(held[1]) if held else ""
    rows = [line.split("|", 3) for line in told.get("watchdogs", "").splitlines()]
    _, state, timeout, identity = next(
        (row for row in rows if len(row) == 4 and row[0] == name_held), ("", "", "0", "")
    )
    return SbdStatus(
        name,
        answers=True,
        running=told.get("state") == "active",
        disks=disks,
        watchdog=identity or name_held,
        software=identity == SOFTWARE,
        armed=state == "active",
        timeout=int(timeout) if timeout.isdigit() else 0,
    )


def _disk(device: str, header: Header | None, slots: dict[str, str]) -> SbdDisk:
    if header is None:
        return SbdDisk(device, 0, 0, {})
    return SbdDisk(device, header.watchdog, header.msgwait, slots)


def _problems(members: Members, found: SbdStatus) -> list[str]:
    name = found.node
    sbd = members.site.sbd
    assert sbd is not None
    if not found.answers:
        return [f"{name} does not answer: {found.said}"]
    told = []
    if not found.running:
        told.append(f"SBD does not run on {name}; it starts with Corosync only: restart the member")
    if len(found.disks) != len(sbd.disks):
        told.append(f"SBD on {name} was told of {len(found.disks)} of {len(sbd.disks)} disks")
    times = members.site.sbd_times
    for disk in found.disks:
        told += _disk_problems(members.names, name, disk, times)
    if found.running and not found.watchdog:
        told.append(f"SBD on {name} holds no watchdog; see: journalctl -u sbd")
    elif found.running and not found.armed:
        told.append(f"the watchdog of {name} ({found.watchdog}) is not armed")
    elif found.running and found.timeout != times.watchdog:
        told.append(f"the watchdog of {name} waits {found.timeout} s, not {times.watchdog}")
    return told


def _disk_problems(names: tuple[str, ...], node: str, disk: SbdDisk, times: SbdTimes) -> list[str]:
    if not disk.is_read:
        return [f"{node} cannot read {disk.device}"]
    told = []
    if (disk.watchdog, disk.msgwait) != (times.watchdog, times.msgwait):
        told.append(
            f"{disk.device} says watchdog {disk.watchdog} s and msgwait {disk.msgwait} s, the site"
            f" {times.watchdog} and {times.msgwait}"
        )
    for name in names:
        if name not in disk.slots:
            told.append(f"{name} has no slot on {disk.device}: SBD never ran there")
        elif disk.slots[name] != "clear":
            told.append(f"on {disk.device} lies '{disk.slots[name]}' for {name}")
    return told


def text(found: SbdStatus) -> str:
    """Write it for a person, in a line."""
    if not found.answers:
        return f"{found.node}: no answer"
    read = [disk.device for disk in found.disks if disk.is_read]
    watchdog = f"{found.watchdog}, {found.timeout} s" if found.watchdog else "no watchdog"
    if found.watchdog and not found.armed:
        watchdog += ", not armed"
    state = "runs" if found.running else "DOES NOT RUN"
    return f"{found.node}: SBD {state}, reads {', '.join(read) or 'no disk'}; {watchdog}"
