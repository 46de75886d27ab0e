"""Packages: from where, checked by whom, and by names that the release has."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from b2ct.errors import Problem
from b2ct.render.el.facts import ENVIRONMENTS, FACTS, GROUPS
from b2ct.render.el.lint.options import option
from b2ct.render.el.parse import Parsed

_ADDRESSES = ("--url", "--baseurl", "--mirrorlist", "--metalink")


def problems(parsed: Parsed) -> Iterator[Problem]:
    """Judge the install source and %packages."""
    for command in parsed.commands:
        if command.words[0] not in {"url", "repo"}:
            continue
        if "--noverifyssl" in command.words:
            yield Problem(
                parsed.path,
                command.number,
                "--noverifyssl takes packages from whoever answers",
                "remove it; give the mirror a certificate that the installer knows",
            )
        for name in _ADDRESSES:
            yield from _address(parsed, command.number, option(command, name) or "")
    yield from _groups(parsed)


def _address(parsed: Parsed, number: int, address: str) -> Iterator[Problem]:
    facts = FACTS[parsed.major]
    if facts.https_mirror and address.startswith(("http://", "ftp://")):
        yield Problem(
            parsed.path,
            number,
            f"{address} is not encrypted, and the installer checks no package signature",
            "use an https:// mirror",
        )
    if not facts.https_mirror and address.startswith("https://") and address:
        yield Problem(
            parsed.path,
            number,
            f"the installer of EL {parsed.major} opens the network by itself for http:// only, "
            f"not for {address}",
            f"give a http:// mirror in your own network: install.mirrors.centos-{parsed.major}",
        )


def _groups(parsed: Parsed) -> Iterator[Problem]:
    groups, environments = GROUPS[parsed.major], ENVIRONMENTS[parsed.major]
    for section in parsed.sections:
        if section.name != "%packages":
            continue
        for offset, line in enumerate(section.body, 1):
            name = line.split("#")[0].strip().split(" --")[0]
            if not name.startswith(("@", "-@")):
                continue
            name = name.lstrip("-").removeprefix("@")
            known = environments if name.startswith("^") else groups
            name = name.removeprefix("^")
            if name in known:
                continue
            close = get_close_matches(name, known, 1) or get_close_matches(
                name, groups | environments, 1
            )
            guess = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
            kind = "environment" if known is environments else "package group"
            yield Problem(
                parsed.path,
                section.number + offset,
                f"EL {parsed.major} has no {kind} {name}",
                guess,
            )
