"""QEMU's monitor: one command, one answer."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from b2ct.errors import B2ctError


def qmp(path: Path, command: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
    """Run one QMP command and return its result.

    :raises B2ctError: the machine does not answer, or refuses.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(60)
            link.connect(str(path))
            with link.makefile("rwb") as stream:
                stream.readline()
                _ask(stream, "qmp_capabilities", {})
                return _ask(stream, command, arguments)
    except (OSError, ValueError) as error:
        raise B2ctError(
            f"the machine's monitor does not answer: {error}", "see: b2ct lab status"
        ) from error


def _ask(stream: Any, command: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
    stream.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
    stream.flush()
    answer = json.loads(stream.readline())
    while "event" in answer:
        answer = json.loads(stream.readline())
    if "error" in answer:
        raise B2ctError(f"QEMU refuses {command}: {answer['error']['desc']}")
    return answer["return"]
