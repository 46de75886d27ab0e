"""A server's own disk with a system on it: all that system does is to say that it started."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

from tests.media.efi_boot import grub_efi

#: What the disk prints on the first serial port, followed by "bios" or "uefi".
MESSAGE = "B2CT-LOCAL-DISK"
_START, _SECTORS = 2048, 16 << 11  # of the EFI system partition, in sectors
#: Print what follows on port 0x3f8, then halt: xor ax,ax; mov ds,ax; mov si,0x7c15;
#: mov dx,0x3f8; next: lodsb; test al,al; jz stop; out dx,al; jmp next; stop: hlt; jmp stop.
_SAY = bytes.fromhex("31c0 8ed8 be157c baf803 ac 84c0 7403 ee ebf8 f4 ebfd")
_EARLY = f"""\
serial --unit=0 --speed=115200
terminal_output serial
echo {MESSAGE} uefi
sleep 1
halt
"""


def local_disk(path: Path) -> Path:
    """Write the disk image (17 MiB) and return its path."""
    code = _SAY + f"\r\n{MESSAGE} bios\r\n".encode() + b"\0"
    entry = struct.pack("<B3xB3xII", 0x80, 0xEF, _START, _SECTORS)
    sector = code.ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa"
    with path.open("wb") as handle:
        handle.write(sector)
        handle.truncate((_START + _SECTORS) * 512)
    volume = f"{path}@@{_START * 512}"
    argv = ["mkfs.fat", "-F", "16", "-n", "LOCAL", "--offset", str(_START), str(path)]
    subprocess.run([*argv, str(_SECTORS // 2)], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as scratch:
        loader = Path(scratch) / "loader.efi"
        grub_efi(loader, early=_EARLY)
        subprocess.run(
            ["mmd", "-i", volume, "::/EFI", "::/EFI/BOOT", "::/EFI/almalinux"], check=True
        )
        for place in ("BOOT/BOOTX64.EFI", "almalinux/shimx64.efi"):
            subprocess.run(["mcopy", "-i", volume, str(loader), f"::/EFI/{place}"], check=True)
    return path
