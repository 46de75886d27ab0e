"""A client of the pair: it writes numbered records through the service address, and remembers
which ones were acknowledged.

A record is acknowledged when it is synced to the replicated volume of the machine that has the
address. Whatever happens to that machine, the other one must have it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

from b2ct.errors import B2ctError
from b2ct.ha.nodes import PairNodes
from b2ct.verify.connection import NodeBackend, Way

#: Runs on the node that has the address. It refuses a folder that is not the mounted volume.
_PROGRAM: Final = """
import os, sys
mount, name = sys.argv[1:3]
if not os.path.ismount(mount):
    sys.exit(mount + " is not mounted here")
folder = os.path.join(mount, ".b2ct-drill")
os.makedirs(folder, mode=0o700, exist_ok=True)
file = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
held = os.open(folder, os.O_RDONLY)
os.fsync(held)
os.close(held)
print("ready", flush=True)
while line := sys.stdin.readline():
    os.write(file, line.encode())
    os.fsync(file)
    print(line.strip(), flush=True)
"""
#: What the relay says, to its standard error, when ssh answers at the address.
_ANSWERS: Final = "b2ct: the address answers\n"
#: Reaches the address as soon as somebody has it, for ssh: connections that hang are given up after
#: a second, not when TCP would. It tells when ssh answers there, and ends with its own ssh, or when
#: the other side falls silent.
_RELAY: Final = """
import os, select, socket, sys, time
address, port, silence = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
typed = b""
def read():
    data = os.read(0, 65536)
    if not data:
        sys.exit()
    return data
while True:
    if select.select([0], [], [], 0.2)[0]:
        typed += read()
    try:
        link = socket.create_connection((address, port), 1)
        link.settimeout(silence)
        banner = link.recv(4096)
        if banner:
            break
        link.close()
    except OSError:
        pass
os.write(2, sys.argv[4].encode())
os.write(1, banner)
link.sendall(typed)
heard = time.monotonic()
while time.monotonic() - heard < silence:
    ready = select.select([0, link], [], [], 1)[0]
    if link in ready:
        data = link.recv(65536)
        if not data:
            break
        heard = time.monotonic()
        while data:
            data = data[os.write(1, data):]
    if 0 in ready:
        link.sendall(read())
"""
FOLDER: Final = ".b2ct-drill"
_REACH_S: Final = 3
_AGAIN_S: Final = 0.5
#: A dead connection is noticed after twice this: before the other node takes over.
_ALIVE_S: Final = 4
#: Nor is one waited for any longer that was accepted, and is silent before ssh watches it.
_SILENCE_S: Final = 4 * _ALIVE_S
_SSH_PORT: Final = 22
#: Under which name the keys of both nodes are known, whichever of them has the address.
_ALIAS: Final = "b2ct-pair"


class Recorder:
    """Writes in a thread of its own, and connects anew as often as it must.

    ``acknowledged`` holds (number, time.time()) of each record; ``doubtful`` are those that were
    sent and whose answer never came: they may be there or not. ``answered`` holds time.time() of
    each connection that ssh took up behind the address.
    """

    def __init__(self, nodes: PairNodes, through: str, name: str, pause_s: float = 0.05) -> None:
        self._argv, self._typed = _call(nodes, through, name)
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.acknowledged: list[tuple[int, float]] = []
        self.doubtful: list[int] = []
        self.told = ""
        self.connections = 0
        self.answered: list[float] = []
        self._next = 1

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._end()
        self._thread.join(timeout=15)

    def wait(self, count: int, limit_s: float) -> bool:
        """Wait until so many more records are acknowledged."""
        wanted = len(self.acknowledged) + count
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if len(self.acknowledged) >= wanted:
                return True
            time.sleep(0.1)
        return False

    def _work(self) -> None:
        while not self._stop.is_set():
            self._connect()
            self._stop.wait(_AGAIN_S)

    def _connect(self) -> None:
        process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._process = process
        assert process.stdin and process.stdout and process.stderr
        words: list[str] = []
        listener = threading.Thread(target=self._listen, args=(process.stderr, words), daemon=True)
        listener.start()
        try:
            if self._typed:
                process.stdin.write(self._typed)
                process.stdin.flush()
            if process.stdout.readline().strip() == b"ready":
                self.connections += 1
                self._write(process)
            else:
                listener.join(timeout=5)
                self.told = "".join(words).strip()[-300:]
        except (OSError, ValueError):
            pass
        finally:
            self._end()

    def _listen(self, stream: IO[bytes], words: list[str]) -> None:
        """Note when the address answers; keep what else ssh says."""
        for line in stream:
            if line.decode(errors="replace") == _ANSWERS:
                self.answered.append(time.time())
            else:
                words.append(line.decode(errors="replace"))

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout
        while not self._stop.is_set():
            number, self._next = self._next, self._next + 1
            self.doubtful.append(number)
            process.stdin.write(f"{number}\n".encode())
            process.stdin.flush()
            if process.stdout.readline().strip() != str(number).encode():
                return
            self.acknowledged.append((number, time.time()))
            self.doubtful.remove(number)
            self._stop.wait(self._pause_s)

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)


def _call(nodes: PairNodes, through: str, name: str) -> tuple[list[str], bytes | None]:
    """Give ssh's arguments to write through the address, and what sudo wants typed first."""
    own = nodes.ways[through]
    if own.local:
        raise B2ctError(
            "a drill needs a client outside of the pair",
            "run it from another machine, over ssh",
        )
    mount = next(iter(nodes.mounts.values()))
    address = str(nodes.pair.address.ip)
    port = _port(nodes)
    options = [
        *("-o", "ControlMaster=no", "-o", "ControlPath=none"),
        # What leads to a node's own address, or names its key, does not count here.
        *("-o", f"HostName={address}", "-o", f"Port={port}", "-o", f"HostKeyAlias={_ALIAS}"),
        *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={_keys(nodes)}"),
        *("-o", f"ServerAliveInterval={_ALIVE_S}", "-o", "ServerAliveCountMax=2"),
        # The relay waits until the address is there.
        *("-o", "ConnectTimeout=0"),
    ]
    relay = ["-c", _RELAY, address, str(port), str(_SILENCE_S), _ANSWERS]
    if _reachable(address, port):
        proxy = [sys.executable, *relay]
    else:
        proxy = _through(own, nodes.sockets, shlex.join(["python3", *relay]))
    options += ["-o", f"ProxyCommand={shlex.join(proxy)}".replace("%", "%%")]
    way = dataclasses.replace(own, address=address, port=port, options=(*options, *own.options))
    program = shlex.join(["python3", "-c", _PROGRAM, mount, name])
    remote, typed = NodeBackend(way, nodes.sockets, 0).call(program)
    # ssh takes the first value of an option: ours come before the shared connection's.
    return [remote[0], *options, *remote[1:]], typed


def _port(nodes: PairNodes) -> int:
    """Give the port of ssh behind the address: the nodes' own, unless they are behind a router."""
    ports = {way.port for way in nodes.ways.values()}
    return (ports.pop() or _SSH_PORT) if len(ports) == 1 else _SSH_PORT


def _keys(nodes: PairNodes) -> Path:
    """Write down the host keys of both nodes as those of the address."""
    found = nodes.run_each(dict.fromkeys(nodes.names, "cat /etc/ssh/ssh_host_*_key.pub"))
    lines = []
    for name, answer in found.items():
        if answer.code != 0:
            raise B2ctError(f"{name} does not tell its host keys: {answer.error or answer.text}")
        lines += [f"{_ALIAS} {' '.join(key.split()[:2])}" for key in answer.text.splitlines()]
    file = nodes.sockets / "known_hosts"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _reachable(address: str, port: int) -> bool:
    """Whether ssh answers there: some networks take up a connection to any address."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((address, port), _REACH_S) as link,
    ):
        return link.recv(4) == b"SSH-"
    return False


def _through(way: Way, sockets: Path, command: str) -> list[str]:
    """Give what runs a command on a node, for an admin outside of the network of the address.

    It goes through the connection that is there already, if there is: many are tried in a drill.
    """
    plain = dataclasses.replace(way, become=False)
    words = NodeBackend(plain, sockets, 0).call(command)[0]
    return [words[0], "-o", "ControlMaster=no", *words[1:]]
