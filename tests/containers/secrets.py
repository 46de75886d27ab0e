"""Finds where a secret shows: in what a run prints, lists of processes, journals and open files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

#: Where services and people keep files; the rest comes with packages.
_FOLDERS = "/etc /var /run /tmp /srv /opt /home /root /usr/local"
#: So many looks long a process is new: a program may become another one.
_YOUNG = 30


@contextlib.contextmanager
def processes(secrets: Sequence[str]) -> Iterator[list[str]]:
    """Watch the arguments of every process of the session, those in its containers among them.

    Gives a list that fills with the command lines that hold one of the secrets. New processes are
    looked at a hundred times a second, old ones ten times: what ends sooner may be missed.
    """
    found: list[str] = []
    wanted = [secret.encode() for secret in secrets]
    stop = threading.Event()

    def look() -> None:
        seen: Counter[str] = Counter()
        while not stop.wait(0.01):
            for process in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - it is fast
                seen[process] += 1
                if seen[process] > _YOUNG and seen[process] % 10:
                    continue
                with contextlib.suppress(OSError):
                    line = Path("/proc", process, "cmdline").read_bytes()
                    if any(secret in line for secret in wanted):
                        found.append(line.replace(b"\0", b" ").decode(errors="replace")[:300])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def printed(run: subprocess.CompletedProcess[str], secrets: Sequence[str]) -> list[str]:
    """Give the lines of a run that hold one of the secrets."""
    lines = (run.stdout + run.stderr).splitlines()
    return [line[:300] for line in lines if any(secret in line for secret in secrets)]


def journal(host: str, secrets: Sequence[str]) -> list[str]:
    """Give the lines of a container's journal that hold one of the secrets."""
    return _grep(host, "journalctl --no-pager --boot | grep -F -f /dev/fd/3", secrets)


def readable(host: str, secrets: Sequence[str]) -> list[str]:
    """Give the files that a user without rights can read and that hold one of the secrets."""
    script = f"setpriv --reuid=65534 --regid=65534 --clear-groups grep -rslF -f - {_FOLDERS} <&3"
    return _grep(host, script, secrets)


def _grep(host: str, script: str, secrets: Sequence[str]) -> list[str]:
    """Run a search in a container; what is searched comes over a pipe and not as an argument."""
    done = subprocess.run(
        ["podman", "exec", "--interactive", host, "bash", "-c", f"exec 3<&0 </dev/null; {script}"],
        input="\n".join(secrets), capture_output=True, text=True, check=False,
    )  # fmt: skip
    # grep's own codes: found, or not; 2 also where it may not read something.
    assert done.returncode in (0, 1, 2), f"{host}: {done.stderr}"
    return done.stdout.splitlines()
