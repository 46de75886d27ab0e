"""UEFI side of the stand-ins: loaders from Debian's packages and the FAT image that holds them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

GRUB_EFI = Path("/usr/lib/grub/x86_64-efi")
GRUB_SIGNED = Path("/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed")
SHIM = Path("/usr/lib/shim")
#: What the vendors build into gcdx64.efi, as far as Debian has it.
_MODULES = (
    "all_video boot cat chain configfile echo efi_gop efi_uga ext2 fat font gfxmenu gfxterm gzio "
    "halt iso9660 jpeg linux linuxefi loadenv loopback minicmd normal part_gpt part_msdos png "
    "reboot regexp search search_fs_file search_fs_uuid search_label serial sleep test true "
    "video video_bochs video_cirrus"
)
#: The files of a FAT image are rounded up to this (pylorax.imgutils.estimate_size).
_FAT_BLOCK = 2048


def grub_efi(out: Path, *, early: str = "", modules: tuple[str, ...] = ()) -> None:
    """Build a GRUB 2 for x86_64 UEFI with the vendors' prefix /EFI/BOOT.

    ``early`` is a configuration that runs in place of ``/EFI/BOOT/grub.cfg``.
    """
    names = [name for name in (*_MODULES.split(), *modules) if (GRUB_EFI / f"{name}.mod").exists()]
    argv = ["grub-mkimage", "-O", "x86_64-efi", "-o", str(out), "-p", "/EFI/BOOT"]
    if early:
        script = out.with_suffix(".early")
        script.write_text(early)
        argv += ["-c", str(script)]
    subprocess.run([*argv, *names], check=True)
    if early:
        script.unlink()


def modern_loaders(folder: Path, *, signed: bool) -> None:
    """Fill EFI/BOOT of EL 7 to 10 except its configuration: shim, MokManager, grub, font."""
    shutil.copyfile(SHIM / "shimx64.efi.signed", folder / "BOOTX64.EFI")
    shutil.copyfile(SHIM / "mmx64.efi.signed", folder / "mmx64.efi")
    if signed:
        shutil.copyfile(GRUB_SIGNED, folder / "grubx64.efi")
    else:
        grub_efi(folder / "grubx64.efi")
    (folder / "fonts").mkdir()
    shutil.copyfile("/usr/share/grub/ascii.pf2", folder / "fonts" / "unicode.pf2")


def legacy_loader(folder: Path) -> None:
    """Fill EFI/BOOT of EL 6 except its configuration.

    No package has GRUB 0.97 for UEFI; a GRUB 2 that reads its language stands in, so that
    the text in BOOTX64.conf is what boots. It reads the copy beside the loaded program.
    """
    early = "legacy_configfile $cmdpath/BOOTX64.conf\n"
    grub_efi(folder / "BOOTX64.efi", early=early, modules=("legacycfg",))
    (folder / "splash.xpm.gz").write_bytes(b"\x1f\x8b\x08" + bytes(29))


def fat_image(tree: Path, image: Path, *, slack: int) -> None:
    """Write ``image``: a FAT labelled ANACONDA that holds ``tree`` as ``/EFI/BOOT``.

    ``slack`` is the room in bytes beyond the files, as small as the vendors leave it: an
    editor that writes into the image has no more than that.
    """
    size = slack
    for path in tree.rglob("*"):
        size += -(-path.stat().st_size // _FAT_BLOCK) * _FAT_BLOCK
    argv = ["mkfs.msdos", "-n", "ANACONDA", "-i", "b2c7b2c7", "-C", str(image)]
    subprocess.run([*argv, str(-(-size // 1024))], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mmd", "-i", str(image), "::/EFI"], check=True)
    subprocess.run(["mcopy", "-s", "-m", "-i", str(image), str(tree), "::/EFI/BOOT"], check=True)
