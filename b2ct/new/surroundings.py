"""What this machine already knows about the site: good guesses for a new site file."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from b2ct.check.places import keyboards, locales

_ZONES = "zoneinfo/"


@dataclass(frozen=True)
class Surroundings:
    """Guesses; empty where nothing is known."""

    domain: str = ""
    login: str = ""
    ssh_key: str = ""
    dns: str = ""
    timezone: str = "Etc/UTC"
    keyboard: str = "us"
    language: str = "en_US.UTF-8"


def look_around(home: Path, etc: Path = Path("/etc")) -> Surroundings:
    """Read the admin's own machine; nothing found is never an error.

    :param home: where ``.ssh/id_*.pub`` are looked for.
    :param etc: where resolv.conf, localtime and default/keyboard are.
    """
    return Surroundings(
        domain=_domain(),
        login=_login(),
        ssh_key=_ssh_key(home / ".ssh"),
        dns=_name_server(etc / "resolv.conf"),
        timezone=_timezone(etc / "localtime"),
        keyboard=_keyboard(etc / "default" / "keyboard"),
        language=_language(),
    )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _domain() -> str:
    _, found, domain = socket.gethostname().partition(".")
    return domain.lower() if found else ""


def _login() -> str:
    login = os.environ.get("SUDO_USER") or os.environ.get("USER") or ""
    return login if re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", login) and login != "root" else ""


def _ssh_key(folder: Path) -> str:
    for name in ("id_ed25519", "id_ecdsa", "id_rsa"):
        for line in _lines(folder / f"{name}.pub"):
            if line.strip():
                return line.strip()
    return ""


def _name_server(path: Path) -> str:
    for line in _lines(path):
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                address = ip_address(words[1])
            except ValueError:
                continue
            if not address.is_loopback and not address.is_link_local:
                return str(address)
    return ""


def _timezone(path: Path) -> str:
    try:
        target = os.readlink(path)  # noqa: PTH115 - a relative target is wanted as it is
    except OSError:
        return "Etc/UTC"
    return target.partition(_ZONES)[2] or "Etc/UTC"


def _keyboard(path: Path) -> str:
    for line in _lines(path):
        found = re.fullmatch(r'XKBLAYOUT="?([a-z]+)[,"a-z]*', line.strip())
        if found and found[1] in keyboards():
            return found[1]
    return "us"


def _language() -> str:
    plain, _, charset = os.environ.get("LANG", "").partition(".")
    known = charset.upper() in ("UTF-8", "UTF8") and plain in locales()
    return f"{plain}.UTF-8" if known else "en_US.UTF-8"
