"""The way to a host: testinfra's commands over Ansible's own ssh settings, as root.

testinfra's ``ansible`` backend reads variables that are not templates, and knows no sudo
password. This one takes what Ansible itself would use (see ``b2ct.verify.fleet``), runs ssh
without a local shell, and gives each command a time limit.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

#: ssh's own exit code for "no connection".
_SSH_FAILED = 255


@dataclass(frozen=True)
class Way:
    """How to reach a host and become root on it. The password is never an argument."""

    address: str
    local: bool = False
    user: str | None = None
    port: int | None = None
    key: str | None = None
    options: tuple[str, ...] = ()
    become: bool = True
    become_password: str | None = field(default=None, repr=False)


class NotReachableError(Exception):
    """The host does not answer, or does not let us in."""


class TooSlowError(Exception):
    """A command did not end in time."""


class NodeBackend(BaseBackend):  # type: ignore[misc] # testinfra is untyped
    """testinfra's backend of one host."""

    NAME = "b2ct"

    def __init__(self, way: Way, sockets: Path, timeout_s: float) -> None:
        super().__init__(way.address)
        self._way = way
        self._sockets = sockets
        self._timeout_s = timeout_s

    def run(self, command: str, *args: str, **_: object) -> CommandResult:
        """Run a shell command on the host, as root."""
        wanted = self.quote(command, *args)
        argv, typed = self.call(wanted)
        try:
            done = subprocess.run(
                argv, input=typed, capture_output=True, timeout=self._timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            told = f"no answer within {self._timeout_s:.0f} s to: {wanted}"
            raise TooSlowError(told) from None
        errors = done.stderr.decode(errors="replace").strip()
        if not self._way.local and done.returncode == _SSH_FAILED:
            told = errors.splitlines()[-1] if errors else "ssh gave no reason"
            raise NotReachableError(told)
        if "sudo: a password is required" in errors or "incorrect password attempt" in errors:
            raise NotReachableError(
                "sudo wants another password: give it with -K, or as ansible_become_password"
            )
        return self.result(
            done.returncode, wanted.encode(), done.stdout.decode(errors="replace"), errors
        )

    def call(self, command: str) -> tuple[list[str], bytes | None]:
        """Give the arguments that run a shell command as root, and what sudo wants typed first."""
        typed = None
        remote = ["/bin/sh", "-c", command]
        if self._way.become:
            sudo = ["sudo", "-n"]
            if self._way.become_password is not None:
                sudo = ["sudo", "-S", "-p", ""]
                typed = f"{self._way.become_password}\n".encode()
            remote = [*sudo, *remote]
        if self._way.local:
            return remote, typed
        return [*self.ssh(), self._way.address, shlex.join(remote)], typed

    def ssh(self) -> list[str]:
        """Give ssh and its options, without host and command."""
        way = self._way
        # A path of a socket holds about 100 letters: %C alone would take 40 of them.
        name = hashlib.sha256(f"{way.user}@{way.address}:{way.port}".encode()).hexdigest()[:12]
        argv = ["ssh", "-o", f"ControlPath={self._sockets}/{name}", "-o", "BatchMode=yes"]
        if way.port:
            argv += ["-p", str(way.port)]
        if way.user:
            argv += ["-l", way.user]
        if way.key:
            argv += ["-i", way.key, "-o", "IdentitiesOnly=yes"]
        return [*argv, *way.options]

    def close(self) -> None:
        """End the shared connection, if there is one."""
        if not self._way.local:
            subprocess.run(
                [*self.ssh(), "-O", "exit", self._way.address],
                capture_output=True,
                timeout=10,
                check=False,
            )

    def get_variables(self) -> Mapping[str, Any]:
        """Refuse: the fixture ``wanted`` has them."""
        raise NotImplementedError("use the fixture 'wanted'")


def connect(way: Way, sockets: Path, timeout_s: float) -> Host:
    """Give testinfra's host; no connection is made yet."""
    return Host(NodeBackend(way, sockets, timeout_s))
