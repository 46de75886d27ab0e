"""Which module writes and judges the answer files of which installer."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from b2ct.errors import B2ctError, Problem
from b2ct.model import Family, Release, ResolvedNode, Site
from b2ct.render.rendered import Hashes, Rendered


class Installer(Protocol):
    """What a family's module offers. All of it is pure: text in, text out."""

    #: Ending of the file name, without the dot.
    SUFFIX: str

    def node_text(self, site: Site, node: ResolvedNode, hashes: Hashes) -> str:
        """Write the answer file of one node."""

    def site_text(self, site: Site, release: Release, hashes: Hashes) -> str:
        """Write the one answer file that serves every node of ``release``."""

    def problems(self, rendered: Rendered) -> tuple[Problem, ...]:
        """Judge a finished text: syntax for its release, then meaning."""


#: Imported on use: Debian's validator must not load pykickstart, nor the reverse.
_MODULES = {Family.EL: "b2ct.render.el", Family.DEBIAN: "b2ct.render.debian"}


def installer(release: Release) -> Installer:
    """Give the module for the installer of ``release``."""
    name = _MODULES[release.family]
    try:
        return cast(Installer, importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise B2ctError(f"{release.title}: this version of b2ct writes no answer file") from None
