"""Network files of NetworkManager and systemd-networkd: what they mean, and what a change needs.

Pure functions over texts. A file set maps absolute paths to texts. The same comparison, run
with the sets swapped, tells how to undo a change.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

NETWORKD = "networkd"
NETWORKMANAGER = "NetworkManager"
_COMMENTS = ("#", ";")
#: What stands on others comes later; NetworkManager wants bonds and bridges before their ports.
_ORDER = {"bond": 0, "bridge": 0, "card": 1, "vlan": 2}
_OTHER_MATCHES = frozenset({"Name", "PermanentMACAddress", "MACAddress"})


@dataclass(frozen=True)
class Device:
    """A device as a file set describes it.

    ``name`` is the kernel's. ``making`` is what only a new device takes over (mode, tag);
    ``text`` is everything that is said of it.
    """

    name: str
    kind: str
    making: str = ""
    text: str = ""
    uuid: str = ""
    parent: str = ""
    controller: str = ""


@dataclass(frozen=True)
class Activation:
    """What to do with devices once the files have changed.

    ``delete``: virtual devices to remove, or to make anew. ``links``: devices to set up,
    with the connection's UUID. ``released``: cards that are used no longer.
    """

    delete: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    released: tuple[str, ...] = ()

    @property
    def touched(self) -> frozenset[str]:
        """Every device that the activation may change."""
        return frozenset({*self.delete, *(name for name, _ in self.links), *self.released})


@dataclass
class _Draft:
    name: str
    kind: str = "card"
    making: str = ""
    text: str = ""
    uuid: str = ""
    parent: str = ""
    controller: str = ""
    carried: list[str] = field(default_factory=list)

    def device(self) -> Device:
        return Device(
            self.name, self.kind, self.making, self.text, self.uuid, self.parent, self.controller
        )


def meaning(text: str) -> str:
    """Give a text without comments and blank lines: files that mean the same are equal."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(_COMMENTS))


def entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Give section, key and value of every line; keys may repeat."""
    section = ""
    for line in meaning(text).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        else:
            key, _, value = line.partition("=")
            yield section, key.strip(), value.strip()


def devices(backend: str, files: Mapping[str, str], cards: Mapping[str, str]) -> dict[str, Device]:
    """Give the devices of a file set by the kernel's names.

    ``cards`` gives the kernel's name of a card by its MAC address, in small letters.
    """
    drafts = (_networkd if backend == NETWORKD else _keyfiles)(files, cards)
    return {draft.name: draft.device() for draft in drafts}


def _networkd(files: Mapping[str, str], cards: Mapping[str, str]) -> list[_Draft]:
    found: dict[str, _Draft] = {}
    kinds: dict[str, _Draft] = {}
    for path in sorted(files):
        values = list(entries(files[path]))
        if path.endswith(".netdev"):
            name = _first(values, "NetDev", "Name") or ""
            kinds[name] = _Draft(
                name, _first(values, "NetDev", "Kind") or "card", meaning(files[path])
            )
        elif path.endswith(".network"):
            draft = _Draft(_matched(values, cards), text=meaning(files[path]))
            draft.controller = (
                _first(values, "Network", "Bond") or _first(values, "Network", "Bridge") or ""
            )
            draft.carried = [
                value for section, key, value in values if (section, key) == ("Network", "VLAN")
            ]
            found[draft.name] = draft
    for name, made in kinds.items():
        draft = found.setdefault(name, made)
        draft.kind, draft.making = made.kind, made.making
    for draft in list(found.values()):
        for name in draft.carried:
            if name in found:
                found[name].parent = draft.name
    return list(found.values())


def _matched(values: list[tuple[str, str, str]], cards: Mapping[str, str]) -> str:
    mac = _first(values, "Match", "PermanentMACAddress")
    return cards.get(mac.lower(), mac) if mac else _first(values, "Match", "Name") or ""


def _keyfiles(files: Mapping[str, str], cards: Mapping[str, str]) -> list[_Draft]:
    found: list[_Draft] = []
    parents: dict[str, str] = {}
    for path in sorted(files):
        if not path.endswith(".nmconnection"):
            continue
        values = list(entries(files[path]))
        kind = _first(values, "connection", "type") or ""
        mac = _first(values, "ethernet", "mac-address")
        name = (
            cards.get(mac.lower(), mac) if mac else _first(values, "connection", "interface-name")
        )
        draft = _Draft(name or _first(values, "connection", "id") or "")
        draft.kind = "card" if kind == "ethernet" else kind
        draft.text = meaning(files[path])
        draft.making = "".join(
            f"{section}.{key}={value}\n"
            for section, key, value in values
            if section in {"bond", "vlan"} or (section, key) == ("connection", "uuid")
        )
        draft.uuid = _first(values, "connection", "uuid") or ""
        draft.controller = _first(values, "connection", "master") or ""
        parents[draft.name] = _first(values, "vlan", "parent") or ""
        found.append(draft)
    names = {draft.uuid: draft.name for draft in found}
    for draft in found:
        parent = parents[draft.name]
        draft.parent = names.get(parent, parent)
    return found


def _first(values: Iterable[tuple[str, str, str]], section: str, key: str) -> str | None:
    return next((value for where, name, value in values if (where, name) == (section, key)), None)


def activation(before: Mapping[str, Device], after: Mapping[str, Device]) -> Activation:
    """Tell what turns the devices of one file set into those of another, and touch no others.

    A bridge is never made anew: machines that others have attached would lose it.
    """
    virtual = {name for name, device in after.items() if device.kind != "card"}
    delete = {name for name, old in before.items() if old.kind != "card" and name not in after}
    delete |= {name for name in virtual if _made_anew(before.get(name), after[name])}
    # The kernel takes away what stands on a device that is removed.
    while True:
        more = {name for name in virtual - delete if after[name].parent in delete}
        if not more:
            break
        delete |= more
    links = {name for name, device in after.items() if before.get(name) != device}
    links |= delete & set(after)
    links |= {name for name, device in after.items() if device.controller in delete}
    released = {name for name, old in before.items() if old.kind == "card" and name not in after}
    order = sorted(links, key=lambda name: (_ORDER.get(after[name].kind, 1), name))
    return Activation(
        tuple(sorted(delete)),
        tuple((name, after[name].uuid) for name in order),
        tuple(sorted(released)),
    )


def _made_anew(old: Device | None, new: Device) -> bool:
    if old is not None and old.kind != new.kind:
        return True
    return new.kind != "bridge" and (old is None or old.making != new.making)


def shadowing(
    files: Mapping[str, str], others: Mapping[str, str], cards: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Give (file, device) where another's .network file is taken before ours.

    systemd-networkd takes the first file by name, whatever its folder, that matches.
    """
    for path, text in sorted(files.items()):
        if not path.endswith(".network"):
            continue
        name = _matched(list(entries(text)), cards)
        macs = {mac for mac, card in cards.items() if card == name}
        for other, other_text in sorted(others.items()):
            if posixpath.basename(other) < posixpath.basename(path) and _takes(
                other_text, name, macs
            ):
                yield other, name


def _takes(text: str, name: str, macs: set[str]) -> bool:
    conditions = [(key, value) for section, key, value in entries(text) if section == "Match"]
    if not conditions or any(key not in _OTHER_MATCHES for key, _ in conditions):
        # Other conditions (Type=, Driver=…) are systemd's own files; they come late.
        return False
    return all(
        any(fnmatchcase(name, pattern) for pattern in value.split())
        if key == "Name"
        else bool(macs & set(value.lower().split()))
        for key, value in conditions
    )
