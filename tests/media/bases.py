"""Base ISOs laid out as the vendors' boot ISOs, made from Debian's packages.

The recipes (programs, options, order) are those of lorax's x86 templates for EL 7 to 10 and
of Anaconda's mk-images for EL 6; kernel, initrd and second stage are stand-ins.

    base = make_base("el9", tmp_path / "el9.iso")            # your own copy, a few ms
    base = cached_base("el9")                                # shared: never write to it
    make_base("el10", path, payload_mib=900)                 # the size of a real boot ISO
    make_base("el7", path, kernel=kernel_image(), initrd=probe_initrd(), console="ttyS0")
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.media import boot_texts, efi_boot
from tests.media.boot_texts import MenuFacts

Style = Literal["el6", "el7", "el8", "el9", "el10"]
#: The four layouts; "el8" shares that of "el7" but has the modern file names and arguments.
LAYOUTS: tuple[Style, ...] = ("el6", "el7", "el9", "el10")
STYLES: tuple[Style, ...] = ("el6", "el7", "el8", "el9", "el10")

CACHE = Path(__file__).parents[2] / "build" / "test-bases"
SYSLINUX = Path("/usr/lib/syslinux/modules/bios")
ISOLINUX = Path("/usr/lib/ISOLINUX")
GRUB_PC = Path("/usr/lib/grub/i386-pc")
#: Room left in the FAT image: EL 6 adds 100 KiB, lorax 256 blocks of 2 KiB.
_SLACK_EL6, _SLACK_LORAX = 100 << 10, 256 * 2048
#: Bigger bases are not kept.
_CACHED_UP_TO_MIB = 64


@dataclass(frozen=True)
class BaseInfo:
    """What a style's medium is called and where its second stage is."""

    product: str
    version: str
    label: str
    stage2: str


INFO: dict[Style, BaseInfo] = {
    "el6": BaseInfo("CentOS", "6.7", "CentOS", "images/install.img"),
    "el7": BaseInfo("CentOS", "7", "CentOS 7 x86_64", "LiveOS/squashfs.img"),
    "el8": BaseInfo("AlmaLinux", "8.10", "AlmaLinux-8-10-x86_64-boot", "images/install.img"),
    "el9": BaseInfo("AlmaLinux", "9.6", "AlmaLinux-9-6-x86_64-boot", "images/install.img"),
    "el10": BaseInfo("AlmaLinux", "10.0", "AlmaLinux-10-0-x86_64-boot", "images/install.img"),
}


@dataclass(frozen=True)
class Recipe:
    """Everything a base medium is made from."""

    style: Style
    payload_mib: int = 2
    kernel: Path | None = None
    initrd: Path | None = None
    media_check: bool = True
    console: str | None = None
    timeout_s: int = 60
    label: str | None = None
    signed: bool = False

    @property
    def info(self) -> BaseInfo:
        """The style's fixed facts."""
        return INFO[self.style]

    @property
    def volume_id(self) -> str:
        """Label of the ISO."""
        return self.label or self.info.label

    @property
    def menu(self) -> MenuFacts:
        """What the menu texts need."""
        return MenuFacts(
            self.info.product, self.info.version, self.volume_id, self.timeout_s, self.console
        )

    def key(self) -> str:
        """Hash of all that decides the result: values, sources, makers and Debian's files."""
        facts = (self.style, self.payload_mib, self.media_check, self.signed)
        digest = hashlib.sha256(repr(facts).encode())
        digest.update(repr(self.menu).encode())
        folder = Path(__file__).parent
        for source in (Path(__file__), folder / "boot_texts.py", folder / "efi_boot.py"):
            digest.update(source.read_bytes())
        inputs = (
            self.kernel,
            self.initrd,
            ISOLINUX / "isolinux.bin",
            GRUB_PC / "boot_hybrid.img",
            efi_boot.GRUB_EFI / "kernel.img",
            efi_boot.SHIM / "shimx64.efi.signed",
            efi_boot.GRUB_SIGNED,
        )
        for path in inputs:
            state = path.stat() if path else None
            digest.update(repr((path, state and (state.st_size, state.st_mtime_ns))).encode())
        return digest.hexdigest()[:24]


def make_base(
    style: Style,
    out: Path,
    *,
    payload_mib: int = 2,
    kernel: Path | None = None,
    initrd: Path | None = None,
    media_check: bool = True,
    console: str | None = None,
    timeout_s: int = 60,
    label: str | None = None,
    signed: bool = False,
) -> Path:
    """Write the base ISO of ``style`` to ``out`` and return ``out``.

    ``payload_mib`` is the size of the second stage (incompressible); without ``kernel`` and
    ``initrd`` small dummies are used, which boot nothing. ``console`` is appended to each
    kernel line as ``console=…``. ``media_check`` implants the MD5 as the vendors do.

    ``signed`` (EL 8 to 10) uses Debian's signed grub, so that with Debian's signed kernel the
    medium starts under Secure Boot. That grub looks for its configuration in /boot/grub; the
    tree has one there that goes on to the vendors' place.

    The label of "el7" has spaces, as CentOS 7 has. Red Hat's grub hands the ``\\x20`` of
    ``inst.stage2`` on to the kernel, Debian's drops the backslash: booted unmodified in UEFI,
    "el7" needs a ``label`` without spaces.
    """
    recipe = Recipe(
        style, payload_mib, kernel, initrd, media_check, console, timeout_s, label, signed
    )
    if payload_mib > _CACHED_UP_TO_MIB:
        _write(recipe, out)
    else:
        shutil.copyfile(_cached(recipe), out)
    return out


def cached_base(
    style: Style,
    *,
    payload_mib: int = 2,
    kernel: Path | None = None,
    initrd: Path | None = None,
    media_check: bool = True,
    console: str | None = None,
    timeout_s: int = 60,
    label: str | None = None,
    signed: bool = False,
) -> Path:
    """Like :func:`make_base`, but return the shared, write-protected file itself."""
    return _cached(
        Recipe(style, payload_mib, kernel, initrd, media_check, console, timeout_s, label, signed)
    )


def make_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the cached file ``name``, made by ``make(path)`` once across all processes."""
    target = CACHE / name
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            part = CACHE / f".{name}.part"
            part.unlink(missing_ok=True)
            make(part)
            part.chmod(0o444)
            part.rename(target)
    return target


def _cached(recipe: Recipe) -> Path:
    name = f"{recipe.style}-{recipe.key()}.iso"
    return make_once(name, lambda part: _write(recipe, part))


def _write(recipe: Recipe, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".base-", dir=out.parent) as scratch:
        tree = Path(scratch) / "tree"
        _common_tree(recipe, tree)
        makers = {"el6": _finish_el6, "el9": _finish_el9, "el10": _finish_el10}
        makers.get(recipe.style, _finish_el7)(recipe, tree, out)
    if recipe.media_check:
        _quiet(["implantisomd5", "--force", str(out)])


def _common_tree(recipe: Recipe, tree: Path) -> None:
    info = recipe.info
    (tree / "images/pxeboot").mkdir(parents=True)
    (tree / "EFI/BOOT").mkdir(parents=True)
    for name, given in (("vmlinuz", recipe.kernel), ("initrd.img", recipe.initrd)):
        target = tree / "images/pxeboot" / name
        if given:
            shutil.copyfile(given, target)
        else:
            target.write_bytes(random.Random(f"{recipe.style} {name}").randbytes(256 << 10))
    (tree / info.stage2).parent.mkdir(parents=True, exist_ok=True)
    dice = random.Random(f"{recipe.style} stage2")
    with (tree / info.stage2).open("wb") as stage2:
        for _ in range(recipe.payload_mib):
            stage2.write(dice.randbytes(1 << 20))
    (tree / ".discinfo").write_text(f"1700000000.000000\n{info.version}\nx86_64\n")
    # lorax's boot.iso has no .treeinfo; the vendors' DVDs, which are bases as well, have one.
    (tree / ".treeinfo").write_text(
        f"[general]\nname = {info.product}-{info.version}\nfamily = {info.product}\n"
        f"timestamp = 1700000000.0\nvariant = \nversion = {info.version}\npackagedir = \n"
        f"arch = x86_64\n\n[stage2]\nmainimage = {info.stage2}\n\n[images-x86_64]\n"
        "kernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n"
        "boot.iso = images/boot.iso\n"
    )


def _isolinux_folder(recipe: Recipe, tree: Path, config: str) -> None:
    folder = tree / "isolinux"
    folder.mkdir()
    shutil.copyfile(ISOLINUX / "isolinux.bin", folder / "isolinux.bin")
    # Debian's isolinux is version 6, which needs the last three; EL 6 and 7 ship version 4.
    for name in ("vesamenu.c32", "ldlinux.c32", "libcom32.c32", "libutil.c32"):
        shutil.copyfile(SYSLINUX / name, folder / name)
    for name in ("vmlinuz", "initrd.img"):
        os.link(tree / "images/pxeboot" / name, folder / name)
    (folder / "isolinux.cfg").write_text(config)
    (folder / "boot.msg").write_bytes(
        b"\x0c\n\x18splash.lss\n\n -  Press the \x0f01<ENTER>\x0f07 key to begin.\n\n"
    )
    (folder / "memtest").write_bytes(bytes(2048))
    if recipe.style != "el6":
        # lorax leaves this one's place holders as they are; nothing boots it.
        (folder / "grub.conf").write_text(
            "#debug --graphics\ndefault=1\nsplashimage=@SPLASHPATH@\ntimeout 60\nhiddenmenu\n"
            f"title Install {recipe.menu.title}\n\tfindiso\n\tkernel @KERNELPATH@ @ROOT@ quiet\n"
            "\tinitrd @INITRDPATH@\n"
        )


def _finish_el6(recipe: Recipe, tree: Path, out: Path) -> None:
    _isolinux_folder(recipe, tree, boot_texts.isolinux_el6(recipe.menu))
    efi = tree / "EFI/BOOT"
    efi_boot.legacy_loader(efi)
    (efi / "BOOTX64.conf").write_text(boot_texts.grub_legacy_el6(recipe.menu))
    efi_boot.fat_image(efi, tree / "images/efiboot.img", slack=_SLACK_EL6)
    _genisoimage(recipe, tree, out)
    _quiet(["isohybrid", str(out)])


def _finish_el7(recipe: Recipe, tree: Path, out: Path) -> None:
    rescue = "rescue" if recipe.style == "el7" else "inst.rescue"
    config = boot_texts.isolinux_el7_to_el9(recipe.menu, rescue=rescue, fips=False)
    _isolinux_folder(recipe, tree, config)
    _modern_efi(recipe, tree, tree / "images/efiboot.img", command="linuxefi", rescue=rescue)
    _genisoimage(recipe, tree, out)
    _quiet(["isohybrid", "--uefi", str(out)])


def _finish_el9(recipe: Recipe, tree: Path, out: Path) -> None:
    config = boot_texts.isolinux_el7_to_el9(recipe.menu, rescue="inst.rescue", fips=True)
    _isolinux_folder(recipe, tree, config)
    _modern_efi(recipe, tree, tree / "images/efiboot.img", command="linuxefi", rescue="inst.rescue")
    argv = ["xorrisofs", "-o", str(out), "-isohybrid-mbr", str(ISOLINUX / "isohdpfx.bin")]
    argv += ["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat"]
    argv += ["-boot-load-size", "4", "-boot-info-table", "-no-emul-boot"]
    argv += ["-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot"]
    argv += ["-isohybrid-gpt-basdat", "-R", "-J", "-V", recipe.volume_id, str(tree)]
    _quiet(argv)


def _finish_el10(recipe: Recipe, tree: Path, out: Path) -> None:
    menu = recipe.menu
    grub = tree / "boot/grub2"
    grub.mkdir(parents=True)
    text = boot_texts.grub2(menu, command="linux", rescue="inst.rescue", fips=True, bios=True)
    (grub / "grub.cfg").write_text(text)
    shutil.copytree(GRUB_PC, grub / "i386-pc", ignore=shutil.ignore_patterns("*.module"))
    # The appended image is outside the tree, as on the vendors' media.
    efi_image = tree.parent / "efiboot.img"
    _modern_efi(recipe, tree, efi_image, command="linux", rescue="inst.rescue")
    argv = ["grub-mkimage", "-O", "i386-pc-eltorito", "-d", str(GRUB_PC), "-p", "/boot/grub2"]
    _quiet([*argv, "-o", str(tree / "images/eltorito.img"), "iso9660", "biosdisk"])
    argv = ["xorrisofs", "-o", str(out), "-R", "-J", "-V", recipe.volume_id]
    argv += ["--grub2-mbr", str(GRUB_PC / "boot_hybrid.img"), "-partition_offset", "16"]
    argv += ["-appended_part_as_gpt", "-append_partition", "2"]
    argv += ["C12A7328-F81F-11D2-BA4B-00A0C93EC93B", str(efi_image)]
    argv += ["-iso_mbr_part_type", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"]
    argv += ["-c", "boot.cat", "--boot-catalog-hide", "-b", "images/eltorito.img"]
    argv += ["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info"]
    argv += ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::"]
    _quiet([*argv, "-no-emul-boot", str(tree)])


def _modern_efi(recipe: Recipe, tree: Path, image: Path, *, command: str, rescue: str) -> None:
    efi = tree / "EFI/BOOT"
    efi_boot.modern_loaders(efi, signed=recipe.signed)
    if recipe.signed:
        (tree / "boot/grub").mkdir(parents=True)
        (tree / "boot/grub/grub.cfg").write_text("configfile $cmdpath/grub.cfg\n")
        (tree / ".disk").mkdir()
        (tree / ".disk/info").write_text(f"{recipe.menu.title}\n")
    fips = recipe.style in {"el9", "el10"}
    text = boot_texts.grub2(recipe.menu, command=command, rescue=rescue, fips=fips)
    (efi / "grub.cfg").write_text(text)
    if recipe.style in {"el8", "el9"}:
        # The copy that the 32-bit loader of early Macs reads.
        (efi / "BOOT.conf").write_text(text)
    efi_boot.fat_image(efi, image, slack=_SLACK_LORAX)


def _genisoimage(recipe: Recipe, tree: Path, out: Path) -> None:
    argv = ["genisoimage", "-quiet", "-o", str(out), "-b", "isolinux/isolinux.bin"]
    argv += ["-c", "isolinux/boot.cat", "-boot-load-size", "4", "-boot-info-table"]
    argv += ["-no-emul-boot", "-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot"]
    _quiet([*argv, "-R", "-J", "-V", recipe.volume_id, "-T", str(tree)])


def _quiet(argv: list[str]) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} failed: {done.stderr.strip()}")
