"""A key that installs Debian, made of the packaged installer: its kernel, initrd and loaders.

The preseed travels as a second archive behind the installer's initrd: the installer finds
/preseed.cfg there by itself, in BIOS and UEFI alike, before it asks anything.
"""

from __future__ import annotations

from pathlib import Path

from b2ct.base.resolve import NetbootFiles, VerifiedBase
from b2ct.errors import B2ctError
from b2ct.media.manifest import Manifest
from b2ct.media.plan import KICKSTART_DIR, MANIFEST_PATH, Selection, menu, select_nodes
from b2ct.media.wanted import Wanted
from b2ct.model import RELEASES, Family, ReleaseId, Site
from b2ct.render import Rendered
from b2ct.render.debian.facts import INSTALLER_ARGUMENTS, PRESEED_PATH, RESCUE_ARGUMENTS
from iso_builder.cpio import newc
from iso_builder.plan import MediaPlan
from iso_builder.progress import Progress, silent
from iso_builder.sources import Source, whole_file
from iso_builder.usb import UsbResult, build_usb_from_files

_NETBOOT = "-netboot"
#: Where the packaged installer has its files, and its signed GRUB its configuration.
_INSTALLER = "/debian-installer/amd64"
_KERNEL, _INITRD = f"{_INSTALLER}/linux", f"{_INSTALLER}/initrd.gz"
_GRUB_CONFIG = f"{_INSTALLER}/grub/grub.cfg"


def select_debian(site: Site, wanted: Wanted, base: VerifiedBase) -> Selection:
    """Choose the nodes that a packaged installer installs: those of its own release."""
    own = base.id.removesuffix(_NETBOOT) if base.id else ""
    if own not in set(ReleaseId) or RELEASES[ReleaseId(own)].family is not Family.DEBIAN:
        raise B2ctError(f"{base.name} is no installer of a release that b2ct knows")
    release = ReleaseId(own)
    if wanted.release not in (None, release):
        raise B2ctError(
            f"the base is {base.id}, but --release says {wanted.release}",
            f"use --base {wanted.release}{_NETBOOT}",
        )
    if wanted.everything:
        return select_nodes(site, (), everything=True, release=release)
    selection = select_nodes(site, wanted.nodes, everything=False)
    if selection.release.id is not release:
        raise B2ctError(
            f"the base is {base.id}, but {selection.nodes[0].name} is installed with "
            f"{selection.release.id}",
            _right_base(selection),
        )
    return selection


def _right_base(selection: Selection) -> str:
    ident = selection.release.id
    return f"use --base {ident}{_NETBOOT if selection.release.family is Family.DEBIAN else ''}"


def archive_path(rendered: Rendered) -> str:
    """Name the archive on the key that carries the preseed into the installer."""
    return f"{KICKSTART_DIR}/{Path(rendered.path).stem}.img"


def preseed_archive(rendered: Rendered) -> bytes:
    """Pack the preseed as what the kernel unpacks over the installer's initrd."""
    return newc({PRESEED_PATH: rendered.text.encode()})


def debian_plan(selection: Selection, rendered: Rendered, manifest: Manifest) -> MediaPlan:
    """Give the plan of a key that boots into the rendered preseed.

    The text lies beside its archive, so that an admin can read what the manifest names.
    """
    install = selection.site.install
    archive = archive_path(rendered)
    return MediaPlan(
        label=selection.site.site.label,
        title=selection.title,
        entries=menu(selection, None, (archive,)),
        files={
            archive: preseed_archive(rendered),
            f"{KICKSTART_DIR}/{rendered.path}": rendered.text.encode(),
            MANIFEST_PATH: manifest.text().encode(),
        },
        timeout_s=install.menu_timeout,
        serial=install.serial_console,
    )


def build_debian_key(
    netboot: NetbootFiles,
    out: Path,
    plan: MediaPlan,
    *,
    size: int | None = None,
    progress: Progress = silent,
) -> UsbResult:
    """Build the key of ``plan`` from the files of the packaged installer."""
    files: dict[str, Source] = {
        _KERNEL: whole_file(netboot.kernel),
        _INITRD: whole_file(netboot.initrd),
        "/EFI/BOOT/BOOTX64.EFI": whole_file(netboot.shim),
        "/EFI/BOOT/grubx64.efi": whole_file(netboot.grub),
    }
    return build_usb_from_files(
        files,
        out,
        plan,
        kernel=_KERNEL,
        initrd=_INITRD,
        grub_config=_GRUB_CONFIG,
        arguments=INSTALLER_ARGUMENTS,
        rescue_arguments=RESCUE_ARGUMENTS,
        size=size,
        progress=progress,
    )
