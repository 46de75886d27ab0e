"""The relay between a guest's installer and the host's mirror."""

from __future__ import annotations

import hashlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.boot import relay as relays
from tests.boot.installer_parts import Component, of_kernel
from tests.boot.relay import INDEX, Relay, RelayError, split

INDEX_TEXT = b"an index of components"
TEXT = (
    "Suite: stable\nDescription: a release\n- a line with a dash\n\nSHA256:\n"
    f" {hashlib.sha256(INDEX_TEXT).hexdigest()}    {len(INDEX_TEXT)} {INDEX}\n"
)
OLD = TEXT.replace("a release", "the release before")
BODY = bytes(range(256)) * 64


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> tuple[str, bytes, Path]:
    """A cleartext-signed text, a detached signature of an older one, and the keyring."""
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
    subprocess.run(
        [*gpg, "--passphrase", "", "--quick-generate-key", "archive", "ed25519", "sign"],
        check=True,
    )
    done = subprocess.run(
        [*gpg, "--clearsign"], input=TEXT, text=True, capture_output=True, check=True
    )
    old = subprocess.run(
        [*gpg, "--detach-sign"], input=OLD.encode(), capture_output=True, check=True
    )
    keyring = home / "keyring.gpg"
    subprocess.run([*gpg, "--export", "--output", keyring], check=True)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    return done.stdout, old.stdout, keyring


@pytest.fixture
def pages(signed) -> dict[str, bytes]:
    """A mirror whose Release is newer than its signature."""
    return {
        "/debian/dists/trixie/InRelease": signed[0].encode(),
        "/debian/dists/trixie/Release": TEXT.encode(),
        "/debian/dists/trixie/Release.gpg": signed[1],
        f"/debian/dists/trixie/{INDEX}": INDEX_TEXT,
        "/debian/stumbles": b"there",
        "/debian/pool/a+b.udeb": BODY,
    }


@pytest.fixture
def mirror(pages, monkeypatch) -> Iterator[str]:
    """Its address; it stumbles once."""
    monkeypatch.setattr(relays, "_PAUSE_S", 0)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/debian/stumbles" and asked.count(self.path) == 1:
                self.send_error(503)
                return
            body = pages.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/debian"
    server.shutdown()
    server.server_close()


def get(relay: Relay, path: str) -> bytes:
    with urllib.request.urlopen(f"{relay.local}{path}") as answer:
        return answer.read()


def proven(relay: Relay, keyring: Path, folder: Path) -> bool:
    """Tell whether the guest's gpgv would take the pair."""
    for name in ("Release", "Release.gpg"):
        (folder / name).write_bytes(get(relay, f"/dists/trixie/{name}"))
    argv = ["gpgv", "--keyring", keyring, folder / "Release.gpg", folder / "Release"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_a_signature_of_another_day_is_replaced(mirror, signed, tmp_path: Path) -> None:
    with Relay(mirror, "trixie", signed[2]) as relay:
        assert proven(relay, signed[2], tmp_path)
        assert (tmp_path / "Release").read_text() == TEXT.rstrip("\n")
        assert get(relay, f"/dists/trixie/{INDEX}") == INDEX_TEXT


def test_the_suite_under_its_other_name(mirror, pages, signed, tmp_path: Path) -> None:
    pages[f"/debian/dists/trixie/{INDEX}"] = b"an index of another day"
    pages["/debian/dists/stable/InRelease"] = signed[0].encode()
    pages["/debian/dists/stable/Release"] = OLD.encode()
    pages["/debian/dists/stable/Release.gpg"] = signed[1]
    pages[f"/debian/dists/stable/{INDEX}"] = INDEX_TEXT
    with Relay(mirror, "trixie", signed[2]) as relay:
        assert proven(relay, signed[2], tmp_path)
        assert (tmp_path / "Release").read_text() == OLD
        assert get(relay, f"/dists/trixie/{INDEX}") == INDEX_TEXT


def test_nothing_unproven_is_handed_on(mirror, pages, signed) -> None:
    pages[f"/debian/dists/trixie/{INDEX}"] = b"an index of another day"
    with pytest.raises(RelayError, match=r"signature is of another.*Packages\.xz is of another"):
        Relay(mirror, "trixie", signed[2])
    pages["/debian/dists/trixie/InRelease"] = signed[0].replace("a release", "A release").encode()
    pages[f"/debian/dists/trixie/{INDEX}"] = INDEX_TEXT
    with pytest.raises(RelayError, match=r"signature is of another.*signature is of another"):
        Relay(mirror, "trixie", signed[2])


def test_the_rest_is_handed_on(mirror, signed) -> None:
    with Relay(mirror, "trixie", signed[2]) as relay:
        assert get(relay, "/pool/a+b.udeb") == BODY
        assert get(relay, "/stumbles") == b"there"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(relay, "/pool/nothing")


def test_a_mirror_that_goes_away_is_said(mirror, signed) -> None:
    with Relay(mirror, "trixie", signed[2]) as relay:
        relay.mirror = "http://127.0.0.1:9/debian"
        with pytest.raises(urllib.error.HTTPError, match="502"):
            get(relay, "/pool/x")


def test_what_is_not_signed_is_refused() -> None:
    with pytest.raises(ValueError, match="not a cleartext-signed file"):
        split("Suite: stable\n")


def component(name: str, kernel: str = "", depends: str = "") -> Component:
    fields = {"Package": name, "Depends": depends} | ({"Kernel-Version": kernel} if kernel else {})
    return Component(name, fields)


def test_components_of_a_kernel_that_the_index_does_not_know() -> None:
    index = {
        c.name: c
        for c in (
            component("libc"),
            component("kernel-image-6.1-amd64-di", "6.1-amd64"),
            component("scsi-6.1-amd64-di", "6.1-amd64", "kernel-image-6.1-amd64-di, libc"),
            component("scsi-6.0-amd64-di", "6.0-amd64"),
            component("scsi-6.9-686-di", "6.9-686"),
        )
    }
    assert of_kernel(index, "6.1-amd64") == {}
    made = of_kernel(index, "6.2-amd64")
    assert set(made) == {"kernel-image-6.2-amd64-di", "scsi-6.2-amd64-di"}
    scsi = made["scsi-6.2-amd64-di"]
    assert scsi.depends == ["kernel-image-6.2-amd64-di", "libc"]
    assert scsi.fields["Kernel-Version"] == "6.2-amd64"
