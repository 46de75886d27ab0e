"""Debian's packages for the test images, from where the host's own apt takes them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

#: What the host says of its mirror besides the address; the rest of its configuration is its own.
_OPTIONS = re.compile(r'^Acquire::(?:Check-\S+|Retries|https?::\S+|ForceIPv[46]) ".*";$')


def _codename() -> str:
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.M)
    if found is None or not re.search(r"^ID=debian$", text, re.M):
        raise SystemExit("the test images are made from Debian's packages: run this on Debian")
    return found[1]


def sources(codename: str) -> str:
    """Give a sources.list for a release, with the addresses that the host uses for its own."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    own = _codename()
    lines = []
    for line in dict.fromkeys(listed.splitlines()):
        address, suite, component = line.split()
        if suite.split("-")[0] == own and component == "main":
            lines.append(f"deb {address} {suite.replace(own, codename, 1)} main\n")
    if not lines:
        raise SystemExit(f"apt of this machine has no source of {own}; run: apt-get update")
    return "".join(lines)


def options() -> tuple[str, ...]:
    """Give the host's settings for reaching its mirror."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True)
    return tuple(line for line in dump.stdout.splitlines() if _OPTIONS.match(line))
