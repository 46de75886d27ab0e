"""Debian's packaged installer through apt: a small signed archive here, the real one in `slow`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.base import netboot, resolve_base
from b2ct.base.catalogue import NetbootEntry, load_catalogue
from b2ct.base.manage import verify_record
from b2ct.base.netboot import archive_address, fetch_netboot
from b2ct.base.store import Store
from b2ct.errors import B2ctError
from tests.unit.base.keys import Key, KeyMaker
from tests.unit.base.server import WebServer

PACKAGE = "debian-installer-13-netboot-amd64"
FOLDER = "usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64"
FILES = ("linux", "initrd.gz", "bootnetx64.efi", "grubx64.efi", "grub/grub.cfg")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def build_package(folder: Path, version: str, files: tuple[str, ...] = FILES) -> bytes:
    """Build the package as Debian lays it out, with a script that must never run."""
    tree = folder / f"tree-{version}"
    for name in files:
        path = tree / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} of {version}")
    (tree / FOLDER / "ldlinux.c32").symlink_to("/etc/passwd")
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: X <x@example.org>\nDescription: x\n"
    )
    (control / "postinst").write_text(f"#!/bin/sh\ntouch {folder}/script-ran\n")
    (control / "postinst").chmod(0o755)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, folder / "p.deb"],
        check=True,
        capture_output=True,
    )
    return (folder / "p.deb").read_bytes()


@dataclass
class Archive:
    web: WebServer
    maker: KeyMaker
    folder: Path

    @property
    def url(self) -> str:
        return self.web.url + "/debian"

    def publish(self, version: str, key: Key | None, files: tuple[str, ...] = FILES) -> bytes:
        """Publish the package in a suite signed by ``key``, or not signed at all."""
        package = build_package(self.folder, version, files)
        packages = (
            f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: all\n"
            f"Maintainer: X <x@example.org>\nFilename: pool/p_{version}.deb\n"
            f"Size: {len(package)}\nSHA256: {sha256(package)}\nDescription: x\n"
        ).encode()
        release = (
            "Origin: Debian\nSuite: stable\nCodename: trixie\nArchitectures: amd64\n"
            "Components: main\nDate: Thu, 02 Jan 2025 00:00:00 UTC\nSHA256:\n"
            f" {sha256(packages)} {len(packages)} main/binary-amd64/Packages\n"
        ).encode()
        suite = "/debian/dists/trixie/"
        self.web.files.clear()
        if key is None:
            self.web.put(suite + "Release", release)
        else:
            self.web.put(suite + "InRelease", self.maker.clearsign(key, release))
        self.web.put(suite + "main/binary-amd64/Packages", packages)
        self.web.put(f"/debian/pool/p_{version}.deb", package)
        return package


@pytest.fixture
def archive(
    web: WebServer, maker: KeyMaker, vendor: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Archive]:
    """An archive whose key stands in the place of Debian's keyring."""
    # Not below tmp_path: apt's sandbox user must be able to read the keyring.
    with tempfile.TemporaryDirectory(prefix="b2ct-keyring-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        keyring = Path(folder) / "archive.gpg"
        keyring.write_bytes(maker.gpg("--export", vendor.fingerprint))
        monkeypatch.setattr(netboot, "_KEYRING", keyring)
        yield Archive(web, maker, tmp_path)


@pytest.fixture
def entry() -> NetbootEntry:
    found = load_catalogue().get("debian-13-netboot")
    assert isinstance(found, NetbootEntry)
    return found


def test_from_a_signed_archive(
    archive: Archive, entry: NetbootEntry, store: Store, vendor: Key
) -> None:
    package = archive.publish("1.0", vendor)
    got = fetch_netboot(entry, store, mirror=archive.url)
    assert got.fresh
    assert (got.record.sha256, got.record.size) == (sha256(package), len(package))
    base = resolve_base("debian-13-netboot")
    assert base.netboot is not None
    assert base.netboot.initrd == base.path / "initrd.gz"
    assert base.netboot.kernel.read_text() == "linux of 1.0"
    assert base.netboot.shim.read_text() == "bootnetx64.efi of 1.0"
    assert base.netboot.grub.is_file()
    assert (base.netboot.grub_folder / "grub.cfg").is_file()
    assert base.name == f"{PACKAGE} 1.0"
    assert not (base.path / "ldlinux.c32").is_symlink()
    assert not (archive.folder / "script-ran").exists()
    asked = len(archive.web.asked)
    assert not fetch_netboot(entry, store, mirror=archive.url).fresh
    assert len(archive.web.asked) == asked, "what is here and verified needs no network"
    assert not fetch_netboot(entry, store, mirror=archive.url, refresh=True).fresh
    archive.publish("1.1", vendor)
    assert fetch_netboot(entry, store, mirror=archive.url, refresh=True).fresh
    assert resolve_base("debian-13-netboot").name == f"{PACKAGE} 1.1"


def refused(archive: Archive, entry: NetbootEntry, store: Store, message: str) -> str:
    with pytest.raises(B2ctError) as caught:
        fetch_netboot(entry, store, mirror=archive.url)
    assert message in caught.value.message, caught.value.message
    assert store.records() == ()
    assert not list(store.root.rglob("linux"))
    return caught.value.message


def test_a_suite_that_a_stranger_signed(
    archive: Archive, entry: NetbootEntry, store: Store, stranger: Key
) -> None:
    archive.publish("1.0", stranger)
    said = refused(archive, entry, store, f"apt cannot read Debian trixie from {archive.url}")
    assert "NO_PUBKEY" in said


def test_an_unsigned_suite(
    archive: Archive, entry: NetbootEntry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a machine that allows unsigned archives does not get one here."""
    loose = archive.folder / "loose.conf"
    loose.write_text('Acquire::AllowInsecureRepositories "true";\n')
    monkeypatch.setenv("APT_CONFIG", str(loose))
    archive.publish("1.0", None)
    refused(archive, entry, store, "is not signed")


def test_a_changed_package(
    archive: Archive, entry: NetbootEntry, store: Store, vendor: Key
) -> None:
    archive.publish("1.0", vendor)
    file = archive.web.files["/debian/pool/p_1.0.deb"]
    file.body = file.body[:-1] + bytes([file.body[-1] ^ 1])
    refused(archive, entry, store, f"apt cannot get {PACKAGE}")


def test_a_package_without_the_installer(
    archive: Archive, entry: NetbootEntry, store: Store, vendor: Key
) -> None:
    archive.publish("1.0", vendor, FILES[1:])
    refused(archive, entry, store, f"has no {FOLDER}/linux")


def test_no_package_no_archive_no_keyring(
    archive: Archive,
    entry: NetbootEntry,
    store: Store,
    vendor: Key,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive.publish("1.0", vendor)
    other = entry.model_copy(update={"package": "no-such-package"})
    refused(archive, other, store, "Debian trixie has no package no-such-package there")
    archive.web.files.clear()
    refused(archive, entry, store, "apt cannot read Debian trixie")
    monkeypatch.setattr(netboot, "_KEYRING", Path("/nonexistent/keyring.gpg"))
    refused(archive, entry, store, "Debian's keys are not here (/nonexistent/keyring.gpg)")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(B2ctError, match="the program apt-get is missing"):
        archive_address(entry, None)


def test_the_machines_hooks_do_not_run(
    archive: Archive,
    entry: NetbootEntry,
    store: Store,
    vendor: Key,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hook = archive.folder / "hook.conf"
    ran = archive.folder / "hook-ran"
    hook.write_text(
        f'APT::Update::Pre-Invoke {{ "touch {ran}"; }};\n'
        f'APT::Update::Post-Invoke {{ "touch {ran}"; }};\n'
        f'APT::Update::Post-Invoke-Success {{ "touch {ran}"; }};\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(hook))
    archive.publish("1.0", vendor)
    assert fetch_netboot(entry, store, mirror=archive.url).fresh
    assert not ran.exists()


@pytest.mark.parametrize(
    ("sources", "address"),
    [
        ("deb http://a.example/debian trixie main\n", "http://a.example/debian/"),
        (
            "deb http://b.example/debian bookworm main\n"
            "deb http://c.example/debian trixie main contrib\n",
            "http://c.example/debian/",
        ),
        (
            "Types: deb\nURIs: http://d.example/debian\nSuites: bookworm bookworm-updates\n"
            "Components: main\n",
            "http://d.example/debian/",
        ),
        ("deb http://e.example/debian-security bookworm-security main\n", None),
        ("deb http://f.example/ubuntu noble main\n", None),
        ("", None),
    ],
)
def test_the_machines_own_mirror_is_used(
    entry: NetbootEntry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sources: str,
    address: str | None,
) -> None:
    for folder in ("lists/partial", "parts"):
        (tmp_path / folder).mkdir(parents=True)
    name = "a.sources" if sources.startswith("Types") else "a.list"
    (tmp_path / "parts" / name).write_text(sources)
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{tmp_path}/parts";\n'
        f'Dir::State::lists "{tmp_path}/lists";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(config))
    assert archive_address(entry, None) == (address or "https://deb.debian.org/debian")
    assert archive_address(entry, "http://mine/debian") == "http://mine/debian"


def apt_state() -> list[tuple[str, int, int]]:
    """What an apt run of one's own would change on the machine."""
    return [
        (str(path), path.stat().st_mtime_ns, path.stat().st_size)
        for root in ("/var/lib/apt", "/var/cache/apt", "/etc/apt", "/var/lib/dpkg/status")
        for path in [Path(root), *sorted(Path(root).rglob("*"))]
        if os.access(path, os.R_OK) and not path.name.startswith("lock")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("release", ["12", "13"])
def test_debians_real_installer(release: str, store: Store) -> None:
    """Needs a Debian mirror, as the machine's own sources name it."""
    entry = load_catalogue().get(f"debian-{release}-netboot")
    assert isinstance(entry, NetbootEntry)
    before = apt_state()
    seen: list[tuple[str, int, int]] = []
    got = fetch_netboot(entry, store, progress=lambda *step: seen.append(step))
    assert apt_state() == before
    assert any(0 < done <= total for what, done, total in seen if "downloading" in what)
    base = resolve_base(entry.id)
    files = base.netboot
    assert files is not None
    # Linux boot protocol: "HdrS" at 0x202; gzip, PE.
    assert files.kernel.read_bytes()[0x202:0x206] == b"HdrS"
    assert files.initrd.read_bytes()[:2] == b"\x1f\x8b"
    for efi in (files.shim, files.grub):
        assert efi.read_bytes()[:2] == b"MZ"
    assert (files.grub_folder / "grub.cfg").is_file()
    assert (files.grub_folder / "font.pf2").is_file()
    assert json.loads(json.dumps(base.verified_by)).startswith("apt: Debian's signature")
    verify_record(got.record, load_catalogue(), store)
    assert not fetch_netboot(entry, store).fresh
