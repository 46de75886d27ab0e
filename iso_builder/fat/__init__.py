"""Write FAT16 and FAT32 file systems into an image file, without root, mounts or mkfs.

The content is known before the first byte is written, so every file and folder gets one
contiguous run of clusters and nothing is ever rewritten. Source of the format: Microsoft,
"FAT: General Overview of On-Disk Format" 1.03 (the numbers of its sections are not cited).
"""

from iso_builder.fat.geometry import Geometry, choose_geometry
from iso_builder.fat.names import label_problem
from iso_builder.fat.tree import FatTree
from iso_builder.fat.volume import write_volume

__all__ = ["FatTree", "Geometry", "choose_geometry", "label_problem", "write_volume"]
