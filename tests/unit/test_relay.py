"""The relay between a guest's installer and the host's mirror."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.boot import relay as relays
from tests.boot.relay import Relay, split

TEXT = "Suite: stable\nDescription: a release\n- a line with a dash\n\nSHA256:\n abc main/x\n"
BODY = bytes(range(256)) * 64


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> tuple[str, Path]:
    """A cleartext-signed text, and the keyring that proves it."""
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
    keyring = home / "keyring.gpg"
    subprocess.run([*gpg, "--export", "--output", keyring], check=True)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
    return done.stdout, keyring


@pytest.fixture
def mirror(signed, monkeypatch):
    """A mirror whose Release.gpg is of another day, and which stumbles once."""
    monkeypatch.setattr(relays, "_PAUSE_S", 0)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/debian/stumbles" and asked.count(self.path) == 1:
                self.send_error(503)
                return
            pages = {
                "/debian/dists/trixie/InRelease": signed[0].encode(),
                "/debian/dists/trixie/Release": TEXT.encode(),
                "/debian/dists/trixie/Release.gpg": b"a signature of another day",
                "/debian/stumbles": b"there",
                "/debian/pool/a+b.udeb": BODY,
            }
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
    with Relay(f"http://127.0.0.1:{server.server_address[1]}/debian") as relay:
        yield relay
    server.shutdown()
    server.server_close()


def get(relay: Relay, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{relay.port}/debian{path}") as answer:
        return answer.read()


def test_release_and_its_signature_fit(mirror, signed, tmp_path: Path) -> None:
    for name in ("Release", "Release.gpg"):
        (tmp_path / name).write_bytes(get(mirror, f"/dists/trixie/{name}"))
    argv = ["gpgv", "--keyring", signed[1], tmp_path / "Release.gpg", tmp_path / "Release"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Release").read_text() == TEXT.rstrip("\n")
    # Not merely let through: another text fails.
    (tmp_path / "Release").write_text(TEXT.replace("abc", "abd").rstrip("\n"))
    assert subprocess.run(argv, capture_output=True, check=False).returncode != 0


def test_the_rest_is_handed_on(mirror) -> None:
    assert get(mirror, "/pool/a+b.udeb") == BODY
    assert get(mirror, "/stumbles") == b"there"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(mirror, "/pool/nothing")


def test_a_mirror_that_is_away_is_said(monkeypatch) -> None:
    monkeypatch.setattr(relays, "_PAUSE_S", 0)
    with Relay("http://127.0.0.1:9/debian") as relay, pytest.raises(urllib.error.HTTPError) as told:
        get(relay, "/pool/x")
    assert told.value.code == 502


def test_what_is_not_signed_is_refused() -> None:
    with pytest.raises(ValueError, match="not a cleartext-signed file"):
        split("Suite: stable\n")
