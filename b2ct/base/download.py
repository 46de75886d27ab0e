"""Files over HTTP(S): resumed when the connection breaks, never downgraded from TLS.

A redirect from https to http is refused. Plain http is possible where the admin or the
catalogue names it (a mirror inside the site): the proof of a medium is its SHA256 and
the vendor's signature, not the way that it came.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from pydantic import TypeAdapter, ValidationError
from urllib3.exceptions import HTTPError

from b2ct import __version__
from b2ct.base.store import disk_errors
from b2ct.errors import B2ctError
from iso_builder.progress import Progress, silent

_BLOCK = 1 << 20
_MAX_REDIRECTS = 8
_SMALL_FILE = 8 << 20
#: A server from which nothing came yet is given up sooner: its name may be wrong.
_FIRST_ATTEMPTS = 3
#: Transient answers: a retry may find the server well again.
_RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotFoundError(B2ctError):
    """The server has no such file (404, 410): another address may."""


class _BrokenError(Exception):
    """The transfer broke; what is here can be continued."""


@dataclass(frozen=True)
class Retries:
    """How often a broken transfer is taken up again without any progress between.

    ``pause_s`` is the first wait; it doubles with each attempt, up to 30 s.
    """

    attempts: int = 5
    pause_s: float = 1.0


@dataclass(frozen=True)
class Downloaded:
    """A finished partial file: not yet renamed, not yet proved.

    ``resumed`` tells that it was put together from more than one answer of a server.
    """

    part: Path
    sha256: str
    size: int
    resumed: bool


@dataclass(frozen=True)
class _Resume:
    """What a partial file is a part of. ``validator`` is a strong ETag or a date."""

    url: str
    validator: str


_RESUME: TypeAdapter[_Resume] = TypeAdapter(_Resume)


def part_of(target: Path) -> Path:
    """Return the name under which an unfinished download of ``target`` lies."""
    return target.with_name(target.name + ".partial")


def _resume_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def discard(part: Path) -> None:
    """Remove an unfinished download."""
    part.unlink(missing_ok=True)
    _resume_file(part).unlink(missing_ok=True)


class Client:
    """Requests with the rules above. The system's CA certificates count, as does a proxy
    in the environment (``https_proxy``, ``no_proxy``).
    """

    def __init__(self, retries: Retries | None = None, timeout_s: float = 30.0) -> None:
        self._retries = retries or Retries()
        self._timeout = timeout_s
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"b2ct/{__version__}"
        self._session.headers["Accept-Encoding"] = "identity"
        # requests brings CA certificates of its own; a site's own CA is in the system's.
        # (REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE override both, inside requests.)
        system = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
        if system and Path(system).is_file():
            self._session.verify = system

    def small(self, url: str) -> bytes:
        """Return a small file (a list, a signature, a key)."""
        failures = 0
        while True:
            try:
                with self._get(url, {}) as answer:
                    _check_status(answer, url)
                    body = bytearray()
                    for block in _blocks(answer):
                        body += block
                        if len(body) > _SMALL_FILE:
                            raise B2ctError(f"{url} is not a list or a key: it is too large")
                    return bytes(body)
            except _BrokenError as error:
                failures += 1
                self._pause(url, failures, error, begun=False, progress=silent)

    @contextmanager
    def download(self, url: str, target: Path, progress: Progress = silent) -> Iterator[Downloaded]:
        """Download towards ``target``; give the finished partial file.

        The body renames or discards it. While it runs, the partial file is locked against a
        second run. When the transfer fails for good, the partial file stays only if the
        server lets us continue it.
        """
        part = part_of(target)
        with disk_errors(part):
            file = part.open("a+b")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise B2ctError(
                    f"{target.name} is being downloaded by another run of b2ct", "wait for it"
                ) from error
            try:
                yield self._fill(url, part, file, progress)
            finally:
                if part.exists() and not (_resume_file(part).exists() and part.stat().st_size):
                    discard(part)

    def _fill(self, url: str, part: Path, file: BinaryIO, progress: Progress) -> Downloaded:
        what = f"downloading {part.name.removesuffix('.partial')}"
        transfer = _Transfer(url, part, file)
        failures = 0
        answers = 0
        if transfer.size:
            progress(f"reading {part.name}", 0, transfer.size)
            transfer.read_in(progress)
            answers = 1
        while True:
            before = transfer.size
            try:
                with self._get(url, transfer.headers()) as answer:
                    if answer.status_code == requests.codes.requested_range_not_satisfiable:
                        # The file here is not a part of the file there (any more).
                        transfer.restart()
                        answers = 0
                        raise _BrokenError("the server has a shorter file")
                    _check_status(answer, url)
                    if transfer.begin(answer):
                        answers = 0
                    answers += 1
                    progress(what, transfer.size, transfer.total)
                    for block in _blocks(answer):
                        transfer.write(block)
                        progress(what, transfer.size, transfer.total)
                if transfer.total and transfer.size != transfer.total:
                    raise _BrokenError("the server closed the connection early")
                transfer.finish()
                return Downloaded(part, transfer.sha256(), transfer.size, answers > 1)
            except _BrokenError as error:
                failures = 1 if transfer.size > before else failures + 1
                begun = transfer.size > 0
                self._pause(url, failures, error, begun=begun, progress=progress)

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        """Ask, and follow redirects by our rules; the answer may be of any other status."""
        for _ in range(_MAX_REDIRECTS):
            host = urlsplit(url).netloc
            try:
                answer = self._session.get(
                    url, headers=headers, stream=True, timeout=self._timeout, allow_redirects=False
                )
            except requests.exceptions.SSLError as error:
                raise B2ctError(
                    f"no trusted TLS connection to {host}: {_reason(error)}",
                    "check the clock; a CA of your site belongs into the system's certificates, "
                    "or into the file that SSL_CERT_FILE names",
                ) from error
            except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
                raise _BrokenError(_reason(error)) from error
            except requests.exceptions.RequestException as error:
                raise B2ctError(f"cannot ask for {url}: {_reason(error)}") from error
            if not answer.is_redirect:
                return answer
            answer.close()
            following = urljoin(url, answer.headers["location"])
            if urlsplit(following).scheme not in {"http", "https"}:
                raise B2ctError(f"{url} redirects to {following}, which is not on the web")
            if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
                raise B2ctError(
                    f"{url} redirects from https to {following}: refused",
                    "give an address of your choice with --mirror",
                )
            url = following
        raise B2ctError(f"{url}: more than {_MAX_REDIRECTS} redirects", "try another --mirror")

    def _pause(
        self, url: str, failures: int, error: Exception, *, begun: bool, progress: Progress
    ) -> None:
        """Wait before the next attempt, or give up."""
        attempts = self._retries.attempts
        if failures >= (attempts if begun else min(attempts, _FIRST_ATTEMPTS)):
            raise B2ctError(
                f"cannot get {url}: {error}",
                "check the network and the proxy (https_proxy), then run it again: what is here "
                "is continued; or name another --mirror",
            ) from error
        wait = min(30.0, self._retries.pause_s * 2 ** (failures - 1))
        progress(f"{error}; trying again in {wait:.0f} s", 0, 0)
        time.sleep(wait)


class _Transfer:
    """A partial file that grows, with its hash."""

    def __init__(self, url: str, part: Path, file: BinaryIO) -> None:
        self._url, self._part, self._file = url, part, file
        self._hash = hashlib.sha256()
        self.size = 0
        self.total = 0
        self._resume: _Resume | None = None
        with suppress(OSError, ValidationError):
            self._resume = _RESUME.validate_json(_resume_file(part).read_bytes())
        # Mirrors of one file have validators of their own.
        if self._resume is None or self._resume.url != url:
            self.restart()
        else:
            self.size = file.seek(0, os.SEEK_END)

    def read_in(self, progress: Progress) -> None:
        """Hash what an earlier run left."""
        self._file.seek(0)
        done = 0
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
            done += len(block)
            progress(f"reading {self._part.name}", done, self.size)

    def restart(self) -> None:
        """Throw away what is here."""
        self._resume = None
        _resume_file(self._part).unlink(missing_ok=True)
        self._file.truncate(0)
        self._hash = hashlib.sha256()
        self.size = 0

    def headers(self) -> dict[str, str]:
        """Ask for the rest, if the file there is still the one that is here in part."""
        if not self.size or self._resume is None:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._resume.validator}

    def begin(self, answer: requests.Response) -> bool:
        """Take up an answer of status 200 or 206; True when it starts from the first byte."""
        length = _number(answer.headers.get("content-length"))
        if answer.status_code == requests.codes.partial_content:
            span = answer.headers.get("content-range", "")
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", span)
            if match is None or int(match[1]) != self.size:
                self.restart()
                raise _BrokenError(f"the server answered with another range ({span})")
            self.total = _number(match[2]) or self.size + length
            from_start = False
        else:
            self.restart()
            self.total = length
            self._note(answer)
            from_start = True
        self._check_space()
        return from_start

    def write(self, block: bytes) -> None:
        """Append a block."""
        with disk_errors(self._part):
            self._file.write(block)
            self._file.flush()
        self._hash.update(block)
        self.size += len(block)

    def finish(self) -> None:
        """Put the file onto the disk."""
        with disk_errors(self._part):
            self._file.flush()
            os.fsync(self._file.fileno())

    def sha256(self) -> str:
        """Return the SHA256 of all that is here."""
        return self._hash.hexdigest()

    def _note(self, answer: requests.Response) -> None:
        """Note by what the file is recognised when we ask for the rest (RFC 9110, 13.1.5)."""
        etag = answer.headers.get("etag", "")
        validator = answer.headers.get("last-modified", "")
        if etag.startswith('"'):
            validator = etag
        if not validator or answer.headers.get("accept-ranges", "").lower() == "none":
            return
        self._resume = _Resume(self._url, validator)
        with disk_errors(self._part):
            _resume_file(self._part).write_bytes(_RESUME.dump_json(self._resume))

    def _check_space(self) -> None:
        missing = self.total - self.size
        free = shutil.disk_usage(self._part.parent).free
        if missing > free:
            raise B2ctError(
                f"{self._part.parent} has {free >> 20} MiB free, "
                f"{self._part.name.removesuffix('.partial')} needs {-(-missing >> 20)} MiB more",
                "free some space, or set B2CT_BASE_DIR to a larger disk",
            )


def _check_status(answer: requests.Response, url: str) -> None:
    if answer.status_code in {requests.codes.not_found, requests.codes.gone}:
        raise NotFoundError(
            f"{url} is not there ({answer.status_code})",
            "the vendor may have moved it: see `b2ct base list`, or name a --mirror",
        )
    if answer.status_code in _RETRY_STATUS:
        raise _BrokenError(f"the server answers {answer.status_code} {answer.reason}")
    if answer.status_code not in {requests.codes.ok, requests.codes.partial_content}:
        raise B2ctError(
            f"{url}: the server answers {answer.status_code} {answer.reason}",
            "try another --mirror",
        )


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    """Give the bytes as they are on the wire: no decoding, and a short body is an error."""
    try:
        yield from answer.raw.stream(_BLOCK, decode_content=False)
    except (HTTPError, ConnectionError, TimeoutError, ssl.SSLError) as error:
        raise _BrokenError(_reason(error)) from error


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _reason(error: BaseException) -> str:
    """Return the innermost reason of an error of requests or urllib3, as a person reads it."""
    while True:
        inner: object = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in error.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    text = str(error)
    with suppress(IndexError):
        text = re.sub(r"^<?[\w.]*Connection\w*(\([^)]*\))?>?: ", "", text)
    return text
