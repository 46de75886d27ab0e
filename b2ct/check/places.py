"""Rules about where the site is: time zone, keyboard, language; and about its admins."""

from __future__ import annotations

import functools
import zoneinfo
from importlib import resources
from typing import Final

from b2ct.check.report import Report
from b2ct.suggest import did_you_mean, nearest

#: Names of console keymaps that people know, and the layout that X calls otherwise.
_CONSOLE_NAMES: Final = {"uk": "gb", "sv": "se", "jp106": "jp", "dk-latin1": "dk", "en": "us"}


def _lines(name: str) -> list[str]:
    text = resources.files("b2ct.check").joinpath("data", name).read_text("utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


@functools.cache
def keyboards() -> frozenset[str]:
    """Give every keyboard: ``layout`` or ``layout-variant`` of xkeyboard-config."""
    names = set()
    for line in _lines("keyboards.txt"):
        layout, *variants = line.split()
        names.add(layout)
        names.update(f"{layout}-{variant}" for variant in variants)
    return frozenset(names)


@functools.cache
def locales() -> frozenset[str]:
    """Give every locale of the C library with UTF-8, without ``.UTF-8``."""
    return frozenset(_lines("locales.txt"))


def timezone(report: Report) -> None:
    """The time zone is in the IANA database."""
    zone = report.site.site.timezone
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        cities = {name.rpartition("/")[2]: name for name in sorted(known)}
        near = nearest(zone, known, likeness=0.75)
        near = near or cities.get(nearest(zone, cities, likeness=0.75) or "")
        report.problem(
            ("site", "timezone"),
            f"{zone!r} is no time zone",
            f"did you mean {near!r}?" if near else "write one like Europe/Rome or Etc/UTC",
        )


def keyboard(report: Report) -> None:
    """The keyboard is one that the installers know."""
    name = report.site.site.keyboard
    if name not in keyboards():
        other = _CONSOLE_NAMES.get(name)
        hint = f"did you mean {other!r}?" if other else did_you_mean(name, keyboards())
        report.problem(
            ("site", "keyboard"),
            f"{name!r} is no keyboard",
            hint or "write a layout such as us, it or de-nodeadkeys",
        )


def language(report: Report) -> None:
    """The locale is one that the C library has."""
    name = report.site.site.language
    plain = name.replace(".UTF-8", "")
    if plain not in locales():
        near = nearest(plain, locales())
        written = near.replace("@", ".UTF-8@") if near and "@" in near else f"{near}.UTF-8"
        report.problem(
            ("site", "language"),
            f"{name!r} is no locale",
            f"did you mean {written!r}?" if near else "write one like en_US.UTF-8",
        )


def admins(report: Report) -> None:
    """Admins are different people, and none takes an account of the system."""
    taken = set(_lines("accounts.txt"))
    seen: dict[str, int] = {}
    for position, admin in enumerate(report.site.site.admins):
        path = ("site", "admins", position, "name")
        if admin.name in seen:
            line = report.line(("site", "admins", seen[admin.name], "name"))
            report.problem(
                path,
                f"{admin.name!r} is an admin already, on line {line}",
                "put all keys of one person in one entry",
            )
        elif admin.name in taken:
            report.problem(
                path, f"{admin.name!r} is an account of the system", "choose another login name"
            )
        seen.setdefault(admin.name, position)
        _keys(report, position)


def _keys(report: Report, position: int) -> None:
    seen: dict[str, int] = {}
    for number, key in enumerate(report.site.site.admins[position].ssh_keys):
        path = ("site", "admins", position, "ssh_keys", number)
        blob = key.split()[1]
        if blob in seen:
            report.problem(
                path, f"the same key as number {seen[blob] + 1} of this admin", "remove one"
            )
        seen.setdefault(blob, number)
        bits = _rsa_bits(key)
        if bits is not None and bits < 2048:
            report.problem(
                path,
                f"an RSA key of {bits} bits, which sshd of EL 9 and later refuses",
                "make a new one with: ssh-keygen -t ed25519",
            )
    _legacy_keys(report, position)


def _legacy_keys(report: Report, position: int) -> None:
    # OpenSSH learnt ed25519 in 6.5 and security keys in 8.2; CentOS 6 has 5.3, CentOS 7 has 7.4.
    types = {key.split()[0] for key in report.site.site.admins[position].ssh_keys}
    for release in report.site.releases:
        if not release.legacy:
            continue
        unknown = {name for name in types if name.startswith("sk-")}
        if release.major == 6:
            unknown |= types & {"ssh-ed25519"}
        if unknown == types:
            report.problem(
                ("site", "admins", position, "ssh_keys"),
                f"{release.title} understands none of these keys",
                "add an RSA key of 3072 bits for it",
                rests_on=[("nodes",), ("install", "release")],
            )


def _rsa_bits(key: str) -> int | None:
    import base64

    kind, blob = key.split()[:2]
    if kind != "ssh-rsa":
        return None
    raw = base64.b64decode(blob)
    parts = []
    while raw:  # RFC 4253, 6.6: type, exponent, modulus
        length = int.from_bytes(raw[:4], "big")
        parts.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return int.from_bytes(parts[2], "big").bit_length() if len(parts) > 2 else 0
