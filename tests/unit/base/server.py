"""A web server on loopback that misbehaves on demand."""

from __future__ import annotations

import contextlib
import hashlib
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Resource:
    """A file of the server and its habits.

    ``truncate`` cuts the next answers to so many bytes; ``bodies`` are the file's contents
    at the next answers, before ``body``.
    """

    body: bytes = b""
    etag: str | None = "auto"
    last_modified: str | None = None
    redirect: str | None = None
    statuses: list[int] = field(default_factory=list)
    truncate: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    ignore_range: bool = False
    shift_range: int = 0
    announce: int | None = None
    chunked: bool = False
    accept_ranges: str = "bytes"

    @property
    def tag(self) -> str | None:
        if self.etag == "auto":
            return f'"{hashlib.md5(self.body).hexdigest()}"'
        return self.etag


@dataclass(frozen=True)
class Asked:
    path: str
    range: str | None
    if_range: str | None


class WebServer:
    """``files`` maps paths to resources; ``asked`` logs the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, Resource] = {}
        self.asked: list[Asked] = []

    def put(self, path: str, body: bytes, **habits: object) -> Resource:
        self.files[path] = Resource(body, **habits)  # type: ignore[arg-type]
        return self.files[path]


def _handler(owner: list[WebServer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            server = owner[0]
            wanted, if_range = self.headers.get("Range"), self.headers.get("If-Range")
            server.asked.append(Asked(self.path, wanted, if_range))
            file = server.files.get(self.path)
            if file is None or file.statuses:
                self._plain(404 if file is None else file.statuses.pop(0))
                return
            if file.redirect:
                self.send_response(302)
                self.send_header("Location", file.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, body = 0, file.bodies.pop(0) if file.bodies else file.body
            match = re.fullmatch(r"bytes=(\d+)-", wanted or "")
            fresh = if_range in {None, file.tag, file.last_modified}
            if match and fresh and not file.ignore_range:
                start = int(match[1])
                if start >= len(body):
                    self._plain(416)
                    return
                self.send_response(206)
                shown = start + file.shift_range
                span = f"bytes {shown}-{len(body) - 1}/{len(body)}"
                self.send_header("Content-Range", span)
            else:
                self.send_response(200)
            if file.tag:
                self.send_header("ETag", file.tag)
            if file.last_modified:
                self.send_header("Last-Modified", file.last_modified)
            self.send_header("Accept-Ranges", file.accept_ranges)
            rest = body[start:]
            if file.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(file.announce or len(rest)))
            self.end_headers()
            if file.truncate:
                rest = rest[: file.truncate.pop(0)]
                self.close_connection = True
            with contextlib.suppress(OSError):
                if file.chunked:
                    self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))
                else:
                    self.wfile.write(rest)
            if file.announce:
                self.close_connection = True

        def _plain(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what half of the tests are about."""


@contextlib.contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Run a server on loopback for the length of a ``with``."""
    owner: list[WebServer] = []
    with _Quiet(("127.0.0.1", 0), _handler(owner)) as http:
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        scheme, name = ("https", "localhost") if tls else ("http", "127.0.0.1")
        owner.append(WebServer(f"{scheme}://{name}:{http.server_port}"))
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield owner[0]
        finally:
            http.shutdown()
            thread.join()
