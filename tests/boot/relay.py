"""A way to the host's package mirror for a guest, which bears with what mirrors now and then do.

A caching mirror can hold ``Release``, ``Release.gpg`` and the index of installer components of
different days, although its ``InRelease`` and the packages are whole. apt reads only the latter;
the installer's net-retriever reads only the former, and stops. The relay looks once for files
that fit each other: the archive's own pair under the suite's code name or its other name
(trixie, stable), or a pair made from ``InRelease``: a cleartext signature is one of a text
document (RFC 9580, sections 5.2.1 and 7), and stands as a detached one for the same text without
its last line end. So what the guest verifies is always the archive's own signature. A request
that fails on the way is made again.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

#: The host's loopback as guests of QEMU's user-mode network see it.
GATEWAY = "10.0.2.2"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: What the installer reads first of what Release names.
INDEX = "main/debian-installer/binary-amd64/Packages.xz"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_PASSED_ON = ("Content-Length", "Content-Type", "Content-Range", "Last-Modified")
_TRIES, _PAUSE_S, _TIMEOUT_S = 4, 3, 120


def split(signed: str) -> tuple[str, str]:
    """Give text and detached signature of a cleartext-signed file."""
    head, mark, signature = signed.partition(_SIGNATURE)
    text = head.partition("\n\n")[2]
    if not mark or not text:
        raise ValueError("not a cleartext-signed file")
    # Lines that begin with a dash are escaped by "- ".
    return re.sub(r"^- ", "", text, flags=re.MULTILINE).rstrip("\n"), mark + signature


@dataclass(frozen=True)
class View:
    """Files of one day: of ``folder``, a suite's name, are the index and all beside it."""

    folder: str
    release: bytes
    signature: bytes


class RelayError(Exception):
    """The mirror has nothing for an installer that fits together."""


class Relay:
    """An HTTP server on the loopback that hands on one mirror, with one suite in order.

    ``address`` is for guests, ``local`` for the host. A file ``Release.gpg`` that ``keyring``
    does not prove is never handed on.
    """

    def __init__(self, mirror: str, suite: str, keyring: Path = KEYRING) -> None:
        self.mirror = mirror.rstrip("/")
        self.suite = suite
        self._path = urlsplit(self.mirror).path
        self.view = self._find(keyring)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://{GATEWAY}:{self.port}{self._path}"
        self.local = f"http://127.0.0.1:{self.port}{self._path}"

    def _find(self, keyring: Path) -> View:
        signed = self._read(f"dists/{self.suite}/InRelease")
        other = re.search(rb"^Suite: (\S+)$", signed, re.MULTILINE)
        reasons = []
        for folder in dict.fromkeys((self.suite, other[1].decode() if other else self.suite)):
            try:
                for view in self._candidates(folder):
                    if not (reason := self._wrong_with(view, keyring)):
                        return view
                    reasons.append(f"{folder}: {reason}")
            except RelayError as error:
                reasons.append(str(error))
        raise RelayError(f"{self.mirror}, {self.suite}: {'; '.join(reasons)}")

    def _candidates(self, folder: str) -> Iterator[View]:
        pair = [self._read(f"dists/{folder}/{name}") for name in ("Release", "Release.gpg")]
        yield View(folder, *pair)
        text, signature = split(self._read(f"dists/{folder}/InRelease").decode())
        yield View(folder, text.encode(), signature.encode())

    def _wrong_with(self, view: View, keyring: Path) -> str:
        with tempfile.TemporaryDirectory(prefix="b2ct-relay-") as place:
            text, signature = Path(place, "Release"), Path(place, "Release.gpg")
            text.write_bytes(view.release)
            signature.write_bytes(view.signature)
            argv = ["gpgv", "--quiet", "--keyring", keyring, signature, text]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            return "the signature is of another Release"
        found = hashlib.sha256(self._read(f"dists/{view.folder}/{INDEX}")).hexdigest()
        if not re.search(rf"^ {found} +\d+ {INDEX}$", view.release.decode(), re.MULTILINE):
            return f"{INDEX} is of another Release"
        return ""

    def _read(self, path: str) -> bytes:
        try:
            with self.fetch(f"/{path}", {}) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise RelayError(f"{self.mirror}/{path}: {error}") from error

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fetch(self, path: str, headers: dict[str, str], method: str = "GET") -> HTTPResponse:
        """Ask the mirror; HTTPError is its own answer, OSError that there was none."""
        request = urllib.request.Request(f"{self.mirror}{path}", headers=headers, method=method)
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
            except (OSError, HTTPException) as error:
                final = isinstance(error, urllib.error.HTTPError) and error.code < 500
                if last or final:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_HEAD(self) -> None:
                self._answer("HEAD")

            def log_message(self, *_: object) -> None:
                """Say nothing: the guest logs what it fetches."""

            def _answer(self, method: str) -> None:
                path = self.path.removeprefix(relay._path)
                begun = False
                try:
                    begin = f"/dists/{relay.suite}"
                    if path == f"{begin}/Release":
                        self._send(relay.view.release, method)
                        return
                    if path == f"{begin}/Release.gpg":
                        self._send(relay.view.signature, method)
                        return
                    if path.startswith(f"{begin}/main/debian-installer/"):
                        path = path.replace(begin, f"/dists/{relay.view.folder}", 1)
                    wanted = self.headers.get("Range")
                    headers = {"Range": wanted} if wanted else {}
                    with relay.fetch(path, headers, method) as answer:
                        begun = True
                        self.send_response(answer.status)
                        for name in _PASSED_ON:
                            if value := answer.headers.get(name):
                                self.send_header(name, value)
                        self.end_headers()
                        shutil.copyfileobj(answer, self.wfile)
                except urllib.error.HTTPError as error:
                    self.send_error(error.code)
                except (OSError, HTTPException, ValueError) as error:
                    # Too late for another status when a part was sent: the guest sees it cut off.
                    self.close_connection = True
                    if not begun:
                        self.send_error(502, str(error))

            def _send(self, body: bytes, method: str) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if method == "GET":
                    self.wfile.write(body)

        return Handler
