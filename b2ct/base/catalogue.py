"""The catalogue of vendors' install media: data in YAML, checked when it is loaded.

The package carries ``catalogue.yml``; a site adds entries (or replaces one by its id) in
``$B2CT_CATALOGUE`` or ``~/.config/b2ct/catalogue.yml``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from b2ct.errors import B2ctError, Problem, ProblemsError

_ID = r"^[a-z0-9][a-z0-9.-]*$"
_PLAIN_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$"
_NAME_OR_GLOB = r"^[A-Za-z0-9_][A-Za-z0-9_.+*-]*$"


class BaseKind(StrEnum):
    """What a base medium is."""

    ISO = "iso"
    DEBIAN_NETBOOT = "debian-netboot"


def normalise_fingerprint(value: str) -> str:
    """Return a version 4 OpenPGP fingerprint as 40 capital hex digits; raise ValueError."""
    plain = value.replace(" ", "").upper()
    if not re.fullmatch(r"[0-9A-F]{40}", plain):
        raise ValueError("a fingerprint is 40 hex digits; a short key id proves nothing")
    return plain


def normalise_sha256(value: str) -> str:
    """Return a SHA256 as 64 lower-case hex digits; raise ValueError."""
    plain = value.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise ValueError("a SHA256 is 64 hex digits")
    return plain


def check_address(value: str) -> str:
    """Return an address of the web; raise ValueError for another, or one with a password."""
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", value):
        raise ValueError("an address begins with https:// (or http:// of a mirror of your own)")
    if "@" in value.split("/")[2]:
        raise ValueError("no user and password in an address: ~/.netrc (or apt's auth.conf)")
    return value


Address = Annotated[str, AfterValidator(check_address)]
Folder = Annotated[Address, AfterValidator(lambda value: value.rstrip("/") + "/")]
Fingerprint = Annotated[str, AfterValidator(normalise_fingerprint)]
Sha256 = Annotated[str, AfterValidator(normalise_sha256)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SigningKey(_Entry):
    """The vendor's key. Without a fingerprint, fetch asks the admin for it."""

    address: Address
    fingerprint: Fingerprint | None = None
    accept_expired: bool = False


class IsoEntry(_Entry):
    """An ISO that a vendor publishes beside a list of check sums."""

    kind: Literal[BaseKind.ISO] = BaseKind.ISO
    id: Annotated[str, Field(pattern=_ID)]
    title: str
    addresses: Annotated[tuple[Folder, ...], Field(min_length=1)]
    file: Annotated[str, Field(pattern=_NAME_OR_GLOB)]
    checksums: Annotated[str, Field(pattern=_PLAIN_NAME)] | None = None
    signature: Annotated[str, Field(pattern=_PLAIN_NAME)]
    key: SigningKey | None = None
    sha256: Sha256 | None = None
    note: str = ""

    @property
    def signed(self) -> bool:
        """Whether the vendor signs the list of check sums."""
        return self.signature != "none"

    @property
    def inline(self) -> bool:
        """Whether the list of check sums is itself clear-signed."""
        return self.signature == "inline"

    @model_validator(mode="after")
    def _consistent(self) -> IsoEntry:
        if self.signed and (self.checksums is None or self.key is None):
            raise ValueError("a signature needs `checksums` (what is signed) and `key` (by whom)")
        if not self.signed and self.key is not None:
            raise ValueError("`key` has no use with `signature: none`")
        if not self.signed and "*" in self.file:
            raise ValueError("a * in `file` is filled in from a signed list: name the whole file")
        return self


class NetbootEntry(_Entry):
    """Debian's installer out of Debian's own package, obtained and checked by apt."""

    kind: Literal[BaseKind.DEBIAN_NETBOOT]
    id: Annotated[str, Field(pattern=_ID)]
    title: str
    mirror: Address
    suite: Annotated[str, Field(pattern=r"^[a-z][a-z0-9/-]*$")]
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*$")]
    note: str = ""


Entry = IsoEntry | NetbootEntry
_ISO: TypeAdapter[IsoEntry] = TypeAdapter(IsoEntry)
_NETBOOT: TypeAdapter[NetbootEntry] = TypeAdapter(NetbootEntry)


@dataclass(frozen=True)
class Catalogue:
    """All entries, in the order of the files, a site's own ones last."""

    entries: tuple[Entry, ...]

    def find(self, ident: str) -> Entry | None:
        """Return the entry with this id."""
        return next((entry for entry in self.entries if entry.id == ident), None)

    def get(self, ident: str) -> Entry:
        """Return the entry with this id; B2ctError with "did you mean" when there is none."""
        entry = self.find(ident)
        if entry is None:
            known = [entry.id for entry in self.entries]
            near = get_close_matches(ident, known, n=1)
            raise B2ctError(
                f"the catalogue has no base medium {ident!r}",
                f"did you mean {near[0]}?" if near else "see `b2ct base list`",
            )
        return entry

    def get_iso(self, ident: str) -> IsoEntry:
        """Return the entry with this id, which must be of an ISO."""
        entry = self.get(ident)
        if not isinstance(entry, IsoEntry):
            raise B2ctError(f"{ident} is not an ISO", f"get it with `b2ct base fetch {ident}`")
        return entry


def site_catalogue() -> Path | None:
    """Return the site's own catalogue; None when there is none."""
    named = os.environ.get("B2CT_CATALOGUE")
    if named:
        path = Path(named)
        if not path.is_file():
            raise B2ctError(
                f"no catalogue {named}, which B2CT_CATALOGUE names",
                "correct or unset B2CT_CATALOGUE",
            )
        return path
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(config).expanduser() / "b2ct/catalogue.yml"
    return path if path.is_file() else None


def load_catalogue() -> Catalogue:
    """Load the package's catalogue and the site's; ProblemsError with file:line."""
    builtin = resources.files("b2ct.base") / "catalogue.yml"
    found = {entry.id: entry for entry in parse(builtin.read_text("utf-8"), "catalogue.yml")}
    own = site_catalogue()
    if own is not None:
        try:
            text = own.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise B2ctError(f"cannot read the catalogue {own}: {error}") from error
        found.update({entry.id: entry for entry in parse(text, str(own))})
    return Catalogue(tuple(found.values()))


def parse(text: str, file: str) -> tuple[Entry, ...]:
    """Parse one catalogue; all its problems at once, as ProblemsError with file:line."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 0
        raise ProblemsError([Problem(file, line, f"not YAML: {reason}")]) from error
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        hint = "begin each medium with `- id: …`"
        raise ProblemsError([Problem(file, 1, "a catalogue is a list of media", hint)])
    entries: list[Entry] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for item, item_node in zip(data, node.value, strict=True):
        line = item_node.start_mark.line + 1
        try:
            kind = item.get("kind") if isinstance(item, dict) else None
            netboot = kind == BaseKind.DEBIAN_NETBOOT
            entry = (_NETBOOT if netboot else _ISO).validate_python(item)
        except ValidationError as error:
            problems += [_problem(file, item_node, part) for part in error.errors()]
            continue
        if entry.id in lines:
            message = f"{entry.id} is in the file already, on line {lines[entry.id]}"
            problems.append(Problem(file, line, message, "remove one of the two"))
        lines[entry.id] = line
        entries.append(entry)
    if problems:
        raise ProblemsError(problems)
    return tuple(entries)


def _problem(file: str, item: yaml.Node, part: Any) -> Problem:  # noqa: ANN401 - pydantic's ErrorDetails
    """Give one of pydantic's complaints its line."""
    node = item
    for step in part["loc"]:
        value: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            value = next((v for k, v in node.value if k.value == step), None)
            if part["type"] == "extra_forbidden" and step == part["loc"][-1]:
                value = next((k for k, v in node.value if k.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            value = node.value[step]
        if value is None:
            break
        node = value
    where = ".".join(str(step) for step in part["loc"])
    message, hint = part["msg"].removeprefix("Value error, "), ""
    if part["type"] == "extra_forbidden":
        message = "unknown key"
        known = [*IsoEntry.model_fields, *NetbootEntry.model_fields, *SigningKey.model_fields]
        near = get_close_matches(str(part["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else "remove it"
    elif part["type"] == "missing":
        message = "is missing"
    elif part["type"] == "string_pattern_mismatch":
        message = f"{part['input']!r} has a character that is not allowed here"
    return Problem(
        file, node.start_mark.line + 1, f"{where}: {message}" if where else message, hint
    )
