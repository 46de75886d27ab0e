"""Scripts: they stop the installation when they fail, and write what is included."""

from __future__ import annotations

import re
from collections.abc import Iterator

from b2ct.errors import Problem
from b2ct.render.el.fragments import FOLDER
from b2ct.render.el.parse import Parsed, Section

_SCRIPTS = frozenset({"%pre", "%post", "%pre-install"})
_MARKER = re.compile(r"\{\{|\{%[-+ ]|[-+ ]%\}")
_UNSAFE = re.compile(
    r"(?P<gpg>\bgpgcheck\s*=\s*0|--nogpgcheck\b)"
    r"|(?P<tls>\bsslverify\s*=\s*(?:0|false)|\bcurl\b[^|;]*\s(?:-k|--insecure)\b"
    r"|\bwget\b[^|;]*--no-check-certificate)"
    r"|(?P<selinux>\bsetenforce\s+0|\bSELINUX=(?:disabled|permissive))"
    r"|(?P<plain>\bbaseurl=http://)"
)
_UNSAFE_WORDS = ("gpgcheck", "sslverify", "curl", "wget", "setenforce", "SELINUX=", "baseurl=")
_SAID = {
    "gpg": ("a script switches the signature check of packages off", "leave gpgcheck=1"),
    "tls": ("a script switches the check of certificates off", "leave certificates checked"),
    "selinux": ("a script switches SELinux off", "leave it enforcing, and allow what is needed"),
    "plain": ("a script adds a repository without encryption", "use https://"),
}


def problems(parsed: Parsed) -> Iterator[Problem]:
    """Judge headers, includes, template leftovers, and what scripts switch off."""
    for section in parsed.sections:
        if section.name not in _SCRIPTS:
            continue
        if "--erroronfail" not in section.header.split():
            yield Problem(
                parsed.path,
                section.number,
                f"{section.name} goes on when it fails",
                f"write {section.header.strip()} --erroronfail",
            )
        yield from _lines(parsed.path, section)
    yield from _includes(parsed)
    yield from _leftovers(parsed)
    yield from _scrub(parsed)


def _lines(path: str, section: Section) -> Iterator[Problem]:
    # Most scripts have none of the words: one look at the whole is cheaper than at each line.
    text = "\n".join(section.body)
    if not any(word in text for word in _UNSAFE_WORDS):
        return
    for offset, line in enumerate(section.body, 1):
        match = _UNSAFE.search(line)
        if match and match.lastgroup and not line.lstrip().startswith("#"):
            yield Problem(path, section.number + offset, *_SAID[match.lastgroup])


def _includes(parsed: Parsed) -> Iterator[Problem]:
    for include in parsed.includes:
        path = include.text
        if path.startswith(("http://", "https://", "ftp://")):
            yield Problem(
                parsed.path,
                include.number,
                f"%include takes {path} from the network: what runs is decided elsewhere",
                "put it into this kickstart",
            )
        elif not _written(parsed, path):
            yield Problem(
                parsed.path,
                include.number,
                f"%include {path}: no %pre script writes this file",
                "write it in %pre, for every machine that may boot this",
            )


def _written(parsed: Parsed, path: str) -> bool:
    name = path.removeprefix(FOLDER)
    if parsed.sets and path.startswith(FOLDER):
        return all(name in fragments.fragments for fragments in parsed.sets)
    writes = re.compile(
        rf"(?:>>?\s*|\btee\s+(?:-a\s+)?|\bof=)[\"']?{re.escape(path)}[\"']?(?:\s|$)"
    )
    return any(
        writes.search(line)
        for section in parsed.sections
        if section.name == "%pre"
        for line in section.body
    )


def _leftovers(parsed: Parsed) -> Iterator[Problem]:
    for number, line in enumerate(parsed.lines, 1):
        if "{" in line and _MARKER.search(line):
            yield Problem(
                parsed.path,
                number,
                "a template's marker is left in the text",
                "this text was not rendered to its end: render it again",
            )


def _scrub(parsed: Parsed) -> Iterator[Problem]:
    post = [section for section in parsed.sections if section.name == "%post"]
    if not any("/root/anaconda-ks.cfg" in line for part in post for line in part.body):
        yield Problem(
            parsed.path,
            0,
            "no %post script removes the copies of this kickstart that the installer leaves",
            "remove /root/anaconda-ks.cfg and /root/original-ks.cfg",
        )
