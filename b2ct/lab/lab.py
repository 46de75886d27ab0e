"""A lab that runs: its guests' power, cables, disks, and the way in."""

from __future__ import annotations

import contextlib
import json
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from b2ct.errors import B2ctError
from b2ct.lab import inventory, keeper, running
from b2ct.lab.cables import set_cable
from b2ct.lab.make import IDENTITY_FILE
from b2ct.lab.monitor import qmp
from b2ct.lab.port import ask
from b2ct.lab.process import Process, tied
from b2ct.lab.qemu import PORT, QMP
from b2ct.lab.running import Running, RunningGuest

#: Emulated on a busy host, a boot takes minutes.
BOOT_LIMIT_S: Final = 900.0
_TELL_LIMIT_S: Final = 300.0
_KEEPER_LIMIT_S: Final = 60.0
#: One connection for many commands: making one costs an emulated guest a second. The end of the
#: guest ends it; a guest that hangs is noticed within a minute.
_QUIET: Final = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "LogLevel=ERROR"),
    *("-o", "ControlMaster=auto", "-o", "ControlPersist=600"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
)
_SSH_FAILED: Final = 255
_NO_SESSION: Final = "mux_client_request_session"
#: Marks a guest that is the node it is to be.
_BECAME: Final = "became"

#: Called with what is done: a text, how many guests are there, and how many there are.
Progress = Callable[[str, int, int], None]


class Lab:
    """A lab by its folder."""

    def __init__(self, folder: Path, found: Running) -> None:
        self.folder = folder
        self.running = found

    @classmethod
    def at(cls, folder: Path) -> Lab | None:
        """Give the lab of a folder, whether it runs or not; None where there is none."""
        found = running.read(folder)
        return cls(folder, found) if found is not None else None

    # --- life ------------------------------------------------------------------------------

    @property
    def keeper(self) -> Process | None:
        """The process that the lab lives in, if it does."""
        found = running.noted_process(self.folder / running.KEEPER_FILE)
        return found if found is not None and found.alive else None

    def start_keeper(self, *, with_me: bool = False) -> None:
        """Start the process that the lab lives in; no guest is on yet.

        :param with_me: let it end with the calling thread.
        """
        command = [sys.executable, "-m", keeper.__name__, str(self.folder)]
        with (self.folder / "keeper.err").open("wb") as errors:
            child = subprocess.Popen(
                tied(command) if with_me else command,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + _KEEPER_LIMIT_S
        while True:
            with contextlib.suppress(B2ctError):
                self._keeper("monitor")
                return
            if child.poll() is not None or time.monotonic() > deadline:
                told = (self.folder / "keeper.err").read_text(errors="replace").strip()
                last = told.splitlines()[-1] if told else "it gave no reason"
                raise B2ctError(
                    f"the lab's keeper did not start: {last}",
                    "if a port was taken meanwhile: b2ct lab down, and up again",
                )
            time.sleep(0.1)

    def begin(self, progress: Progress) -> tuple[str, ...]:
        """Start what is off, and make of each new guest the node that it is to be.

        :return: the nodes that were started.
        """
        off = [one for one in self.running.guests if self.power(one.name, "status") == "off"]
        new = [one for one in self.running.guests if not (one.folder / _BECAME).exists()]
        for guest in off:
            self._keeper("begin" if guest in new else "on", guest.name)
        woken = [guest for guest in self.running.guests if guest in off or guest in new]
        if woken:
            self._each("booting", woken, self.greet, progress)
            self._each("becoming the nodes", new, self._become, progress)
            self._each("waiting for ssh", woken, self.await_ssh, progress)
            self._each("opening the journals", new, self._open_journal, progress)
        return tuple(guest.name for guest in off)

    def _each(
        self,
        what: str,
        guests: list[RunningGuest],
        work: Callable[[RunningGuest], None],
        progress: Progress,
    ) -> None:
        if not guests:
            return
        progress(what, 0, len(guests))
        with ThreadPoolExecutor(len(guests)) as pool:
            for done, _ in enumerate(pool.map(work, guests), 1):
                progress(what, done, len(guests))

    def greet(self, guest: RunningGuest) -> None:
        """Wait until a guest has booted."""
        self._resumed(guest)
        what = f"{guest.name} boots"
        ask(guest.sockets / PORT, {"do": "hello"}, limit_s=BOOT_LIMIT_S, what=what)

    def _resumed(self, guest: RunningGuest) -> None:
        """Wait for QEMU's monitor, and let a saved machine run."""
        deadline = time.monotonic() + _KEEPER_LIMIT_S
        while True:
            try:
                state = qmp(guest.sockets / QMP, "query-status")["status"]
            except B2ctError as error:
                if self.power(guest.name, "status") == "off":
                    told = (guest.folder / "qemu.err").read_text(errors="replace").strip()
                    raise B2ctError(f"{guest.name}: QEMU ended: {told}") from None
                state = f"silent ({error.message})"
            if state == "running":
                return
            if state == "paused" and guest.resume is not None:
                qmp(guest.sockets / QMP, "cont")
            elif time.monotonic() > deadline:
                raise B2ctError(f"{guest.name} does not begin to run: it is {state}")
            time.sleep(0.1)

    def _become(self, guest: RunningGuest) -> None:
        told = json.loads((guest.folder / IDENTITY_FILE).read_text())
        told["seed"] = secrets.token_hex(64)
        told["clock"] = time.time()
        request = {"do": "become", "identity": told}
        what = f"{guest.name} becomes a node of the lab"
        ask(guest.sockets / PORT, request, limit_s=_TELL_LIMIT_S, what=what)
        (guest.folder / _BECAME).touch()

    def _open_journal(self, guest: RunningGuest) -> None:
        """Let a new node's journal be its own: it was begun by the machine that was saved."""
        done = self.run(guest.name, "systemctl restart systemd-journald")
        if done.returncode != 0:
            raise B2ctError(f"{guest.name}: its journal cannot be opened: {done.stderr.strip()}")

    def await_ssh(self, guest: RunningGuest, limit_s: float = BOOT_LIMIT_S) -> None:
        """Wait until a guest lets us in."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                done = self.run(guest.name, "true", limit_s=max(deadline - time.monotonic(), 1))
                told = done.stderr.strip()
            except B2ctError as error:
                told = error.message
            else:
                if done.returncode == 0:
                    return
            if time.monotonic() > deadline:
                raise B2ctError(f"{guest.name} does not answer over ssh: {told}")
            time.sleep(0.5)

    def down(self) -> None:
        """End every process of the lab and remove all that it has."""
        found = self.keeper
        if found is not None:
            with contextlib.suppress(B2ctError):
                self._keeper("end")
            deadline = time.monotonic() + 20
            while found.alive and time.monotonic() < deadline:
                time.sleep(0.05)
            found.kill()
        for guest in self.running.guests:
            left = running.noted_process(guest.folder / keeper.PROCESS_FILE)
            if left is not None:
                left.kill()
        shutil.rmtree(self.running.sockets, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- power and cables --------------------------------------------------------------------

    def power(self, name: str, action: str) -> str:
        """Switch a guest ``on``, ``off`` (its plug is pulled) or ``reboot``; or give ``status``."""
        self.running.guest(name)
        return self._keeper(action, name)

    def pull(self, name: str, card: str) -> None:
        """Pull the cable of a network card: it is out until it is put back, whatever the power."""
        self._link(name, card, up=False)

    def plug(self, name: str, card: str) -> None:
        """Put the cable of a network card back."""
        self._link(name, card, up=True)

    def _link(self, name: str, card: str, *, up: bool) -> None:
        set_cable(self.running.guest(name), card, up=up)

    def freeze(self, name: str) -> None:
        """Stop a guest's processors: it is on, and does nothing."""
        self.monitor(name, "stop")

    def thaw(self, name: str) -> None:
        """Let a frozen guest go on."""
        self.monitor(name, "cont")

    def break_disk(self, name: str, disk: str) -> None:
        """Let every read and write of a disk fail: ``own``, or ``LUN-pathN``.

        A LUN that fails on one path only is a pulled cable of the SAN.
        """
        bad = {
            "driver": "blkdebug",
            "node-name": f"{disk}-bad",
            "image": f"{disk}-file",
            "inject-error": [
                {"event": "none", "iotype": kind, "errno": 5, "once": False, "immediately": True}
                # Not flush: with it QEMU could not take the fault out again.
                for kind in ("read", "write", "discard", "write-zeroes")
            ],
        }
        self.monitor(name, "blockdev-add", **bad)
        self._reopen(name, disk, f"{disk}-bad")

    def mend_disk(self, name: str, disk: str) -> None:
        """Let a broken disk work again."""
        self._reopen(name, disk, f"{disk}-file")
        self.monitor(name, "blockdev-del", **{"node-name": f"{disk}-bad"})

    def _reopen(self, name: str, disk: str, below: str) -> None:
        option = {"driver": "raw", "node-name": disk, "file": below}
        self.monitor(name, "blockdev-reopen", options=[option])

    def monitor(self, name: str, command: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
        """Run a command of QEMU's monitor."""
        return qmp(self.running.guest(name).sockets / QMP, command, **arguments)

    def process(self, name: str) -> Process | None:
        """Give a guest's QEMU, if it runs."""
        file = self.running.guest(name).folder / keeper.PROCESS_FILE
        found = running.noted_process(file)
        return found if found is not None and found.alive else None

    # --- the way in --------------------------------------------------------------------------

    def ssh_argv(self, name: str, user: str | None = None) -> list[str]:
        """Give ssh with all that leads to a node; a command may be added."""
        guest = self.running.guest(name)
        key = str(self.folder / inventory.KEY_FILE)
        options = inventory.ssh_options(self.folder, guest)
        return ["ssh", *options, "-i", key, "-l", user or self.running.user, name]

    def run(
        self, name: str, command: str, *, limit_s: float = 300, typed: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a node as root.

        :raises B2ctError: it did not end in time.
        """
        argv = self.ssh_argv(name)
        argv[1:1] = [*_QUIET, "-o", f"ControlPath={self.running.sockets / name}.ssh"]
        script = ["sudo", "-n", "/bin/sh", "-c", shlex.quote(command)]
        try:
            for _ in range(2):
                done = subprocess.run(
                    [*argv, "--", *script],
                    input=typed,
                    stdin=subprocess.DEVNULL if typed is None else None,
                    capture_output=True,
                    text=True,
                    timeout=limit_s,
                    check=False,
                )
                # The kept connection ended just now: nothing was run.
                if done.returncode != _SSH_FAILED or _NO_SESSION not in done.stderr:
                    break
            return done
        except subprocess.TimeoutExpired:
            raise B2ctError(f"{name}: no end within {limit_s:.0f} s of: {command}") from None

    def _keeper(self, action: str, name: str = "") -> str:
        """Ask the lab's keeper."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(60)
                link.connect(str(self.running.sockets / running.CONTROL))
                link.sendall(f"{action} {name}\n".encode())
                with link.makefile("r", encoding="utf-8") as stream:
                    verdict, _, told = stream.readline().strip().partition(" ")
        except OSError as error:
            raise B2ctError(
                f"the lab {self.running.name} does not run ({error.strerror or error})",
                "start it with: b2ct lab up SITE",
            ) from error
        if verdict != "OK":
            raise B2ctError(told or "the lab's keeper gave no answer")
        return told
