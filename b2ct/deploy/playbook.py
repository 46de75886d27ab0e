"""One call of ansible-playbook: its events as they come, its output into the log.

Passwords go to Ansible through anonymous memory (``/dev/fd/N``): they are in no file, in no
environment and in no list of processes. The log gets Ansible's own output with every secret
of the vault taken out.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from b2ct.deploy.events import Event, parse
from b2ct.redact import Redactor

#: Ansible's own code for "hosts failed", "hosts not reachable", "both".
HOSTS_FAILED: Final = frozenset({2, 4, 6, 8})
#: How long a playbook may take to end after Ctrl-C, in seconds.
_PATIENCE_S: Final = 15.0
_CHUNK: Final = 1 << 16
_FORKS: Final = 25

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Call:
    """What is the same for every stage of a run."""

    inventory: Path
    limit: str | None = None
    check: bool = False
    user: str | None = None
    become_password: str | None = field(default=None, repr=False)
    #: Pairs of a vault identity and its password.
    vault: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    extra: tuple[str, ...] = ()
    verbosity: int = 0


@dataclass(frozen=True)
class Ended:
    """How the call ended. ``last`` are the last lines of its output."""

    code: int
    last: tuple[str, ...]


def run(call: Call, playbook: Path, log: IO[str], redact: Redactor, on_event: OnEvent) -> Ended:
    """Run a playbook to its end.

    :raises KeyboardInterrupt: after Ctrl-C, when the playbook has ended.
    """
    with contextlib.ExitStack() as stack:
        secrets = [(name, stack.enter_context(_in_memory(text))) for name, text in call.vault]
        become = None
        if call.become_password is not None:
            become = stack.enter_context(_in_memory(call.become_password.encode()))
        events, theirs = os.pipe()
        stack.callback(os.close, events)
        argv = _argv(call, playbook, secrets, become)
        log.write(redact(f"$ {' '.join(argv[2:])}\n"))
        log.flush()
        passed = [theirs, *(fd for _, fd in secrets), *([become] if become is not None else [])]
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=_environment(theirs),
                pass_fds=passed,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        reader = _Reader(log, redact, on_event)
        try:
            reader.read(process, events)
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    return Ended(code, tuple(reader.last))


def _argv(
    call: Call, playbook: Path, secrets: Sequence[tuple[str, int]], become: int | None
) -> list[str]:
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", str(call.inventory)]
    if call.limit:
        argv += ["--limit", call.limit]
    if call.check:
        argv += ["--check", "--diff"]
    if call.user:
        argv += ["--user", call.user]
    for name, descriptor in secrets:
        argv += ["--vault-id", f"{name}@/dev/fd/{descriptor}"]
    if become is not None:
        argv += ["--become-password-file", f"/dev/fd/{become}"]
    if call.verbosity:
        argv.append("-" + "v" * call.verbosity)
    return [*argv, *call.extra, str(playbook)]


def _environment(events: int) -> Mapping[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        # The passwords go by --vault-id; a second source would be asked a second time.
        if name not in {"ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST"}
    }
    enabled = [
        name for name in (kept.get("ANSIBLE_CALLBACKS_ENABLED"), "b2ct.cloud.events") if name
    ]
    kept |= {
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(enabled),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_NOCOLOR": "1",
        "B2CT_EVENTS_FD": str(events),
        "PYTHONUNBUFFERED": "1",
    }
    kept.pop("ANSIBLE_FORCE_COLOR", None)
    for setting, variable, value in (
        ("DEFAULT_FORKS", "ANSIBLE_FORKS", str(_FORKS)),
        ("ANSIBLE_PIPELINING", "ANSIBLE_PIPELINING", "true"),
    ):
        if _is_default(setting):
            kept[variable] = value
    return kept


def _is_default(setting: str) -> bool:
    from ansible import constants

    origin: Any = constants.config.get_config_value_and_origin(setting)[1]
    return bool(origin == "default")


@contextlib.contextmanager
def _in_memory(text: bytes) -> Iterator[int]:
    """Hold a text in memory that Ansible reads as a file, and does not take for a program."""
    descriptor = os.memfd_create("b2ct", os.MFD_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, text)
        yield descriptor
    finally:
        os.close(descriptor)


class _Reader:
    """Reads events and output side by side."""

    def __init__(self, log: IO[str], redact: Redactor, on_event: OnEvent) -> None:
        self._log = log
        self._redact = redact
        self._on_event = on_event
        self.last: list[str] = []

    def read(self, process: subprocess.Popen[bytes], events: int) -> None:
        """Read until the playbook has ended."""
        assert process.stdout is not None
        buffers = {events: b"", process.stdout.fileno(): b""}
        with selectors.DefaultSelector() as selector:
            for descriptor in buffers:
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(0.5)
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    *lines, rest = (buffers[key.fd] + chunk).split(b"\n")
                    buffers[key.fd] = rest
                    if not chunk:
                        selector.unregister(key.fd)
                        lines = [rest] if rest else []
                    for line in lines:
                        self._take(line.decode(errors="replace"), is_event=key.fd == events)
                # A process that a task left behind may hold the pipes: do not wait for it.
                if not ready and process.poll() is not None:
                    break
        self._log.flush()

    def _take(self, line: str, *, is_event: bool) -> None:
        clear = self._redact(line)
        if is_event:
            event = parse(clear)
            if event is not None:
                self._on_event(event)
            return
        self._log.write(clear + "\n")
        self._log.flush()
        if clear.strip():
            self.last = [*self.last[-9:], clear]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a playbook: first as Ctrl-C would, so that Ansible tidies up, then for good."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
