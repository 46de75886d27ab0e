"""A way to the host's package mirror for a guest, which bears with what mirrors now and then do.

A caching mirror can hold a ``Release`` and a ``Release.gpg`` of different days, although its
``InRelease`` is whole. apt reads only the latter; the installer's net-retriever reads only the
former pair, and stops. The relay makes the pair from ``InRelease``: a cleartext signature is one
of a text document (RFC 9580, sections 5.2.1 and 7), and stands as a detached one for the same
text without its last line end. So what the guest verifies is still the archive's own signature.
A request that fails on the way is made again.
"""

from __future__ import annotations

import re
import shutil
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

#: The host's loopback as guests of QEMU's user-mode network see it.
GATEWAY = "10.0.2.2"
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


class Relay:
    """An HTTP server on the loopback that hands on one mirror; ``address`` is for guests."""

    def __init__(self, mirror: str) -> None:
        self.mirror = mirror.rstrip("/")
        self._path = urlsplit(self.mirror).path
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://{GATEWAY}:{self.port}{self._path}"

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
                    if found := re.fullmatch(r"(/dists/[^/]+)/Release(\.gpg)?", path):
                        signed = relay.fetch(f"{found[1]}/InRelease", {}).read().decode()
                        self._send(split(signed)[1 if found[2] else 0].encode(), method)
                        return
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
