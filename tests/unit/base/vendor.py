"""A vendor on loopback: a medium, its signed list, its key, and the catalogue entry for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from b2ct.base.catalogue import Catalogue, load_catalogue
from tests.unit.base.keys import Key, KeyMaker
from tests.unit.base.server import WebServer

ISO = bytes(range(256)) * 1200 + b"the end"
ISO_NAME = "Vendor-9-boot.iso"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def bsd_list(**files: bytes) -> bytes:
    lines = [
        f"# {name}: {len(data)} bytes\nSHA256 ({name}) = {sha(data)}\n"
        for name, data in files.items()
    ]
    return "".join(lines).encode()


@dataclass
class Site:
    """A vendor on the loopback server, with a catalogue entry ``vendor-9`` for it."""

    web: WebServer
    maker: KeyMaker
    key: Key
    catalogue_file: Path

    def publish(self, iso: bytes = ISO, name: str = ISO_NAME, *, folder: str = "/9/") -> None:
        """Put medium, clear-signed list and key onto the server."""
        self.web.put(folder + name, iso)
        listed = bsd_list(**{name: iso})
        self.web.put(folder + "CHECKSUM", self.maker.clearsign(self.key, listed))
        self.web.put("/KEY", self.key.public)

    def write(self, text: str) -> Catalogue:
        """Write the site's catalogue; %URL% and %FPR% are filled in."""
        text = text.replace("%URL%", self.web.url).replace("%FPR%", self.key.fingerprint)
        self.catalogue_file.write_text(text)
        return load_catalogue()


SIGNED_ENTRY = """
- id: vendor-9
  title: Vendor 9
  addresses: ["%URL%/9/"]
  file: Vendor-9-boot.iso
  checksums: CHECKSUM
  signature: inline
  key: {address: "%URL%/KEY", fingerprint: %FPR%}
"""
