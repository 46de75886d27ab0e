"""Secrets: hashes only, strong ones, and none in a script."""

from __future__ import annotations

import re
from collections.abc import Iterator

from b2ct.errors import Problem
from b2ct.render.el.lint.options import option
from b2ct.render.el.parse import Command, Parsed

_WEAK = re.compile(r"(?:\$1\$|\$2[aby]?\$|[A-Za-z0-9./]{13}$)")
_STRONG = re.compile(r"\$(?:5|6|y)\$\S+")
_HINT = "store a sha512-crypt hash: --iscrypted '$6$…'"
_SCRIPT = re.compile(
    r"\|\s*(?:chpasswd|passwd\b.*--stdin)|\bchpasswd\b\s*<<|useradd\b.*\s-p\s+[^$\s'\"]"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def problems(parsed: Parsed) -> Iterator[Problem]:
    """Look for passwords that anybody can read off the medium."""
    for command in parsed.commands:
        name = command.words[0]
        message = None
        if name in {"rootpw", "user"}:
            message = _account(command)
        elif name == "bootloader" and option(command, "--password"):
            if "--iscrypted" not in command.words:
                message = "the boot loader's password stands here in plaintext"
        elif option(command, "--passphrase"):
            message = "a disk's passphrase stands here in plaintext"
        elif option(command, "--wpakey") or option(command, "--wepkey"):
            message = "a wireless key stands here in plaintext"
        if message:
            yield Problem(parsed.path, command.number, message, _HINT)
    for section in parsed.sections:
        if section.name == "%packages":
            continue
        for offset, line in enumerate(section.body, 1):
            if ("passw" in line or "useradd" in line or "PRIVATE" in line) and _SCRIPT.search(line):
                yield Problem(
                    parsed.path,
                    section.number + offset,
                    "a script holds a password or a private key in plaintext",
                    "use a hash in rootpw or user, and give keys out after the installation",
                )


def _account(command: Command) -> str | None:
    words = command.words
    given = option(command, "--password") if words[0] == "user" else _root_password(words)
    if not given or given in {"*", "!"}:
        return None
    who = "root" if words[0] == "rootpw" else option(command, "--name")
    if "--iscrypted" not in words:
        return f"the password of {who} stands here in plaintext"
    if not _STRONG.fullmatch(given):
        return (
            f"the password hash of {who} is of a weak kind"
            if _WEAK.match(given)
            else (f"the password of {who} is said to be a hash, but it is none")
        )
    return None


def _root_password(words: tuple[str, ...]) -> str:
    plain = [word for word in words[1:] if not word.startswith("--")]
    return plain[0].strip("\"'") if plain else ""
