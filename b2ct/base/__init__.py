"""Base media: the vendors' install ISOs and Debian's packaged installer, verified before use."""

from b2ct.base.catalogue import BaseKind
from b2ct.base.resolve import NetbootFiles, VerifiedBase, resolve_base

__all__ = ["BaseKind", "NetbootFiles", "VerifiedBase", "resolve_base"]
