"""A machine made of files: sysfs, devices, kernel command line and consoles for %pre.

The script under test is the one of the rendered kickstart, unchanged; it runs under a real
shell with its questions on a real pseudo-terminal. Only what the machine itself is, and the
programs that would touch a network, are made up.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tty
from dataclasses import dataclass, field
from pathlib import Path

from pexpect import fdpexpect

from b2ct.render.el.parse import parse
from b2ct.render.rendered import Rendered

DATA = Path(__file__).parents[2] / "data"
GIB = 1 << 30
#: Shells of the installers, with the folder of programs that they find there.
SHELLS = ("bash", "dash", "busybox")


def real_pv() -> bytes:
    """The first MiB of a physical volume that lvm2 itself made: group b2ct of site example."""
    return gzip.decompress((DATA / "lvm" / "pv-first-mib.gz").read_bytes())


def script(rendered: Rendered, section: str, index: int = 0) -> str:
    """The body of a section of a kickstart."""
    parsed = parse(rendered.path, rendered.text, rendered.release.major)
    found = [part for part in parsed.sections if part.header.startswith(section)]
    return "\n".join(found[index].body) + "\n"


@dataclass
class Console:
    """A pseudo-terminal: ``device`` is what the script sees, ``expect`` the human's side."""

    name: str
    master: int
    slave: int
    expect: fdpexpect.fdspawn

    def close(self) -> None:
        os.close(self.slave)
        self.expect.close()


@dataclass
class Machine:
    """The root folder of a fake machine, filled in step by step."""

    root: Path
    consoles: dict[str, Console] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def __post_init__(self) -> None:
        for folder in ("proc", "dev/disk", "sys/block", "sys/class/net", "sys/class/dmi/id",
                       "run/install", "tmp", "bin"):  # fmt: skip
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "proc/mounts").write_text("proc /proc proc rw 0 0\n")
        self.cmdline("inst.stage2=hd:LABEL=B2CT-EXAMPL quiet")
        self.dmi("PE", "R640", "UNKNOWN01")
        self.program("ip", "exit 0")

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def cmdline(self, text: str) -> None:
        self.write("proc/cmdline", text + "\n")

    def dmi(self, vendor: str, product: str, serial: str) -> None:
        for name, value in (("sys_vendor", vendor), ("product_name", product),
                            ("product_serial", serial)):  # fmt: skip
            self.write(f"sys/class/dmi/id/{name}", value + "\n")

    def program(self, name: str, body: str) -> Path:
        """A program that the script finds first in PATH; it notes how it was called."""
        path = self.root / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.root}/calls"\n{body}\n')
        path.chmod(0o755)
        return path

    def calls(self) -> str:
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""

    def card(self, name: str, mac: str, *, link: bool = True) -> None:
        base = f"sys/class/net/{name}"
        (self.root / base / "device").mkdir(parents=True)
        self.write(f"{base}/address", mac.upper() + "\n")
        self.write(f"{base}/carrier", "1\n" if link else "0\n")

    def disk(
        self,
        name: str,
        gib: int,
        *,
        model: str = "MODEL X",
        serial: str = "",
        rotational: bool = False,
        bus: str = "pci0000:00/0000:00:1f.2/ata1/host0",
        removable: bool = False,
        read_only: bool = False,
        by_id: str = "",
        by_path: str = "",
        content: bytes = b"",
    ) -> None:
        """A disk of ``gib`` GiB. Its bytes are a sparse file: blank but for ``content``."""
        real = self.root / "sys/devices" / bus / "block" / name
        real.mkdir(parents=True)
        (self.root / "sys/block" / name).symlink_to(os.path.relpath(real, self.root / "sys/block"))
        number = len(list((self.root / "sys/block").iterdir()))
        for path, value in (
            ("size", gib * GIB // 512),
            ("ro", int(read_only)),
            ("removable", int(removable)),
            ("dev", f"8:{number}"),
            ("queue/rotational", int(rotational)),
            ("device/model", f"{model}   "),
        ):
            (real / path).parent.mkdir(exist_ok=True)
            (real / path).write_text(f"{value}\n")
        if serial:
            self.write(f"run/udev/data/b8:{number}", f"E:ID_SERIAL_SHORT={serial}\n")
        self._device(name, gib * GIB, content)
        for folder, link in (("by-id", by_id), ("by-path", by_path)):
            if link:
                self.link(folder, link, name)

    def partition(
        self, disk: str, number: int, mib: int, *, label: str = "", content: bytes = b""
    ) -> None:
        name = f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"
        base = self.root / "sys/block" / disk / name
        base.mkdir()
        (base / "partition").write_text(f"{number}\n")
        (base / "size").write_text(f"{mib * 2048}\n")
        self._device(name, mib << 20, content)
        if label:
            self.link("by-label", label, name)

    def link(self, folder: str, name: str, device: str) -> None:
        path = self.root / "dev/disk" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(f"../../{device}")

    def key(self, label: str = "B2CT-EXAMPL", name: str = "sdz") -> None:
        """The install key itself."""
        self.disk(name, 8, model="Flash Voyager", serial="KEY1", bus="pci0/usb1/1-1/host9")
        self.partition(name, 1, 8000, label=label)

    def _device(self, name: str, size: int, content: bytes) -> None:
        with (self.root / "dev" / name).open("wb") as device:
            device.truncate(size)
            device.write(content)

    def console(self, name: str) -> Console:
        master, slave = os.openpty()
        tty.setraw(master)
        (self.root / "dev" / name).symlink_to(os.ttyname(slave))
        made = Console(name, master, slave, fdpexpect.fdspawn(master, timeout=20, encoding="utf-8"))
        made.expect.logfile_read = (self.root / f"{name}.seen").open("w")
        self.consoles[name] = made
        return made

    def start(
        self, text: str, shell: str = "bash", *, without: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen:
        """Run ``text`` under ``shell`` as Anaconda does: its output goes to a log.

        ``without`` are programs of this machine that the script shall not find.
        """
        path = self.root / "script"
        path.write_text(text)
        programs = f"{self.root}/bin:"
        if shell == "busybox":
            programs += self._applets()
            command = [shutil.which("busybox"), "sh"]
        else:
            programs += self._programs(without) if without else "/usr/sbin:/usr/bin:/sbin:/bin"
            command = [shutil.which(shell)]
        with (self.root / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*command, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": programs, "B2CT_ROOT": str(self.root), **environment},
            )
        return self.process

    def _programs(self, without: tuple[str, ...]) -> str:
        folder = self.root / "programs"
        folder.mkdir()
        for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
            for path in Path(place).iterdir():
                if path.name not in without and not (folder / path.name).is_symlink():
                    (folder / path.name).symlink_to(path)
        return str(folder)

    def _applets(self) -> str:
        folder = self.root / "applets"
        folder.mkdir(exist_ok=True)
        busybox = shutil.which("busybox")
        names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        for name in names.stdout.split():
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(busybox)
        return str(folder)

    def finish(self, timeout: float = 30) -> int:
        """Wait for the script; give its exit code."""
        assert self.process is not None
        return self.process.wait(timeout)

    def log(self) -> str:
        return (self.root / "log").read_text()

    def written(self, name: str) -> str:
        return (self.root / "tmp/b2ct" / name).read_text()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        for console in self.consoles.values():
            console.expect.logfile_read.close()
            console.close()
