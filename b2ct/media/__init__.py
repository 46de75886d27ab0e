"""From a site and its rendered texts to what iso_builder puts on a medium.

This is where the two halves meet: :mod:`b2ct.render` knows texts, :mod:`iso_builder` knows
bytes, and neither knows the other.
"""

from b2ct.media.manifest import Manifest, tool_versions, write_manifest
from b2ct.media.plan import (
    Selection,
    kickstart_plan,
    menu,
    oemdrv_files,
    oemdrv_releases,
    render_selection,
    require_release,
    select_nodes,
)

__all__ = [
    "Manifest",
    "Selection",
    "kickstart_plan",
    "menu",
    "oemdrv_files",
    "oemdrv_releases",
    "render_selection",
    "require_release",
    "select_nodes",
    "tool_versions",
    "write_manifest",
]
