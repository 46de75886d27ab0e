"""A real Debian kernel and a small initrd that says what the booted guest finds.

What it prints is told in ``probe-init.sh`` beside this file; :mod:`tests.boot.probe` reads it.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from tests.media.bases import make_once

INIT = Path(__file__).with_name("probe-init.sh")
#: CD-ROM on AHCI and virtio-scsi, USB and virtio disks, and the file systems of our media.
_MODULES = (
    "ahci sd_mod sr_mod xhci-pci usb-storage virtio_pci virtio_blk virtio_scsi "
    "isofs vfat nls_cp437 nls_ascii"
)
_APPLETS = "cat cut dmesg echo grep insmod mount poweroff sed sh sha256sum sleep stat sync umount"
#: util-linux's own blkid decides which label a volume has, as udev does in the installer.
_PROGRAMS = ("/bin/busybox", "/usr/sbin/blkid")
_LIBRARY_FOLDER = "lib/x86_64-linux-gnu"
_LIBRARIES = ("ld-linux-x86-64.so.2", "libblkid.so.1", "libc.so.6")


def kernel_image() -> Path:
    """Return the newest installed kernel of Debian's linux-image-amd64."""
    found = [p for p in Path("/boot").glob("vmlinuz-*-amd64") if "cloud" not in p.name]
    found = [p for p in found if (Path("/lib/modules") / _release(p) / "modules.dep").exists()]
    if not found:
        raise RuntimeError("no kernel of the package linux-image-amd64: make setup-test")
    return max(found, key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])


def probe_initrd() -> Path:
    """Return the cached initrd for :func:`kernel_image`."""
    release = _release(kernel_image())
    digest = hashlib.sha256(release.encode())
    for source in (INIT, Path(__file__), *map(Path, _PROGRAMS)):
        digest.update(source.read_bytes())
    return make_once(
        f"probe-{digest.hexdigest()[:24]}.img",
        lambda part: _write(part, Path("/lib/modules") / release),
    )


def cpio_newc(files: dict[str, bytes | str | None]) -> bytes:
    """Return a cpio archive as the kernel unpacks it (Documentation/driver-api/early-userspace).

    ``bytes`` are the content of an executable file, ``str`` the target of a symbolic link,
    None is a folder. Parents must come before what they hold.
    """
    out = bytearray()
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        mode, data = 0o100755, content
        if content is None:
            mode, data = 0o040755, b""
        elif isinstance(content, str):
            mode, data = 0o120777, content.encode()
        assert isinstance(data, bytes)
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + raw
        out += bytes(-len(out) % 4)
        out += data + bytes(-len(data) % 4)
    return bytes(out)


def _release(kernel: Path) -> str:
    return kernel.name.removeprefix("vmlinuz-")


def _write(out: Path, modules: Path) -> None:
    files: dict[str, bytes | str | None] = {}
    for folder in ("bin", "dev", "lib", _LIBRARY_FOLDER, "lib64", "mnt", "modules", "proc", "sys"):
        files[folder] = None
    for program in map(Path, _PROGRAMS):
        files[f"bin/{program.name}"] = program.read_bytes()
    for applet in _APPLETS.split():
        files[f"bin/{applet}"] = "busybox"
    for library in _LIBRARIES:
        folder = "lib64" if library.startswith("ld-") else _LIBRARY_FOLDER
        files[f"{folder}/{library}"] = _library(library).read_bytes()
    order = list(_load_order(modules))
    for path in order:
        content = path.read_bytes()
        if path.suffix == ".xz":
            content = lzma.decompress(content)
        files[f"modules/{_module_name(path)}.ko"] = content
    files["modules/order"] = "".join(f"{_module_name(p)}.ko\n" for p in order).encode()
    files["init"] = INIT.read_bytes()
    out.write_bytes(gzip.compress(cpio_newc(files), 6, mtime=0))


def _library(name: str) -> Path:
    for folder in ("/lib64", f"/{_LIBRARY_FOLDER}"):
        if (Path(folder) / name).exists():
            return Path(folder) / name
    raise RuntimeError(f"{name} is not where Debian has it")


def _module_name(path: Path) -> str:
    return path.name.split(".ko")[0]


def _load_order(modules: Path) -> Iterator[Path]:
    """Give the files of the wanted modules, each after those it depends on."""
    depends: dict[str, list[str]] = {}
    path_of: dict[str, str] = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        path_of[_module_name(Path(path)).replace("-", "_")] = path
        depends[path] = rest.split()
    builtin = {
        _module_name(Path(line)).replace("-", "_")
        for line in (modules / "modules.builtin").read_text().splitlines()
    }
    seen: set[str] = set()

    def visit(path: str) -> Iterator[Path]:
        if path not in seen:
            seen.add(path)
            for needed in depends[path]:
                yield from visit(needed)
            yield modules / path

    for name in _MODULES.replace("-", "_").split():
        if name not in builtin:
            yield from visit(path_of[name])
