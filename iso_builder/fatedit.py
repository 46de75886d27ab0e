"""Change files in a FAT volume inside an image, with mtools."""

from __future__ import annotations

from collections.abc import Mapping

from iso_builder.errors import MediaError
from iso_builder.fatread import FatVolume
from iso_builder.programs import run_program

_LIMIT_S = 60


def check_room(fat: FatVolume, contents: Mapping[str, bytes]) -> None:
    """Refuse contents that do not fit; the room of the files that they replace counts."""

    def clusters(size: int) -> int:
        return -(-size // fat.cluster) * fat.cluster

    free = fat.free + sum(clusters(fat.files[p].size) for p in contents if p in fat.files)
    needed = sum(clusters(len(content)) for content in contents.values())
    if needed > free:
        raise MediaError(
            f"the menus need {needed} bytes in the EFI boot image, which has {free} free",
            "build media for fewer nodes each, or shorten titles and arguments",
        )


def replace_files(part: int, fat: FatVolume, contents: Mapping[str, bytes], epoch: int) -> None:
    """Replace the content of files of the volume in the open file ``part``."""
    check_room(fat, contents)
    # By descriptor: mtools takes @@ and other characters of a path for its own syntax.
    image = f"/proc/self/fd/{part}@@{fat.extent.offset}"
    environment = {
        "MTOOLS_SKIP_CHECK": "1",
        "MTOOLSRC": "/dev/null",
        "SOURCE_DATE_EPOCH": str(max(epoch, 315_532_800)),
        "TZ": "UTC",
    }
    for path, content in contents.items():
        run_program(
            ["mcopy", "-D", "o", "-i", image, "-", f"::{path}"],
            environment,
            content=content,
            files=(part,),
            limit_s=_LIMIT_S,
        )
