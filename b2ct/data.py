"""Where packaged data lies: the only module that knows.

In a checkout the folders stand in the repository's root; in a wheel they lie below
``b2ct/_data``, and those of the Ansible collection where Ansible finds it (see
tools/build_hook.py).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from b2ct.errors import B2ctError

_PACKAGE = Path(__file__).resolve().parent


@cache
def data_folder(name: str) -> Path:
    """Give the folder ``name`` (``kickstart_templates``, ``inventories/example``)."""
    return _first(name, _PACKAGE / "_data", _PACKAGE.parent)


@cache
def collection_folder(name: str) -> Path:
    """Give the folder ``name`` of the Ansible collection (``playbooks``, ``roles``)."""
    return _first(name, _PACKAGE.parent / "ansible_collections/b2ct/cloud", _PACKAGE.parent)


def _first(name: str, *roots: Path) -> Path:
    for root in roots:
        folder = root / name
        if folder.is_dir():
            return folder
    raise B2ctError(
        f"this installation of b2ct lacks its folder {name}",
        "install b2ct again: pip install --force-reinstall b2ct",
    )
