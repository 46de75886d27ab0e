"""Which OpenNebula packages are tested: those of a real repository, or the tests' own.

Usage: python -m tests.opennebula.which
"""

from __future__ import annotations

import os

VARIABLE = "B2CT_TEST_OPENNEBULA_REPO"


def told() -> str:
    """Say it in a line, for every test report."""
    real = os.environ.get(VARIABLE)
    if real:
        return f"OpenNebula packages: those of {real}"
    return f"OpenNebula packages: the tests' own, with a double of oned ({VARIABLE} is not set)"


if __name__ == "__main__":
    print(told())
