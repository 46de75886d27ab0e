#!/usr/bin/python
"""The module ``b2ct.cloud.precheck``: looks at a node, and changes nothing."""

# Ansible's modules come in this order, and run on the node's own Python.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: precheck
short_description: Looks for what would make a deployment fail on a node
description:
  - Collects what is wrong on a node, all of it at once, and changes nothing. It does the same with
    and without check mode.
  - Tells a node that does not answer, lacks Python, or does not let Ansible become root as problems
    of that node, and does not fail. M(b2ct.cloud.precheck_report) fails with all of them.
version_added: "0.1.0"
author:
  - The b2ct maintainers
options:
  family:
    description: The family of releases that the node is said to have; not looked at if empty.
    type: str
    default: ""
    choices: ["", el, debian]
  major:
    description: The major release that the node is said to have; not looked at if 0.
    type: int
    default: 0
  ansible_before:
    description:
      - The first release of ansible-core, such as V(2.17), that cannot manage the node's packages.
      - Not looked at if empty.
    type: str
    default: ""
  names:
    description: Names that must resolve on the node.
    type: list
    elements: str
    default: []
  repositories:
    description: Addresses of package repositories that must answer the node.
    type: list
    elements: str
    default: []
  mounts:
    description: Folders on which a volume of its own must be mounted.
    type: list
    elements: str
    default: []
  devices:
    description: Block devices that must be there.
    type: list
    elements: str
    default: []
  ports:
    description: Ports that must be free, or taken by the named programs.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: Number of the port.
        type: int
        required: true
      protocol:
        description: Its protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      programs:
        description: Programs that may have it already, as C(ps -o comm) names them.
        type: list
        elements: str
        default: []
  virtualization:
    description: Whether the node must be able to run virtual machines.
    type: bool
    default: false
  memory_mb:
    description: Memory that the node must have, in MiB.
    type: int
    default: 0
  free_mb:
    description: Free room that a folder's file system must have, in MiB, by folder.
    type: dict
    default: {}
  timeout:
    description: How long a name or a repository may take, in seconds.
    type: int
    default: 15
attributes:
  check_mode:
    support: full
    description: Looks only.
"""

EXAMPLES = r"""
- name: Look at the node
  b2ct.cloud.precheck:
    family: debian
    major: 12
    names: [ntp.example.org]
    mounts: [/var/lib/one]
    ports:
      - {port: 3128, programs: [squid]}
  register: found
"""

RETURN = r"""
problems:
  description: What is wrong. Each has C(what), and C(remedy), which says what to do.
  returned: always
  type: list
  elements: dict
clock:
  description: How far the node's clock is ahead of the controller's in s, at least and at most.
  returned: when the node answers
  type: list
  elements: float
"""

import concurrent.futures
import os
import re
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

#: "listens" in /proc/net; UDP knows no such state.
_LISTENS = {"tcp": "0A", "udp": "07"}


def release() -> dict[str, str]:
    """Give ID, ID_LIKE, VERSION_ID and PRETTY_NAME of the node's os-release."""
    for path in (Path("/etc/os-release"), Path("/usr/lib/os-release")):
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            pairs = (line.strip().partition("=") for line in lines)
            return {
                name: value.strip("\"'")
                for name, _, value in pairs
                if name in ("ID", "ID_LIKE", "VERSION_ID", "PRETTY_NAME")
            }
    return {}


def in_parallel(
    things: Iterable[str], look: Callable[[str], str], timeout: float
) -> dict[str, str]:
    """Look at all things at once, and give those with a reason why they are not good."""
    # Threads of their own: an executor would wait at the end for a resolver that hangs.
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
    waiting = {thing: pool.submit(look, thing) for thing in things}
    concurrent.futures.wait(waiting.values(), timeout=timeout)
    found = {}
    for thing, future in waiting.items():
        late = f"no answer within {timeout:.0f} s"
        reason = future.result() if future.done() else late
        if reason:
            found[thing] = reason
    pool.shutdown(wait=False)
    return found


def resolve(name: str) -> str:
    """Say why a name does not resolve; nothing if it does."""
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def fetch(url: str, timeout: float) -> str:
    """Say why a repository cannot be reached; nothing if it answers."""
    try:
        urllib.request.urlopen(url, timeout=timeout).close()  # noqa: S310 - the site's own
    except urllib.error.HTTPError as error:
        # A folder that may not be listed is there all the same.
        fine = error.code in (401, 403, 404, 405)
        return "" if fine else f"it answers with HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", None) or error)
    return ""


def taken(wanted: Iterable[str], root: Path = Path("/proc")) -> dict[str, list[str]]:
    """Give the programs that listen on some ports: ``{"tcp/80": ["nginx"]}``.

    One that holds a port and lets nobody look (in a container) is ``?``; see :func:`hidden`.
    """
    sockets: dict[str, str] = {}
    for protocol, state in _LISTENS.items():
        for table in (protocol, protocol + "6"):
            for port, inode in _listening(root / "net" / table, state):
                if f"{protocol}/{port}" in wanted:
                    sockets[inode] = f"{protocol}/{port}"
    programs = {**dict.fromkeys(sockets, "?"), **dict(_owners(root, set(sockets)))}
    found: dict[str, set[str]] = {}
    for inode, key in sockets.items():
        found.setdefault(key, set()).add(programs[inode])
    return {key: sorted(names) for key, names in found.items()}


def _listening(table: Path, state: str) -> Iterator[tuple[int, str]]:
    try:
        rows = table.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return
    for row in rows:
        fields = row.split()
        if len(fields) > 9 and fields[3] == state:
            yield int(fields[1].rpartition(":")[2], 16), fields[9]


def _owners(root: Path, inodes: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (inode, program) of the processes that hold some sockets."""
    if not inodes:
        return
    for folder in root.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            held = list((folder / "fd").iterdir())
            program = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # it has ended
            continue
        for descriptor in held:
            try:
                link = os.readlink(descriptor)  # noqa: PTH115 - it is no path
            except OSError:
                continue
            if link.startswith("socket:[") and link[8:-1] in inodes:
                yield link[8:-1], program


def hidden(root: Path = Path("/proc")) -> list[str]:
    """Give the programs whose sockets even root may not see."""
    found = set()
    for folder in root.iterdir():
        if folder.name.isdigit():
            try:
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                for descriptor in (folder / "fd").iterdir():
                    os.readlink(descriptor)  # noqa: PTH115 - it is no path
            except PermissionError:
                found.add(name)
            except OSError:  # it has ended
                continue
    return sorted(found)


def memory_mb() -> int:
    """Give the memory in MiB."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    match = re.search(r"^MemTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(match.group(1)) // 1024 if match else 0


def virtualization(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Say whether the CPU shows VT-x or AMD-V."""
    text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    return bool(re.search(r"^flags\s*:.*\b(vmx|svm)\b", text, re.MULTILINE))


def free_mb(folder: str) -> int:
    """Give the free room for a folder, or for its nearest parent that is there."""
    path = Path(folder)
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    return (found.f_bavail * found.f_frsize) >> 20


def is_block_device(path: str) -> bool:
    """Say whether a path leads to a block device."""
    try:
        return stat.S_ISBLK(Path(path).stat().st_mode)
    except OSError:
        return False


ARGUMENTS = {
    "family": {"type": "str", "default": "", "choices": ["", "el", "debian"]},
    "major": {"type": "int", "default": 0},
    "ansible_before": {"type": "str", "default": ""},
    "names": {"type": "list", "elements": "str", "default": []},
    "repositories": {"type": "list", "elements": "str", "default": []},
    "mounts": {"type": "list", "elements": "str", "default": []},
    "devices": {"type": "list", "elements": "str", "default": []},
    "ports": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "port": {"type": "int", "required": True},
            "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
            "programs": {"type": "list", "elements": "str", "default": []},
        },
    },
    "virtualization": {"type": "bool", "default": False},
    "memory_mb": {"type": "int", "default": 0},
    "free_mb": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 15},
}


def main() -> None:
    """Look, and give what was seen; the controller judges it (module_utils/precheck.py)."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    timeout = given["timeout"]
    module.exit_json(
        changed=False,
        seen={
            "release": release(),
            "unresolved": in_parallel(given["names"], resolve, timeout),
            "silent": in_parallel(
                given["repositories"], lambda url: fetch(url, timeout), timeout + 2
            ),
            "not_mounted": [path for path in given["mounts"] if not os.path.ismount(path)],
            "no_device": [path for path in given["devices"] if not is_block_device(path)],
            "taken": taken({f"{row['protocol']}/{row['port']}" for row in given["ports"]}),
            "hidden": hidden(),
            "virtualization": virtualization(),
            "memory_mb": memory_mb(),
            "free_mb": {path: free_mb(path) for path in given["free_mb"]},
        },
    )


if __name__ == "__main__":
    main()
