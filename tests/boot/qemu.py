"""Virtual machines for tests: started, followed on the serial console, always ended.

    spec = MachineSpec("key-uefi", firmware="uefi", drives=(Drive(image, "usb", boot=True),))
    with Machine(spec, tmp_path) as machine:
        machine.wait_for(r"login:", limit_s=300)
        machine.send("root\\n")
        machine.wait_exit(limit_s=60)

Emulation (TCG) is the default: /dev/kvm may exist and yet run no guest. ``B2CT_TEST_ACCEL=kvm``
uses it where it works.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from b2ct.errors import B2ctError
from b2ct.lab import monitor
from b2ct.lab.make import free_ports
from b2ct.lab.process import tied

#: "uefi-secure" enforces Secure Boot with the keys that servers are delivered with.
Firmware = Literal["bios", "uefi", "uefi-secure"]
Bus = Literal["ahci-cd", "scsi-cd", "usb", "virtio", "ahci"]

OVMF = Path("/usr/share/OVMF")
_PLAIN_OVMF = ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd")
#: How often a growing console log is looked at, in seconds.
_LOOK_EVERY_S = 0.2
#: Called with each machine that has ended; a test run adds up what its machines cost.
on_end: list[Callable[[Machine], None]] = []
#: What the emulated processor has. Every feature that programs choose because it is fast on silicon
#: (AVX, fast string moves) costs here; without RDRAND an installer can wait minutes for entropy.
_CPU = "qemu64,+rdrand,+rdseed"
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class MachineError(Exception):
    """A machine did not start, did not print what was awaited, or did not end."""


@dataclass(frozen=True)
class Drive:
    """A medium or disk. ``boot`` puts it first; without ``keep_writes`` the file stays as it is."""

    path: Path
    bus: Bus
    boot: bool = False
    serial: str = ""
    format: Literal["raw", "qcow2"] = "raw"
    keep_writes: bool = False


@dataclass(frozen=True)
class Network:
    """A user-mode network card. ``restrict`` cuts the guest off from everything but forwards.

    ``forwards`` are pairs of a port on the host's loopback and a TCP port of the guest.
    """

    restrict: bool = True
    forwards: tuple[tuple[int, int], ...] = ()
    mac: str = "52:54:00:b2:c7:01"


@dataclass(frozen=True)
class MachineSpec:
    """A machine, before it runs. Memory in MiB; ``extra`` goes to QEMU as it stands."""

    name: str
    firmware: Firmware = "bios"
    drives: tuple[Drive, ...] = ()
    networks: tuple[Network, ...] = ()
    memory_mib: int = 512
    cpus: int = 1
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    extra: tuple[str, ...] = ()


class Machine:
    """A running machine. Leaving the ``with`` block ends its process, whatever happened.

    ``folder`` receives ``console.log``, ``qemu.pid``, ``qemu.err`` and, when a wait fails,
    ``screen.png``.
    """

    def __init__(self, spec: MachineSpec, folder: Path) -> None:
        self.spec = spec
        self.folder = folder / spec.name
        self.console_log = self.folder / "console.log"
        #: CPU seconds that the machine has used, known when it has ended.
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._serial: socket.socket | None = None
        self._started = 0.0

    # --- life ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Socket names are limited to 107 bytes, which a test's folder may exceed.
        self._sockets = Path(tempfile.mkdtemp(prefix="b2ct-vm-"))
        try:
            self._start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def _start(self) -> None:
        # The machine must not outlive a killed test run.
        argv = tied(self._command_line())
        self._started = time.monotonic()
        with (self.folder / "qemu.err").open("wb") as errors:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        deadline = time.monotonic() + 30
        while not self._socket_path("serial").exists() or not self._socket_path("qmp").exists():
            if self._ended() or time.monotonic() > deadline:
                raise MachineError(f"QEMU did not start: {self._errors()}")
            time.sleep(0.05)
        # The sockets are there before the devices are made; the monitor answers after that.
        try:
            self.qmp("query-status")
        except MachineError as error:
            raise MachineError(f"QEMU did not start: {self._errors()}") from error

    def kill(self) -> None:
        """End the process at once, if it still runs, and forget its sockets."""
        if self._serial:
            with contextlib.suppress(OSError):
                self._serial.shutdown(socket.SHUT_RDWR)
            self._serial.close()
            self._serial = None
        if self._process and self._process.returncode is None:
            if not self._ended():
                self._process.send_signal(signal.SIGKILL)
            self._reap()
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    def _ended(self) -> bool:
        """Tell whether the process has ended; it stays a zombie until :meth:`_reap`."""
        if self._process is None or self._process.returncode is not None:
            return True
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def _reap(self) -> None:
        assert self._process
        if self._process.returncode is not None:
            return
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu_s = (int(stat[11]) + int(stat[12])) / _CLOCK_TICKS
        self.wall_s = time.monotonic() - self._started
        self._process.wait()
        for listener in on_end:
            listener(self)

    # --- console ------------------------------------------------------------------------

    @property
    def console(self) -> str:
        """Everything printed on the first serial port so far."""
        if not self.console_log.exists():
            return ""
        return self.console_log.read_bytes().decode("utf-8", "replace")

    def wait_for(self, pattern: str, *, limit_s: float) -> re.Match[str]:
        """Wait until the console matches ``pattern`` (re.MULTILINE) and return the match.

        The whole console is searched. An ended machine is searched a last time. While somebody
        is connected (after ``send``), QEMU's serial port now and then sends a character twice:
        then one that comes several times counts as one, in pattern and console.
        """
        expression = re.compile(pattern, re.MULTILINE)
        once = re.compile(_unstuttered(pattern), re.MULTILINE)
        deadline = time.monotonic() + limit_s
        while True:
            ended = self._ended()
            match = expression.search(self.console)
            if match is None and self._serial:
                match = once.search(_unstuttered(self.console))
            if match:
                return match
            if ended:
                raise MachineError(self._failure(f"ended without printing {pattern!r}"))
            if time.monotonic() > deadline:
                self._last_picture()
                raise MachineError(self._failure(f"did not print {pattern!r} in {limit_s:.0f} s"))
            time.sleep(_LOOK_EVERY_S)

    def wait_exit(self, *, limit_s: float) -> None:
        """Wait until the machine has switched itself off."""
        deadline = time.monotonic() + limit_s
        while not self._ended():
            if time.monotonic() > deadline:
                self._last_picture()
                raise MachineError(self._failure(f"was still running after {limit_s:.0f} s"))
            time.sleep(_LOOK_EVERY_S)
        self._reap()
        assert self._process
        if self._process.returncode != 0:
            raise MachineError(self._failure(f"QEMU ended with {self._process.returncode}"))

    def send(self, text: str) -> None:
        """Type ``text`` on the serial console."""
        if self._serial is None:
            self._serial = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._serial.connect(str(self._socket_path("serial")))
            # QEMU sends byte by byte, and some 280 unread bytes stop the guest's output.
            threading.Thread(target=_swallow, args=(self._serial,), daemon=True).start()
        self._serial.sendall(text.encode())

    # --- monitor ------------------------------------------------------------------------

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Run one QMP command and return its result."""
        try:
            return monitor.qmp(self._socket_path("qmp"), command, **arguments)
        except B2ctError as error:
            raise MachineError(f"{command}: {error.message}") from error

    def screenshot(self, target: Path) -> Path:
        """Save the first screen as PNG."""
        self.qmp("screendump", filename=str(target.absolute()), format="png")
        return target

    # --- details ------------------------------------------------------------------------

    def _last_picture(self) -> None:
        with contextlib.suppress(MachineError):
            self.screenshot(self.folder / "screen.png")

    def _failure(self, what: str) -> str:
        tail = "\n".join(self.console.splitlines()[-25:])
        return f"{self.spec.name}: {what}\n{self._errors()}\nend of {self.console_log}:\n{tail}"

    def _errors(self) -> str:
        return (self.folder / "qemu.err").read_text(errors="replace").strip()

    def _socket_path(self, name: str) -> Path:
        assert self._sockets
        return self._sockets / name

    def _command_line(self) -> list[str]:
        spec = self.spec
        accel = os.environ.get("B2CT_TEST_ACCEL", "tcg")
        argv = ["qemu-system-x86_64", "-name", spec.name, "-nodefaults", "-no-reboot"]
        emulated = accel == "tcg"
        argv += ["-machine", "q35", "-cpu", _CPU if emulated else "max", "-smp", str(spec.cpus)]
        argv += ["-accel", "tcg,thread=multi" if emulated else accel]
        argv += ["-m", str(spec.memory_mib), "-display", "none", "-device", "VGA"]
        argv += ["-device", "virtio-rng-pci", "-pidfile", str(self.folder / "qemu.pid")]
        for name in ("serial", "qmp"):
            channel = f"socket,id={name},path={self._socket_path(name)},server=on,wait=off"
            argv += ["-chardev", channel + f",logfile={self.console_log}" * (name == "serial")]
        argv += ["-serial", "chardev:serial", "-mon", "chardev=qmp,mode=control"]
        argv += self._firmware()
        # Buses must be told before what hangs on them.
        if any(drive.bus == "usb" for drive in spec.drives):
            argv += ["-device", "qemu-xhci,id=xhci"]
        if any(drive.bus == "scsi-cd" for drive in spec.drives):
            argv += ["-device", "virtio-scsi-pci,id=scsi"]
        for number, drive in enumerate(spec.drives):
            argv += _drive(number, drive)
        for number, network in enumerate(spec.networks):
            argv += _network(number, network)
        if spec.kernel:
            argv += ["-kernel", str(spec.kernel), "-append", spec.append]
            argv += ["-initrd", str(spec.initrd)] if spec.initrd else []
        return [*argv, *spec.extra]

    def _firmware(self) -> list[str]:
        if self.spec.firmware == "bios":
            return []
        secure = self.spec.firmware == "uefi-secure"
        code, fresh = ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd") if secure else _PLAIN_OVMF
        variables = self.folder / "efi-variables.fd"
        shutil.copyfile(OVMF / fresh, variables)
        flash = "if=pflash,format=raw,unit="
        argv = ["-drive", f"{flash}0,readonly=on,file={OVMF / code}"]
        argv += ["-drive", f"{flash}1,file={variables}"]
        if secure:
            argv += ["-machine", "smm=on"]
            argv += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        return argv


def _unstuttered(text: str) -> str:
    """Write once each character that comes several times in a row, unless escaped."""
    return re.sub(r"(?<!\\)([^\\\n])\1+", r"\1", text)


def _swallow(link: socket.socket) -> None:
    """Read what is in the console's log anyway, until the other side ends."""
    with contextlib.suppress(OSError):
        while link.recv(65536):
            pass


def free_port() -> int:
    """Return a TCP port of the loopback that was free a moment ago."""
    return free_ports(1)[0]


def _drive(number: int, drive: Drive) -> list[str]:
    name = f"drive{number}"
    file = f"if=none,id={name},format={drive.format},cache=unsafe,file={drive.path}"
    if drive.bus.endswith("-cd"):
        file += ",media=cdrom,readonly=on"
    elif not drive.keep_writes:
        file += ",snapshot=on"
    device = {
        "ahci-cd": f"ide-cd,bus=ide.{number}",
        "scsi-cd": "scsi-cd,bus=scsi.0",
        "usb": "usb-storage,bus=xhci.0,removable=on",
        "virtio": "virtio-blk-pci",
        "ahci": f"ide-hd,bus=ide.{number}",
    }[drive.bus] + f",drive={name}"
    if drive.serial:
        device += f",serial={drive.serial}"
    device += f",bootindex={0 if drive.boot else number + 1}"
    return ["-drive", file, "-device", device]


def _network(number: int, network: Network) -> list[str]:
    backend = f"user,id=net{number},restrict={'on' if network.restrict else 'off'}"
    for host, guest in network.forwards:
        backend += f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
    card = f"virtio-net-pci,netdev=net{number},mac={network.mac},romfile="
    return ["-netdev", backend, "-device", card]
