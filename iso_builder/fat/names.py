"""Names on FAT: what is legal, what collides, and the 8.3 names behind the long ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

#: UTF-16 units of a long name.
LONG_NAME_LIMIT = 255
LABEL_LIMIT = 11

_SHORT_LEGAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
_LONG_ILLEGAL = frozenset('"*/:<>?\\|\x7f')
_LABEL = re.compile(r"[A-Z0-9_-]{1,11}")


def label_problem(label: str) -> str | None:
    """Say why ``label`` cannot be the volume label of a key, or return None.

    FAT itself allows a few more characters (blank, ``$``, quotes…); they are refused because
    the label is also spelt on kernel command lines and in boot menus, where they need
    escapes that boot loaders do not agree on.
    """
    if not label:
        return "a volume label needs at least one character"
    if len(label) > LABEL_LIMIT:
        return f"the volume label {label!r} has {len(label)} characters, FAT holds {LABEL_LIMIT}"
    if not _LABEL.fullmatch(label):
        return f"the volume label {label!r} may hold only A-Z, 0-9, '-' and '_'"
    return None


def name_problem(name: str) -> str | None:
    """Say why ``name`` cannot stand in a FAT folder, or return None."""
    try:
        units = len(name.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return "its name is not valid Unicode"
    if name in ("", ".", ".."):
        return "it has no name"
    if units > LONG_NAME_LIMIT:
        return f"its name is longer than {LONG_NAME_LIMIT} characters"
    bad = sorted({c for c in name if c in _LONG_ILLEGAL or ord(c) < 0x20})
    if bad:
        return f"its name holds {', '.join(repr(c) for c in bad)}, which FAT does not allow"
    if name[-1] in ". " or name[0] == " ":
        return "its name begins with a blank or ends with a blank or dot, which FAT drops"
    return None


def fold(name: str) -> str:
    """Return the form in which FAT compares names: two names with equal folds collide."""
    return "".join(up if len(up := c.upper()) == 1 else c for c in name)


def short_names(names: Sequence[str]) -> list[bytes]:
    """Give each of the legal, collision-free ``names`` of one folder its 11-byte 8.3 name.

    A name that is 8.3 apart from its case keeps it; the others get a numeric tail
    (``TREEIN~1``) that no name of the folder has.
    """
    found = [_as_short(fold(name)) for name in names]
    used = {short for short in found if short is not None}
    tails: Counter[tuple[str, str]] = Counter()
    result: list[bytes] = []
    for name, exact in zip(names, found, strict=True):
        short = exact
        if short is None:
            base, extension = _basis(name)
            while short is None or short in used:
                tails[base, extension] += 1
                tail = f"~{tails[base, extension]}"
                short = _pad(base[: 8 - len(tail)] + tail, extension)
            used.add(short)
        result.append(short)
    return result


def is_stored_short(name: str, short: bytes) -> bool:
    """Tell whether the 8.3 name alone spells ``name``, so that no long name is needed."""
    base, extension = short[:8].rstrip(b" "), short[8:].rstrip(b" ")
    return name == (base + (b"." + extension if extension else b"")).decode("ascii")


def _pad(base: str, extension: str) -> bytes:
    return f"{base:<8}{extension:<3}".encode("ascii")


def _as_short(upper: str) -> bytes | None:
    base, dot, extension = upper.partition(".")
    legal = _SHORT_LEGAL.issuperset(base) and _SHORT_LEGAL.issuperset(extension)
    if legal and 1 <= len(base) <= 8 and len(extension) <= 3 and bool(dot) == bool(extension):
        return _pad(base, extension)
    return None


def _basis(name: str) -> tuple[str, str]:
    def clean(text: str) -> str:
        return "".join(c if c in _SHORT_LEGAL else "_" for c in text)

    stem = fold(name).lstrip(".").replace(" ", "")
    base, dot, extension = stem.rpartition(".")
    if not dot:
        base, extension = stem, ""
    return clean(base.replace(".", ""))[:6] or "_", clean(extension)[:3]
