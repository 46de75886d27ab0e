"""OEMDRV media: the kickstart beside the vendor's unmodified, signed boot medium.

Anaconda (EL 7 and later) loads ``/ks.cfg`` by itself from any volume labelled ``OEMDRV``
(dracut module ``anaconda``, ``kickstart-genrules.sh``). Nothing of the vendor's medium is
touched, so Secure Boot and its media check stay whole.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from iso_builder.atomic import atomic_output
from iso_builder.clock import media_time
from iso_builder.errors import MediaError
from iso_builder.fat import FatTree
from iso_builder.fat.volume import NOT_BOOTABLE
from iso_builder.key import write_key
from iso_builder.programs import run_program
from iso_builder.sources import Data

LABEL = "OEMDRV"
KICKSTART = "/ks.cfg"
OemdrvKind = Literal["stick", "iso"]
_SLACK = 256 << 10
#: Kickstarts hold password hashes: the image is for its owner only.
_MODE = 0o600


@dataclass(frozen=True)
class OemdrvResult:
    """What was built. ``size`` is in bytes, ``sha256`` that of the whole image."""

    out: Path
    kind: OemdrvKind
    size: int
    sha256: str


def build_oemdrv(out: Path, files: Mapping[str, bytes], *, kind: OemdrvKind) -> OemdrvResult:
    """Write an OEMDRV medium: ``stick`` for a USB key, ``iso`` for a virtual or real CD.

    ``files`` maps absolute POSIX paths to content and holds ``/ks.cfg``. The same files give
    the same bytes (see :func:`iso_builder.clock.media_time`).

    :raises MediaError: without ``/ks.cfg``, for names that FAT or ISO cannot hold, or when
        ``out`` cannot be written.
    """
    if KICKSTART not in files:
        raise MediaError(
            f"an OEMDRV medium needs {KICKSTART}: Anaconda loads no other name",
            f"name one of the files {KICKSTART}",
        )
    # An ISO is held to the rules of FAT as well: the two kinds stay exchangeable.
    tree = FatTree({path: Data(content) for path, content in files.items()})
    with atomic_output(out, mode=_MODE) as part:
        if kind == "stick":
            write_key(
                part,
                tree,
                label=LABEL,
                boot_code=NOT_BOOTABLE,
                active=False,
                timestamp=media_time(),
                slack=_SLACK,
            )
        else:
            _write_iso(part, tree)
        with part.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        size = part.stat().st_size
    return OemdrvResult(out, kind, size, digest)


def _write_iso(part: Path, tree: FatTree) -> None:
    with tempfile.TemporaryDirectory(prefix="b2ct-oemdrv-") as name:
        folder = Path(name)
        for file in tree.files():
            assert isinstance(file.source, Data)
            place = folder / file.path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.source.content)
        # The dates of the volume come from SOURCE_DATE_EPOCH, those of files from the option.
        moment = datetime.fromtimestamp(media_time(), UTC).strftime("%Y%m%d%H%M%S00")
        run_program(
            [
                "xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long",
                "-iso-level", "3", "-V", LABEL, "--set_all_file_dates", moment,
                "-o", str(part), str(folder),
            ],
            {"SOURCE_DATE_EPOCH": str(media_time())},
        )  # fmt: skip
