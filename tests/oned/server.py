"""The daemon: XML-RPC over HTTP on one address, its state kept in a file."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
import xmlrpc.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .core import AUTHENTICATION, RefusalError, World, sha256
from .faults import Fault
from .methods import METHODS
from .people import first_start

_TYPES = {
    "s": (str, "a string"),
    "i": (int, "integer"),
    "b": (bool, "boolean"),
    "A": (list, "array"),
}
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<methodResponse><params><param><value><string>&b;</string></value></param></params>"
    "</methodResponse>"
)


class StartError(Exception):
    """It cannot start."""


class Oned:
    """One oned.

    :param auth_file: ``user:password``; counts only when there is no state yet.
    :param state: where to keep everything; nothing is kept without it.
    :param auth_folder: where to write the logins of Sunstone, OneFlow and OneGate at first start.
    :param host_delay: seconds until a new host has been monitored.
    :param image_delay: seconds until a new image is ready and a deleted one gone.
    """

    def __init__(
        self,
        auth_file: str | os.PathLike[str],
        port: int = 0,
        address: str = "127.0.0.1",
        state: str | os.PathLike[str] | None = None,
        auth_folder: str | os.PathLike[str] | None = None,
        version: str = "6.10.0",
        host_delay: float = 0.0,
        image_delay: float = 0.0,
        log: Any = None,
    ) -> None:
        self.version = version
        self.faults: list[Fault] = []
        #: Every call as (method, arguments without the login, whether it was done).
        self.calls: list[tuple[str, tuple[Any, ...], bool]] = []
        self._state = Path(state) if state else None
        self._lock = threading.Lock()
        self._log = log
        stored = None
        if self._state is not None and self._state.exists():
            stored = json.loads(self._state.read_text())
        self.world = World(stored, host_delay, image_delay)
        if stored is None:
            self._first_start(Path(auth_file), Path(auth_folder) if auth_folder else None)
        self._http = _Server((address, port), self)
        self._thread: threading.Thread | None = None

    def _first_start(self, auth_file: Path, auth_folder: Path | None) -> None:
        try:
            user, colon, password = auth_file.read_text().split("\n")[0].partition(":")
        except OSError as error:
            raise StartError(f"Could not open {auth_file}: {error.strerror}") from None
        if not (user and colon and password):
            raise StartError(f"Wrong format in {auth_file}: user:password expected")
        server_password = secrets.token_hex(32)
        first_start(self.world, user, password, sha256(server_password))
        if auth_folder is not None:
            for service in ("sunstone", "oneflow", "onegate"):
                file = auth_folder / f"{service}_auth"
                if not file.exists():
                    file.touch(mode=0o600)
                    file.write_text(f"serveradmin:{server_password}\n")
        self.save()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def endpoint(self) -> str:
        host = str(self._http.server_address[0])
        return f"http://{host}:{self.port}/RPC2"

    def serve(self) -> None:
        """Answer until ``stop``."""
        self._http.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Oned:
        self._thread = threading.Thread(target=self.serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_ignored: object) -> None:
        self.stop()

    def changes(self) -> list[str]:
        """Give the methods that changed something, in order."""
        return [m for m, _, done in self.calls if done and not m.endswith((".info", ".version"))]

    def save(self) -> None:
        if self._state is None:
            return
        part = self._state.with_name(self._state.name + ".part")
        with part.open("w") as file:
            part.chmod(0o600)
            json.dump(self.world.data, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._state)

    def struck(self, method: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.strikes(method)), None)

    def call(self, method: str, arguments: list[Any]) -> str:
        """Do one call and give the body of the answer."""
        if method not in METHODS:
            return _fault(-506, f"Method '{method}' not defined")
        signature, function = METHODS[method]
        if not arguments:
            return _fault(-501, "Not enough parameters")
        if not isinstance(arguments[0], str):
            return _fault(-501, "Parameter that is supposed to be a string is not")
        with self._lock:
            user = self.world.authenticate(arguments[0])
            if user is None:
                return self._no(
                    method,
                    RefusalError(AUTHENTICATION, "User couldn't be authenticated, aborting call."),
                )
            wrong = _mistyped(signature, arguments[1:])
            if wrong:
                return _fault(-501, wrong)
            done = False
            try:
                answer = function(self, user, *arguments[1:])
                done = True
                return _answer([True, answer, 0])
            except RefusalError as refusal:
                return self._no(method, refusal)
            finally:
                self.calls.append((method, tuple(arguments[1:]), done))
                if self._log is not None:
                    self._log(f"{method} {'done' if done else 'refused'}")
                if not method.endswith(".info"):
                    self.save()

    def _no(self, method: str, refusal: RefusalError) -> str:
        text = f"[{method}] {refusal.text}"
        return _answer([False, text, refusal.code, refusal.oid, _Long(-1)])


class _Long(int):
    """An i8."""


def _mistyped(signature: str, arguments: list[Any]) -> str | None:
    needed, _, optional = signature.partition("?")
    if len(arguments) < len(needed):
        return "Not enough parameters"
    # What follows the known parameters is ignored, as oned does.
    for place, letter in enumerate(needed + optional):
        if place >= len(arguments):
            break
        kind, words = _TYPES[letter]
        value = arguments[place]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return f"Parameter that is supposed to be {words} is not"
    return None


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return f"<value><boolean>{int(value)}</boolean></value>"
    if isinstance(value, _Long):
        return f"<value><i8>{int(value)}</i8></value>"
    if isinstance(value, int):
        return f"<value><i4>{value}</i4></value>"
    return f"<value><string>{escape(value)}</string></value>"


def _answer(values: list[Any]) -> str:
    data = "".join(_value(value) for value in values)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>\r\n<params>\r\n<param><value>'
        f"<array><data>{data}</data></array></value></param>\r\n</params>\r\n</methodResponse>\r\n"
    )


def _fault(code: int, words: str) -> str:
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, words))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], oned: Oned) -> None:
        self.oned = oned
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Write no line a request."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path != "/RPC2":
            self._reply(404, "not found")
            return
        try:
            arguments, method = xmlrpc.client.loads(body, use_builtin_types=True)
        except Exception:
            self._reply(200, _fault(-503, "Call XML not a proper XML-RPC call."))
            return
        oned = self.server.oned
        fault = oned.struck(str(method))
        if fault is None:
            self._reply(200, oned.call(str(method), list(arguments)))
            return
        self._go_wrong(oned, fault, str(method), list(arguments))

    def _go_wrong(self, oned: Oned, fault: Fault, method: str, arguments: list[Any]) -> None:
        if fault.kind == "refuse":
            self._reply(
                200, _answer([False, f"[{method}] {fault.words}", fault.code, -1, _Long(-1)])
            )
        elif fault.kind == "502":
            self._reply(502, "Bad Gateway")
        elif fault.kind == "garbage":
            self._reply(200, "<html><body>Welcome</body>")
        elif fault.kind == "bomb":
            self._reply(200, _BOMB)
        elif fault.kind == "silence":
            time.sleep(fault.seconds)
            self._hang_up()
        else:
            if fault.kind == "drop-after":
                oned.call(method, arguments)
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def _reply(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
