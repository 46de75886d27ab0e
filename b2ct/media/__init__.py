"""From a site and its rendered texts to what iso_builder puts on a medium.

This is where the two halves meet: :mod:`b2ct.render` knows texts, :mod:`iso_builder` knows
bytes, and neither knows the other.
"""

from b2ct.media.manifest import Manifest, write_manifest
from b2ct.media.plan import (
    Selection,
    kickstart_plan,
    oemdrv_files,
    require_release,
    select_nodes,
)

__all__ = [
    "Manifest",
    "Selection",
    "kickstart_plan",
    "oemdrv_files",
    "require_release",
    "select_nodes",
    "write_manifest",
]
