"""The kickstart fragments that our %pre writes: see :mod:`b2ct.render.fragments`."""

from b2ct.render.fragments import (
    FOLDER,
    VARIANTS,
    FragmentSet,
    NumberedLine,
    fill_gaps,
    fragment_sets,
    gaps,
    kept,
)

__all__ = [
    "FOLDER",
    "VARIANTS",
    "FragmentSet",
    "NumberedLine",
    "fill_gaps",
    "fragment_sets",
    "gaps",
    "kept",
]
