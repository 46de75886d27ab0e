"""Which OpenNebula packages are tested: those of a real repository, or the tests' own.

Usage: python -m tests.opennebula.which [address|key|fingerprint|folder|version]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "B2CT_TEST_OPENNEBULA_REPO"
#: Where the scenarios' container serves a folder.
SERVED = "https://packages.scenario.example.org/repo"


def told() -> str:
    """Say it in a line, for every test report."""
    named = os.environ.get(VARIABLE)
    if named:
        return f"OpenNebula packages: those of {named}"
    return f"OpenNebula packages: the tests' own, with a double of oned ({VARIABLE} is not set)"


def is_real() -> bool:
    """Whether the packages are OpenNebula itself."""
    return bool(os.environ.get(VARIABLE))


def folder() -> Path | None:
    """Give the folder that holds the packages; none where an address was named."""
    from tests.opennebula.build import build

    named = os.environ.get(VARIABLE)
    if not named:
        return build() / "repo"
    if named.startswith("https://"):
        return None
    path = Path(named)
    if not (path / "repo2.key").is_file():
        raise SystemExit(f"{VARIABLE}: {path} is no https:// address, and holds no repo2.key")
    return path.resolve()


def fingerprint() -> str:
    """Give the fingerprint of the key that signed the packages."""
    from tests.opennebula.build import build

    if given := os.environ.get("B2CT_TEST_OPENNEBULA_FINGERPRINT"):
        return given
    if is_real():
        raise SystemExit(f"{VARIABLE} wants B2CT_TEST_OPENNEBULA_FINGERPRINT beside it")
    return (build() / "fingerprint").read_text()


def answer(question: str) -> str:
    """Answer an inventory of the scenarios."""
    named = os.environ.get(VARIABLE, "")
    address = named if named.startswith("https://") else SERVED
    match question:
        case "address":
            return address
        case "key":
            return os.environ.get("B2CT_TEST_OPENNEBULA_KEY") or f"{address}/repo2.key"
        case "fingerprint":
            return fingerprint()
        case "folder":
            return str(folder() or "")
        case "version":
            return os.environ.get("B2CT_TEST_OPENNEBULA_VERSION") or "7.0"
    raise SystemExit(f"{question}: ask for address, key, fingerprint, folder or version")


if __name__ == "__main__":
    print(answer(sys.argv[1]) if sys.argv[1:] else told())
