"""Debian's real installer on a key of ours, in a virtual machine with a network and disks.

The machine reaches the package mirror through QEMU's user-mode network as the host does. The
mirror's address is taken from the host's apt configuration when a test runs.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import re
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from b2ct.base.catalogue import NetbootEntry, load_catalogue
from b2ct.base.netboot import archive_address, fetch_netboot
from b2ct.base.resolve import VerifiedBase, resolve_base
from b2ct.base.store import Store
from b2ct.errors import B2ctError
from b2ct.load import load_site
from b2ct.media.debian import build_debian_key
from b2ct.media.make import prepare
from b2ct.media.wanted import Wanted
from b2ct.render import Hashes, Rendered
from iso_builder.cpio import newc
from tests.boot.installer_parts import supplement
from tests.boot.qemu import Machine, MachineError
from tests.boot.relay import GATEWAY, Relay

#: The release that is installed unless a test names another.
RELEASE = "debian-13"
#: Of QEMU's user-mode network.
NAME_SERVER, SUBNET = "10.0.2.3", "10.0.2.0/24"
#: Of the file systems that files of tests lie on; holes begin and end at its multiples.
_BLOCK = 4096
_PARTS, _AUTHORITIES = "/b2ct/parts.img", "/b2ct/ca.img"


def installer_base(release: str) -> VerifiedBase:
    """Give the packaged installer; fetch it once."""
    try:
        return resolve_base(f"{release}-netboot")
    except B2ctError:
        fetch_netboot(_entry(release), Store())
        return resolve_base(f"{release}-netboot")


def host_mirror(release: str = RELEASE) -> str:
    """Give the archive that this machine takes Debian's packages from."""
    return archive_address(_entry(release), None).rstrip("/")


def relay(release: str = RELEASE) -> Relay:
    """Give guests a way to that archive."""
    return Relay(host_mirror(release), _entry(release).suite)


def _entry(release: str) -> NetbootEntry:
    entry = load_catalogue().get(f"{release}-netboot")
    assert isinstance(entry, NetbootEntry)
    return entry


@dataclass(frozen=True)
class LabKey:
    """A key for the whole site, and the text on it."""

    image: Path
    rendered: Rendered
    supplied: bool  #: whether components had to be added which the mirror lacks


def lab_key(
    folder: Path,
    site_text: str,
    hashes: Hashes,
    mirror: Relay,
    arguments: str = "",
    *,
    release: str = RELEASE,
    complete: bool = True,
    own_authorities: bool = False,
) -> LabKey:
    """Build the site's key; ``arguments`` are added to every entry's kernel command line.

    ``complete`` adds what the mirror lacks of the installer; without it the key is as
    ``b2ct usb image`` makes it.

    ``own_authorities`` hands over this machine's own certificate authorities: behind a proxy
    that re-signs TLS the guest needs what the host needs.
    """
    site_file = folder / "site.yml"
    site_file.write_text(site_text)
    base = installer_base(release)
    assert base.netboot is not None
    site = load_site(site_file)
    prepared = prepare(site, hashes, Wanted(everything=True), base, kind="usb")
    parts = supplement(base.netboot.initrd, mirror.local, mirror.suite) if complete else None
    plan = prepared.plan
    files = dict(plan.files)
    more = [_PARTS] if parts else []
    if parts:
        files[_PARTS] = parts.read_bytes()
    if own_authorities and (authorities := authorities_archive()):
        files[_AUTHORITIES] = authorities
        more.append(_AUTHORITIES)
    # The mirror's index may know no component of the installer's own kernel.
    more_arguments = ("anna/no_kernel_modules=true",) if parts else ()
    entries = tuple(
        dataclasses.replace(
            entry,
            initrds=(*more, *entry.initrds),
            arguments=" ".join((entry.arguments, arguments, *more_arguments)).strip(),
        )
        for entry in plan.entries
    )
    image = folder / "key.img"
    build_debian_key(base.netboot, image, dataclasses.replace(plan, files=files, entries=entries))
    return LabKey(image, prepared.rendered, parts is not None)


def authorities_archive() -> bytes:
    """Pack the certificate authorities that this machine's admin added; empty if none.

    The installer's wget finds them by OpenSSL's hash; files ``*.crt`` in that folder are
    taken over into the new system (bootstrap-base).
    """
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for certificate in sorted(Path("/usr/local/share/ca-certificates").rglob("*.crt")):
        name = f"etc/ssl/certs/{certificate.name}"
        files[name] = certificate.read_bytes()
        argv = ["openssl", "x509", "-noout", "-hash", "-in", str(certificate)]
        digest = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
        links[f"etc/ssl/certs/{digest}.0"] = certificate.name
    return newc(files, links=links) if files else b""


class SystemLog:
    """Collects the installer's syslog by UDP: ``arguments`` make the guest send it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._marked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.arguments = f"log_host={GATEWAY} log_port={self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._collect, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # An empty message to itself ends the thread; closing alone would not wake it.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(10)
        self._socket.close()

    def mark(self) -> None:
        """Forget what was logged so far: another machine begins."""
        self._marked = self.target.stat().st_size if self.target.exists() else 0

    def text(self) -> str:
        """Everything logged since the last mark."""
        if not self.target.exists():
            return ""
        return self.target.read_bytes()[self._marked :].decode("utf-8", "replace")

    def _collect(self) -> None:
        with self.target.open("wb") as log:
            while message := self._socket.recv(65535):
                log.write(re.sub(rb"^<\d+>", b"", message).rstrip(b"\0\n") + b"\n")
                log.flush()


def wait_for_log(log: SystemLog, pattern: str, machine: Machine, *, limit_s: float) -> None:
    """Wait until the guest has logged ``pattern``; the machine must live until then."""
    expression = re.compile(pattern)
    deadline = time.monotonic() + limit_s
    while not expression.search(log.text()):
        if time.monotonic() > deadline:
            tail = "\n".join(log.text().splitlines()[-25:])
            raise MachineError(f"no {pattern!r} in the log after {limit_s:.0f} s:\n{tail}")
        machine.qmp("query-status")
        time.sleep(1)


def blank_disk(path: Path, gib: int) -> Path:
    """Make a sparse disk."""
    with path.open("wb") as disk:
        disk.truncate(gib << 30)
    return path


def digest(path: Path) -> str:
    """Give a hash of a sparse file: of every block that is not all zeros, with its place.

    The file system tells where there may be data, and may tell it otherwise once it has written
    them back; so zeros count as a hole wherever they are.
    """
    found = hashlib.sha256(str(path.stat().st_size).encode())
    zeros = bytes(_BLOCK)
    with path.open("rb") as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no more data
                    raise
                return found.hexdigest()
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            file.seek(start)
            for place in range(start, end, _BLOCK):
                block = file.read(min(_BLOCK, end - place))
                if block != zeros[: len(block)]:
                    found.update(f"{place}:".encode())
                    found.update(block)


@dataclass(frozen=True)
class VolumeGroup:
    """What LVM wrote at the head of a physical volume."""

    name: str
    tags: tuple[str, ...]
    extent_bytes: int
    extents: dict[str, int]  #: of each logical volume
    first_extent_byte: int  #: of extent 0 in the physical volume


def read_volume_group(disk: Path, offset: int) -> VolumeGroup:
    """Read the LVM metadata of the physical volume at ``offset`` bytes of a disk.

    LVM2's on-disk format: label in sector 1, metadata area at 4096, whose header names offset
    and size of the current text from byte 40 on.
    """
    with disk.open("rb") as file:
        file.seek(offset + 512)
        assert file.read(8) == b"LABELONE", "no LVM physical volume"
        file.seek(offset + 4096 + 40)
        where, size = struct.unpack("<QQ", file.read(16))
        file.seek(offset + 4096 + where)
        text = file.read(size).decode("ascii").rstrip("\0\n")
    head, _, volumes = text.partition("logical_volumes {")
    sizes = {}
    for name, body in re.findall(r"\n(\S+) \{\n(id = .*?)\n\}\n\}?", volumes, re.DOTALL):
        sizes[name] = sum(int(n) for n in re.findall(r"extent_count = (\d+)", body))
    extent = int(re.findall(r"extent_size = (\d+)", head)[0]) * 512
    tags = re.findall(r"^tags = \[(.*)\]", head, re.MULTILINE)
    return VolumeGroup(
        name=text.split(" ", 1)[0],
        tags=tuple(re.findall(r'"([^"]+)"', tags[0])) if tags else (),
        extent_bytes=extent,
        extents=sizes,
        first_extent_byte=int(re.findall(r"pe_start = (\d+)", head)[0]) * 512,
    )
