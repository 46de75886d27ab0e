"""The module ``b2ct.cloud.network_stage``: compare a host's network files, prepare their change."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: network_stage
short_description: Compares the files of a host's network and prepares a change of them
description:
  - Compares files with those of the host. Comments and blank lines do not count, so that a host
    that was installed by b2ct's media needs no change.
  - Where something differs, puts the new and the former files and what to do with the devices into
    C(/var/lib/b2ct/network/pending). Nothing of the network is changed. That is done by
    C(/usr/libexec/b2ct/network-transaction), which undoes it unless it is confirmed.
  - Refuses when a change still waits for confirmation, when a card is missing, or when another
    program or another's file would set up the same device.
author:
  - The b2ct maintainers
version_added: "0.1.0"
options:
  backend:
    description: Who sets up the network.
    type: str
    required: true
    choices: [networkd, NetworkManager]
  files:
    description: All files as they shall be.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: str
        required: true
      content:
        description: The text.
        type: str
        required: true
      mode:
        description: Permissions, in octal.
        type: str
        required: true
  owned:
    description: Patterns of files that belong to the role. Those not in O(files) are removed.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Reports the difference and prepares nothing.
    support: full
  diff_mode:
    description: Shows each file before and after.
    support: full
"""

EXAMPLES = r"""
- name: Prepare the change
  b2ct.cloud.network_stage:
    backend: networkd
    files:
      - path: /etc/systemd/network/30-b2ct-eno1.network
        mode: "0644"
        content: "[Match]\nName=eno1\n\n[Network]\nAddress=10.20.0.21/24\n"
    owned: [/etc/systemd/network/30-b2ct-*]
"""

RETURN = r"""
id:
  description: Names the change that was prepared.
  type: str
  returned: when changed, and not in check mode
changes:
  description: What would change, in words.
  type: list
  elements: str
  returned: always
"""

import contextlib
import datetime
import os
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.network_files import (
    NETWORKD,
    Activation,
    activation,
    devices,
    meaning,
    shadowing,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.network_ifupdown import take_devices

ROOT = Path("/var/lib/b2ct/network")
PENDING = ROOT / "pending"
RESOLV_CONF = "/etc/resolv.conf"
_NETWORKD_FOLDERS = ("/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network")
_MAC = re.compile(r"(?:permaddr|link/ether) ([0-9a-f:]{17})")
_UNITS = {NETWORKD: "systemd-networkd.service", "NetworkManager": "NetworkManager.service"}


class Host:
    """What the module sees of the host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module

    def run(self, *words: str) -> str:
        """Give the output of a command, empty if it fails or does not exist."""
        path = self.module.get_bin_path(words[0])
        if not path:
            return ""
        code, out, _error = self.module.run_command([path, *words[1:]])
        return out if code == 0 else ""

    def cards(self) -> dict[str, str]:
        """Give the kernel's name of each card by its burnt-in address."""
        found: dict[str, str] = {}
        for line in self.run("ip", "-d", "-o", "link", "show").splitlines():
            name = line.split(":")[1].strip().partition("@")[0]
            if not Path(f"/sys/class/net/{name}/device").exists() and " veth " not in line:
                continue
            macs = _MAC.findall(line)
            if macs:
                # The burnt-in address comes last, and is told only where it is not in use.
                found[macs[-1]] = name
        return found

    def active(self, unit: str) -> bool:
        """Whether a unit runs and starts at boot."""
        return bool(self.run("systemctl", "is-active", unit)) and bool(
            self.run("systemctl", "is-enabled", unit)
        )


def found(pattern: str) -> list[str]:
    """Give the files that match a pattern such as ``/etc/x/30-*``, in order."""
    folder, _, name = pattern.rpartition("/")
    return sorted(str(path) for path in Path(folder or "/").glob(name))


def read(path: str) -> str | None:
    """Give a file's text; None if there is none, or a link stands in its place."""
    if Path(path).is_symlink():
        return None
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def mode_of(path: str) -> str:
    """Give permissions and owner's ids such as ``0600 0 0``."""
    info = Path(path).lstat()
    return f"{stat.S_IMODE(info.st_mode):04o} {info.st_uid} {info.st_gid}"


class Change:
    """The difference between the files of a host and those that are wanted."""

    def __init__(self, module: AnsibleModule) -> None:
        parameters = module.params
        self.backend: str = parameters["backend"]
        self.host = Host(module)
        self.module = module
        self.wanted = {file["path"]: file["content"] for file in parameters["files"]}
        self.modes = {file["path"]: file["mode"] for file in parameters["files"]}
        owned = {path for pattern in parameters["owned"] for path in found(pattern)}
        self.stale = sorted(owned - set(self.wanted))
        self.former = {path: read(path) for path in [*self.wanted, *self.stale]}
        self.cards = self.host.cards()
        self.after = devices(self.backend, self.wanted, self.cards)
        texts = {path: text for path, text in self.former.items() if text is not None}
        self.before = devices(self.backend, texts, self.cards)
        self.foreign = self._ifupdown() if self.backend == NETWORKD else {}
        self.enable = not self.host.active(_UNITS[self.backend])

    def _ifupdown(self) -> dict[str, tuple[str, str, tuple[str, ...]]]:
        """Give (before, after, devices) of each file that leaves devices to ifupdown."""
        leaving = {}
        for path in ("/etc/network/interfaces", *found("/etc/network/interfaces.d/*")):
            text = read(path)
            if text is None:
                continue
            taken = take_devices(text, set(self.after))
            if taken.devices:
                leaving[path] = (text, taken.text, taken.devices)
        return leaving

    @property
    def differing(self) -> list[str]:
        """Paths of wanted files that are missing, say something else or can be read by others."""
        return [path for path, text in self.wanted.items() if self._differs(path, text)]

    def _differs(self, path: str, text: str) -> bool:
        former = self.former[path]
        if former is None or meaning(former) != meaning(text):
            return True
        # Name servers may lie on a file system that knows no owners; a connection may not.
        return path != RESOLV_CONF and mode_of(path) != f"{self.modes[path]} 0 0"

    def words(self) -> list[str]:
        """Say what changes."""
        said = [f"{'change' if os.path.lexists(path) else 'add'} {path}" for path in self.differing]
        said += [f"remove {path}" for path in self.stale]
        for path, (_before, _after, names) in self.foreign.items():
            said.append(f"take {', '.join(names)} out of {path}")
        if self.enable:
            said.append(f"start {_UNITS[self.backend]} now and at boot")
        return said

    def diffs(self) -> list[dict[str, str]]:
        """Give Ansible's diff, one entry a file."""
        pairs = [(path, self._shown(path), self.wanted[path]) for path in self.differing]
        pairs += [(path, self._shown(path), "") for path in self.stale]
        pairs += [(path, before, after) for path, (before, after, _) in self.foreign.items()]
        return [
            {"before_header": path, "after_header": path, "before": before, "after": after}
            for path, before, after in pairs
        ]

    def _shown(self, path: str) -> str:
        if Path(path).is_symlink():
            return f"a link to {Path(path).readlink()}\n"
        return self.former[path] or ""

    def refuse(self) -> None:
        """Fail where a change could not do what it promises."""
        if (PENDING / "state").exists():
            self.module.fail_json(
                msg="a change of this host's network waits for its confirmation; it is undone by"
                " itself when its time is over (see /var/log/b2ct/network.log): run again then"
            )
        present = {path.name for path in Path("/sys/class/net").iterdir()}
        missing = [
            device.name
            for device in self.after.values()
            if device.kind == "card" and device.name not in present
        ]
        if missing:
            known = ", ".join(f"{name} ({mac})" for mac, name in sorted(self.cards.items()))
            self.module.fail_json(
                msg=f"this host has no network card {' and no '.join(sorted(missing))}; it has"
                f" {known or 'none'}: correct macs:, nics: or attach: of the node in site.yml"
            )
        if self.backend != NETWORKD:
            return
        if self.host.active("NetworkManager.service"):
            self.module.fail_json(
                msg="NetworkManager runs on this Debian host, and b2ct sets up its network with"
                " systemd-networkd: remove the package network-manager, at the console"
            )
        taken = list(shadowing(self.wanted, self._others(), self.cards))
        if taken:
            said = "; ".join(f"{path} takes {name}" for path, name in taken)
            self.module.fail_json(
                msg=f"another file comes before b2ct's: {said}. Remove it (files in"
                " /run/systemd/network are made by netplan: remove its files in /etc/netplan)"
            )

    def _others(self) -> dict[str, str]:
        paths = [path for folder in _NETWORKD_FOLDERS for path in found(f"{folder}/*.network")]
        mine = {*self.wanted, *self.stale}
        texts = {path: read(path) for path in paths if path not in mine}
        return {path: text for path, text in texts.items() if text}

    def stage(self) -> str:
        """Write everything that the transaction needs; give its id."""
        ident = datetime.datetime.now(tz=datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
        shutil.rmtree(PENDING, ignore_errors=True)
        ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
        ROOT.chmod(0o700)
        PENDING.mkdir(mode=0o700)
        paths = [*self.differing, *self.stale, *self.foreign]
        for path in paths:
            _keep(path, PENDING / "old")
        for path in self.differing:
            _write(PENDING / "new", path, self.wanted[path], int(self.modes[path], 8))
        for path, (_before, after, _names) in self.foreign.items():
            _write(PENDING / "new", path, after, stat.S_IMODE(Path(path).stat().st_mode))
        # Where the service did not run, its files have set up nothing.
        running = {} if self.enable else self.before
        does, undoes = activation(running, self.after), activation(self.after, running)
        _lists("apply", does)
        _lists("undo", undoes)
        names = [name for _before, _after, found in self.foreign.values() for name in found]
        _lines("apply.ifdown", names)
        _lines("undo.ifup", names)
        _lines("touched", sorted({*does.touched, *undoes.touched, *names}))
        _lines("paths", paths)
        _lines("backend", [self.backend])
        _lines("id", [ident])
        return ident


def _lists(what: str, found: Activation) -> None:
    _lines(f"{what}.delete", list(found.delete))
    _lines(f"{what}.links", [f"{name} {uuid}".strip() for name, uuid in found.links])
    _lines(f"{what}.released", list(found.released))


def _lines(name: str, lines: list[str]) -> None:
    (PENDING / name).write_text("".join(f"{line}\n" for line in lines))


def _keep(path: str, tree: Path) -> None:
    """Copy a file as it is, links as links; nothing where there is none."""
    place = tree / path.lstrip("/")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(path, place, follow_symlinks=False)


def _write(tree: Path, path: str, text: str, mode: int) -> None:
    place = tree / path.lstrip("/")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8", errors="surrogateescape")
    place.chmod(mode)


def result(change: Change, ident: str | None) -> Mapping[str, Any]:
    """Give what the module returns."""
    words = change.words()
    return {
        "changed": bool(words),
        "changes": words,
        "diff": change.diffs(),
        **({"id": ident} if ident else {}),
    }


def main() -> None:
    """Compare, and prepare unless in check mode."""
    module = AnsibleModule(
        argument_spec={
            "backend": {
                "type": "str",
                "required": True,
                "choices": ["networkd", "NetworkManager"],
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "content": {"type": "str", "required": True},
                    "mode": {"type": "str", "required": True},
                },
            },
            "owned": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    change = Change(module)
    change.refuse()
    ident = change.stage() if change.words() and not module.check_mode else None
    module.exit_json(**result(change, ident))


if __name__ == "__main__":
    main()
