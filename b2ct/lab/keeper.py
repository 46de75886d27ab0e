"""The process that a lab lives in: it starts the guests, and is their power switch.

``python -m b2ct.lab.keeper FOLDER``. Every guest is its child and dies with it. Two doors lead
in: a TCP port on the loopback for fence agents (guests see 10.0.2.2), where a line is ``TOKEN
ACTION NODE``; and a socket in the lab's folder of sockets, which only the lab's owner reaches,
where it is ``ACTION NODE``. The answer is ``OK TEXT`` or ``ERROR TEXT``.

One thread does it all: the kernel ends a guest with the very thread that started it.
"""

from __future__ import annotations

import contextlib
import hmac
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from b2ct.errors import B2ctError
from b2ct.lab import running as runs
from b2ct.lab.cables import keep_pulled
from b2ct.lab.monitor import qmp
from b2ct.lab.process import process, tied
from b2ct.lab.qemu import QMP
from b2ct.lab.running import Running, RunningGuest

#: What a fence agent may ask for.
FENCE_ACTIONS: Final = ("on", "off", "reboot", "status", "monitor", "list")
#: What only the lab's owner may: begin as the lab was made (resume), and end the lab.
OWN_ACTIONS: Final = (*FENCE_ACTIONS, "begin", "end")
_LONGEST_LINE: Final = 512
_LOOK_EVERY_S: Final = 1.0
PROCESS_FILE: Final = "qemu.json"


class Switch:
    """The power of every guest."""

    def __init__(self, running: Running, log: Callable[[str], None]) -> None:
        self._running = running
        self._log = log
        self._alive: dict[str, subprocess.Popen[bytes]] = {}
        #: When the firmware of a guest that is on has done its self-test.
        self._tested: dict[str, float] = {}

    def status(self, name: str) -> str:
        """Give ``on`` or ``off``."""
        self.notice()
        return "on" if self._running.guest(name).name in self._alive else "off"

    def on(self, name: str, *, begin: bool = False) -> str:
        """Start a guest; one that runs goes on running.

        :param begin: as the lab was made: resume if it can, and without a self-test.
        """
        guest = self._running.guest(name)
        if self.status(name) == "on":
            return "on"
        argv = [*guest.argv]
        if begin and guest.resume is not None:
            argv += ["-incoming", f"exec:zstd -dcq {guest.resume}"]
        tests = not begin and self._running.self_test_s > 0
        if tests:
            argv.append("-S")
        with (guest.folder / "qemu.err").open("wb") as errors:
            child = subprocess.Popen(
                tied(argv), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        self._alive[name] = child
        found = process(child.pid)
        if found is not None:
            runs.note_process(guest.folder / PROCESS_FILE, found)
        self._log(f"{name}: on (process {child.pid})")
        if tests:
            self._tested[name] = time.monotonic() + self._running.self_test_s
        keep_pulled(guest)
        return "on"

    def off(self, name: str) -> str:
        """Pull the plug; "already off" is as good."""
        guest = self._running.guest(name)
        if self.status(name) == "on":
            child = self._alive.pop(name)
            self._tested.pop(name, None)
            child.kill()
            child.wait()
            self._log(f"{name}: off")
        else:
            self._log(f"{name}: already off")
        (guest.folder / PROCESS_FILE).unlink(missing_ok=True)
        return "off"

    def notice(self) -> None:
        """Take note of guests that ended by themselves."""
        for name, child in list(self._alive.items()):
            code = child.poll()
            if code is not None:
                del self._alive[name]
                self._tested.pop(name, None)
                (self._running.guest(name).folder / PROCESS_FILE).unlink(missing_ok=True)
                self._log(f"{name}: ended by itself ({code}){_why(self._running.guest(name))}")

    def start_tested(self) -> None:
        """Let guests start whose firmware has done its self-test."""
        now = time.monotonic()
        for name in [name for name, due in self._tested.items() if due <= now]:
            del self._tested[name]
            try:
                qmp(self._running.guest(name).sockets / QMP, "cont")
                self._log(f"{name}: starts after its self-test")
            except B2ctError as error:
                self._log(f"{name}: does not start after its self-test: {error}")

    def all_off(self) -> None:
        """Pull every plug."""
        for child in self._alive.values():
            child.kill()
        for name in list(self._alive):
            self._alive[name].wait()
            del self._alive[name]


def _why(guest: RunningGuest) -> str:
    told = (guest.folder / "qemu.err").read_text(errors="replace").strip()
    return f": {told.splitlines()[-1]}" if told else ""


def obey(switch: Switch, running: Running, action: str, name: str) -> str:
    """Do one action and give what is answered.

    :raises B2ctError: there is no such node.
    """
    if action == "list":
        return " ".join(guest.name for guest in running.guests)
    if action == "monitor":
        return "ready"
    if action == "status":
        return switch.status(name)
    if action in ("off", "reboot"):
        switch.off(name)
    if action in ("on", "reboot", "begin"):
        switch.on(name, begin=action == "begin")
    return switch.status(name)


class Keeper:
    """Serves both doors until it is told to end."""

    def __init__(self, folder: Path) -> None:
        found = runs.read(folder)
        if found is None:
            raise B2ctError(f"{folder} holds no lab")
        self._running = found
        self._log_stream = (folder / "keeper.log").open("a", encoding="utf-8")
        self._switch = Switch(found, self._log)
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._kept: dict[socket.socket, bytes] = {}

    def _log(self, text: str) -> None:
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._log_stream.write(f"{now} {text}\n")
        self._log_stream.flush()

    def serve(self) -> None:
        """Answer until the end; then every guest is off."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        fence = socket.create_server(("127.0.0.1", self._running.power_port))
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        own.bind(str(self._running.sockets / runs.CONTROL))
        own.listen(16)
        try:
            for door, is_own in ((fence, False), (own, True)):
                door.setblocking(False)
                self._selector.register(door, selectors.EVENT_READ, ("door", is_own))
            self._log(f"the lab {self._running.name} begins")
            while not self._ending:
                for key, _ in self._selector.select(_LOOK_EVERY_S):
                    kind, is_own = key.data
                    assert isinstance(key.fileobj, socket.socket)
                    if kind == "door":
                        self._let_in(key.fileobj, is_own=is_own)
                    else:
                        self._hear(key.fileobj, is_own=is_own)
                self._switch.notice()
                self._switch.start_tested()
        finally:
            self._switch.all_off()
            self._log(f"the lab {self._running.name} ends")

    def _end(self, *_: object) -> None:
        self._ending = True

    def _let_in(self, door: socket.socket, *, is_own: bool) -> None:
        with contextlib.suppress(OSError):
            guest, _ = door.accept()
            guest.setblocking(False)
            self._kept[guest] = b""
            self._selector.register(guest, selectors.EVENT_READ, ("guest", is_own))

    def _hear(self, guest: socket.socket, *, is_own: bool) -> None:
        chunk = b""
        with contextlib.suppress(OSError):
            chunk = guest.recv(_LONGEST_LINE)
        self._kept[guest] += chunk
        line, newline, _ = self._kept[guest].partition(b"\n")
        if newline:
            with contextlib.suppress(OSError):
                guest.sendall(self._answer(line.decode(errors="replace"), is_own=is_own))
        if newline or not chunk or len(self._kept[guest]) > _LONGEST_LINE:
            del self._kept[guest]
            self._selector.unregister(guest)
            guest.close()

    def _answer(self, line: str, *, is_own: bool) -> bytes:
        words = line.split()
        if not is_own:
            token = words.pop(0) if words else ""
            if not hmac.compare_digest(token.encode(), self._running.token.encode()):
                self._log("refused: wrong token")
                return b"ERROR wrong token\n"
        action, name = (*words, "", "")[:2]
        if action not in (OWN_ACTIONS if is_own else FENCE_ACTIONS):
            return f"ERROR no such action: {action}\n".encode()
        if action == "end":
            self._ending = True
            return b"OK ending\n"
        begun = time.monotonic()
        try:
            told = obey(self._switch, self._running, action, name)
        except (B2ctError, OSError) as error:
            self._log(f"{action} {name}: {error}")
            return f"ERROR {error}\n".encode()
        if action not in ("status", "monitor", "list"):
            took = time.monotonic() - begun
            self._log(f"{name}: {action} asked {'here' if is_own else 'by an agent'}, {took:.2f} s")
        return f"OK {told}\n".encode()


def main() -> None:
    """Keep the lab of a folder until it ends."""
    folder = Path(sys.argv[1])
    own = process(int(Path("/proc/self").readlink().name))
    assert own is not None
    runs.note_process(folder / runs.KEEPER_FILE, own)
    Keeper(folder).serve()


if __name__ == "__main__":
    main()
