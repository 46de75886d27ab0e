"""Calls to oned: one connection a call, nothing sent twice, and every failure in plain words."""

from __future__ import annotations

import http.client
import ipaddress
import os
import re
import socket
import ssl
import stat
import xmlrpc.client
from typing import Any
from urllib.parse import urlsplit
from xml.parsers import expat

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import (
    LostError,
    OneError,
    RefusedError,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.xml import (
    hardened_parser,
    read_xml,
)

DEFAULT_ENDPOINT = "http://127.0.0.1:2633/RPC2"
DEFAULT_AUTH_FILE = "/var/lib/one/.one/one_auth"
#: A pool of some ten thousand objects; more than this is an attack or a mistake.
_LARGEST_REPLY = 256 << 20
#: oned's numbers for the reason of a refusal (OpenNebula, XML-RPC API).
AUTHENTICATION, AUTHORIZATION, NO_EXISTS, ACTION = 0x0100, 0x0200, 0x0400, 0x0800
XML_RPC_API, INTERNAL, ALLOCATE, LOCKED, REPLICATION = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000
_READING = (".info", ".version", ".config")


class Client:
    """Speaks to one oned as one user.

    :param auth_file: holds ``user:password`` on its first line, as OpenNebula's own tools keep it.
    :param ca_file: the authority that signed the endpoint's certificate; the system's by default.
    :param timeout: seconds that a connection or a reply may take.
    :raises OneError: the login cannot be read, or would travel in the clear.
    """

    def __init__(
        self, endpoint: str, auth_file: str, ca_file: str | None = None, timeout: float = 60
    ) -> None:
        self.endpoint = endpoint
        self.auth_file = auth_file
        self.timeout = timeout
        self._host, self._port, self._path, secure = _taken_apart(endpoint)
        self._tls = _tls(ca_file) if secure else None
        self._session = _login(auth_file)

    @property
    def user(self) -> str:
        """The name of the user who logs in."""
        return self._session.partition(":")[0]

    def call(self, method: str, *arguments: Any) -> Any:  # noqa: ANN401 - what XML-RPC carries
        """Call oned and give what it answers.

        A call that only reads is sent again once where the connection broke; one that changes
        something never is.

        :raises RefusedError: oned said no.
        :raises LostError: the connection broke on the way; a change may have been made or not.
        :raises OneError: oned cannot be reached, or what answers is not oned.
        """
        body = self._written(method, arguments)
        reading = method.endswith(_READING)
        try:
            reply = self._exchange(method, body, reading)
        except LostError:
            if not reading:
                raise
            reply = self._exchange(method, body, reading)
        return self._judged(method, self._read(method, reply))

    def info(self, method: str, *arguments: Any) -> Any:  # noqa: ANN401 - an element
        """Call a method that answers with XML, and give its root element."""
        return read_xml(self.call(method, *arguments))

    def _written(self, method: str, arguments: tuple[Any, ...]) -> bytes:
        return xmlrpc.client.dumps((self._session, *arguments), method).encode("utf-8")

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self.timeout, context=self._tls
        )

    def _exchange(self, method: str, body: bytes, reading: bool) -> bytes:
        connection = self._connection()
        try:
            self._connect(connection, method)
            try:
                connection.request("POST", self._path, body, {"Content-Type": "text/xml"})
                response = connection.getresponse()
                reply = response.read(_LARGEST_REPLY + 1)
            except (OSError, http.client.HTTPException) as error:
                raise self._lost(method, error, reading) from None
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise self._not_ok(method, response.status, reading)
        if len(reply) > _LARGEST_REPLY:
            raise OneError(f"{method}: the reply is larger than {_LARGEST_REPLY >> 20} MiB")
        return reply

    def _connect(self, connection: http.client.HTTPConnection, method: str) -> None:
        nothing = f"{method} was not sent and nothing was changed"
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise OneError(
                f"the certificate of {self.endpoint} is not to be trusted"
                f" ({error.verify_message}); {nothing}",
                "give the site's authority in ca_file, and the name that the certificate carries"
                " in endpoint",
            ) from None
        except ssl.SSLError as error:
            raise OneError(
                f"{self.endpoint} does not speak TLS as it should ({error.reason}); {nothing}",
                "see whether the port is the one with TLS, of at least version 1.2",
            ) from None
        except (OSError, UnicodeError) as error:
            raise OneError(
                f"oned cannot be reached at {self.endpoint} ({_words(error)}); {nothing}",
                "see on the front-end: systemctl status opennebula",
            ) from None

    def _lost(self, method: str, error: Exception, reading: bool) -> LostError:
        broke = f"the connection to {self.endpoint} broke during {method} ({_words(error)})"
        if reading:
            return LostError(
                f"{broke}; it only reads, so this call changed nothing",
                "see on the front-end: systemctl status opennebula",
            )
        return LostError(
            f"{broke}; oned may have made this change or not",
            "run it again: what is there is looked at first, and only what lacks is done. See on"
            " the front-end: systemctl status opennebula",
        )

    def _not_ok(self, method: str, status: int, reading: bool) -> OneError:
        message = f"{self.endpoint} answers {method} with HTTP status {status}"
        if status in (
            http.client.BAD_GATEWAY,
            http.client.SERVICE_UNAVAILABLE,
            http.client.GATEWAY_TIMEOUT,
        ):
            hint = "the proxy works and oned behind it does not: systemctl status opennebula"
            if reading:
                return OneError(message, hint)
            return LostError(f"{message}; oned may have made this change or not", hint)
        return OneError(message, "see whether the endpoint ends in /RPC2 and is oned's")

    def _read(self, method: str, reply: bytes) -> Any:  # noqa: ANN401 - what XML-RPC carries
        target = xmlrpc.client.Unmarshaller(use_builtin_types=True)
        parser = hardened_parser()
        parser.StartElementHandler = target.start
        parser.EndElementHandler = target.end
        parser.CharacterDataHandler = target.data
        target.xml(None, None)
        try:
            parser.Parse(reply, True)
            return target.close()[0]
        except xmlrpc.client.Fault as fault:
            raise OneError(
                f"oned does not take the call {method}: {fault.faultString}",
                "its release is perhaps none that is supported (6.10, 7.x)",
            ) from None
        except (expat.ExpatError, xmlrpc.client.Error, IndexError, TypeError, ValueError):
            raise OneError(
                f"what {self.endpoint} answers to {method} is no XML-RPC",
                "see what listens there: it is not oned, or its address does not end in /RPC2",
            ) from None

    def _judged(self, method: str, answer: Any) -> Any:  # noqa: ANN401 - what XML-RPC carries
        if not isinstance(answer, list) or len(answer) < 2 or not isinstance(answer[0], bool):
            raise OneError(f"{method}: the answer does not have the form of oned's answers")
        if answer[0]:
            return answer[1]
        code = answer[2] if len(answer) > 2 and isinstance(answer[2], int) else 0
        raise self._refusal(method, code, str(answer[1]).strip())

    def _refusal(self, method: str, code: int, words: str) -> RefusedError:
        said = re.sub(r"^\[[\w.]+\]\s*", "", words) or "no reason given"
        if code == AUTHENTICATION:
            return RefusedError(
                f"oned at {self.endpoint} does not accept the login in {self.auth_file}",
                f"log in by hand with it, as user {self.user!r}. one_auth counts only at the very"
                " first start of oned: later, change the password with oneuser passwd and then"
                " the file",
                code,
            )
        hints = {
            AUTHORIZATION: f"{self.user!r} lacks the right: use oneadmin's login or add an ACL"
            " rule; a quota may be used up too",
            NO_EXISTS: "it was removed in the meantime: run it again",
            LOCKED: "somebody locked it with the command onevm, oneimage, … lock: unlock it there",
            REPLICATION: "not enough servers of the front-end answer: see onezone show 0",
        }
        hint = hints.get(code, "")
        if not hint and "already taken" in said:
            hint = "a name is used once only: run it again, or choose another name"
        if not hint:
            hint = "the front-end's /var/log/one/oned.log says more"
        return RefusedError(f"oned refuses {method}: {said}", hint, code)


def _words(error: BaseException) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _taken_apart(endpoint: str) -> tuple[str, int, str, bool]:
    parts = urlsplit(endpoint)
    try:
        port = parts.port
    except ValueError:
        raise OneError(f"endpoint {endpoint!r} has no proper port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise OneError(
            f"endpoint {endpoint!r} is no address of oned", f"write it like {DEFAULT_ENDPOINT}"
        )
    if parts.username is not None or parts.password is not None:
        raise OneError(
            "endpoint carries a user or a password, which logs would show",
            "put user:password into a file and name it in auth_file",
        )
    secure = parts.scheme == "https"
    if not secure and not _is_own(parts.hostname):
        raise OneError(
            f"endpoint {endpoint!r} would send the password in the clear",
            "use https://, or run this on the front-end against http://127.0.0.1:2633/RPC2",
        )
    return parts.hostname, port or (443 if secure else 80), parts.path or "/RPC2", secure


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise OneError(
            f"the certificates in {ca_file} cannot be read ({_words(error)})",
            "give a file of PEM certificates",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _login(auth_file: str) -> str:
    hint = "it holds user:password on one line; OpenNebula's own is " + DEFAULT_AUTH_FILE
    try:
        with open(auth_file, encoding="utf-8") as file:  # noqa: PTH123 - as old as the target
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise OneError(f"the login in {auth_file} cannot be read ({_words(error)})", hint) from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise OneError(f"the login in {auth_file} is open to others", f"run: chmod go= {auth_file}")
    user, colon, password = line.partition(":")
    if not (user and colon and password):
        raise OneError(f"{auth_file} holds no login", hint)
    return line
