"""How long media take to make, against their physical limit: `cp` of the same base.

    .venv/bin/python benchmarks/media.py [--mib 950] [--rounds 5]

The base is an ISO of about 1 GB laid out as the vendors' are; it lies in the page cache, as
after its verification. Every case starts its own process, Python's start included. The
builders sync what they wrote before they name it; `cp` does not, so that both `cp` and `cp`
with a sync are shown.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.measure import Case, measure, python, table  # noqa: E402

_PLAN = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
base, out = Path(sys.argv[2]), Path(os.environ["OUT"])
from iso_builder.plan import BootEntry, MediaPlan
plan = MediaPlan("B2CT-BENCH", "Benchmark", (BootEntry("auto", "Install", "/b2ct/site.ks"),),
                 {"/b2ct/site.ks": b"# kickstart\\n" * 2000})
"""
_USB = (
    _PLAN
    + """
from iso_builder.usb import build_usb_image
build_usb_image(base, out / "key.img", plan)
"""
)
_ISO = (
    _PLAN
    + """
from iso_builder.build import build_iso
build_iso(base, out / "install.iso", plan, media_check=MEDIA_CHECK)
"""
)
#: What mkksiso calls to add files to an ISO, and to implant the MD5 afterwards.
_REMASTER = r"""
set -eu
seq 2000 > "$OUT/site.ks"
xorriso -indev "$1" -outdev "$OUT/install.iso" -boot_image any replay \
    -volid B2CT-BENCH -map "$OUT/site.ks" /site.ks >/dev/null 2>&1
"""
_IMPLANT = r"""
implantisomd5 --force "$OUT/install.iso" >/dev/null
"""
#: What others do: extract the ISO, format an image, copy the files in.
_MCOPY = r"""
set -eu
export PATH="$PATH:/usr/sbin:/sbin" MTOOLS_SKIP_CHECK=1
mkdir "$OUT/tree"
xorriso -osirrox on -indev "$1" -extract / "$OUT/tree" >/dev/null 2>&1
chmod -R u+w "$OUT/tree"
truncate -s "$2" "$OUT/key.img"
mkfs.vfat -F 32 -n B2CT-BENCH --offset 2048 "$OUT/key.img" >/dev/null
mcopy -s -Q -i "$OUT/key.img@@1M" "$OUT/tree/EFI" "$OUT/tree/images" ::
syslinux --offset 1048576 --install "$OUT/key.img"
sync "$OUT/key.img"
"""


def cases(base: Path) -> list[Case]:
    """Give what is measured on ``base``."""
    size = str(base.stat().st_size + (128 << 20))
    root = str(ROOT)
    return [
        Case("cp", ("sh", "-c", 'cp --reflink=never "$1" "$OUT/copy"', "sh", str(base))),
        Case(
            "cp and sync",
            (
                "sh",
                "-c",
                'cp --reflink=never "$1" "$OUT/copy" && sync "$OUT/copy"',
                "sh",
                str(base),
            ),
            ("cp",),
        ),
        Case("MD5 pass", ("sh", "-c", 'md5sum "$1" >"$OUT/md5"', "sh", str(base)), ("cp",)),
        Case(
            "ISO without media check",
            python(_ISO.replace("MEDIA_CHECK", "False"), root, base),
            ("cp",),
            1.6,
        ),
        Case(
            "ISO", python(_ISO.replace("MEDIA_CHECK", "True"), root, base), ("cp", "MD5 pass"), 1.25
        ),
        Case(
            "ISO by xorriso's full remaster, no MD5",
            ("sh", "-c", _REMASTER, "sh", str(base)),
            ("cp",),
        ),
        Case(
            "ISO by xorriso's full remaster and implantisomd5",
            ("sh", "-c", _REMASTER + _IMPLANT, "sh", str(base)),
            ("cp", "MD5 pass"),
        ),
        Case("USB image", python(_USB, root, base), ("cp",), 3.0),
        Case(
            "USB image by extraction and mcopy",
            ("sh", "-c", _MCOPY, "sh", str(base), size),
            ("cp",),
        ),
    ]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=950, help="size of the second stage")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where to work (3 GB free)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="b2ct-bench-", dir=options.folder) as name:
        work = Path(name)
        base = work / "base.iso"
        # In a process of its own: the measured ones inherit nothing of its memory.
        make = python(
            "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
            "from tests.media.bases import make_base\n"
            "make_base('el9', Path(sys.argv[2]), payload_mib=int(sys.argv[3]))",
            ROOT, base, str(options.mib),
        )  # fmt: skip
        if os.spawnvp(os.P_WAIT, make[0], list(make)):
            raise SystemExit("the base cannot be made: run make setup-test first")
        out = work / "out"
        out.mkdir()

        def warm() -> None:
            with base.open("rb", buffering=0) as handle:
                while handle.read(8 << 20):
                    pass

        results = measure(cases(base), out, rounds=options.rounds, before=warm)
        size = base.stat().st_size
    print(f"Base of {size / 1e6:.0f} MB; {os.cpu_count()} cores, {platform.machine()}; "
          f"load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print(table(results))


if __name__ == "__main__":
    main()
