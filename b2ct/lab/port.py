"""The lab's own port into a guest: requests as lines of JSON, without any network."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from b2ct.errors import B2ctError


def ask(path: Path, request: Mapping[str, Any], *, limit_s: float, what: str) -> None:
    """Send a request and wait until the guest has done it.

    :param what: what is waited for, for the error.
    :raises B2ctError: the guest did not answer in time, or could not do it.
    """
    ticket = f"{time.monotonic_ns():x}"
    deadline = time.monotonic() + limit_s
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(path))
            link.sendall(json.dumps({**request, "ticket": ticket}).encode() + b"\n")
            kept = b""
            while True:
                link.settimeout(max(deadline - time.monotonic(), 0.01))
                chunk = link.recv(65536)
                if not chunk:
                    raise B2ctError(f"{what}: the machine ended", "see its console.log")
                *lines, kept = (kept + chunk).split(b"\n")
                for line in lines:
                    answer = json.loads(line)
                    if answer.get("ticket") == ticket:
                        if "error" in answer:
                            raise B2ctError(f"{what}: {answer['error']}")
                        return
    except TimeoutError:
        raise B2ctError(
            f"{what}: no answer within {limit_s:.0f} s", "see its console.log"
        ) from None
    except (OSError, ValueError) as error:
        raise B2ctError(f"{what}: {error}", "see its console.log") from error
