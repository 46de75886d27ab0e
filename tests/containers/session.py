"""A session: private namespaces in which one scenario's containers live, and its own podman.

Mounts, processes and the network of a session are its own. So fixed subnets never clash, nothing
of a container shows on the host, and the end of the session's first process ends everything that
is left. The way out is slirp4netns: no address, route or firewall rule of the host is touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.containers.places import CACHE, IMAGES, ROOT, SESSIONS

_INIT = Path(__file__).with_name("session-init.sh")
#: The admin of every scenario, as whom Ansible comes.
ADMIN = "ada"
#: Made anew from this wherever it is needed: it opens containers of the tests only, which nothing
#: outside their session can reach. Its public half is in the scenarios' site.yml.
_KEY_SEED = b"b2ct: the key of the admin in the test containers"

_CONTAINERS_CONF = """\
[containers]
# The default asks for more than a host without CAP_SYS_RESOURCE may give.
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
events_logfile_path = "{folder}/events.log"
static_dir = "{folder}/libpod"
volume_path = "{folder}/volumes"
tmp_dir = "/run/b2ct-libpod"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
_STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "/run/b2ct-containers"
[storage.options]
additionalimagestores = ["{images}"]
"""


class SessionError(RuntimeError):
    """A session that could not be made or used."""


def admin_key() -> Ed25519PrivateKey:
    """Give the ssh key of the admin in the test containers."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(_KEY_SEED).digest())


def admin_public_key() -> str:
    """Give its public half as a site.yml holds it."""
    public = admin_key().public_key()
    raw = public.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()
    return f"{raw} test"


class Session:
    """One session by its name; it may run in this process's care or outlive it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = SESSIONS / name

    @property
    def init(self) -> int | None:
        """Process id of the session's first process, if it runs."""
        try:
            pid = int((self.folder / "init.pid").read_text())
            inside = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self.folder).encode() in inside else None

    def start(self, *, keep: bool = False) -> None:
        """Make the namespaces and wait until they can be entered.

        Unless ``keep``, the session ends with the thread that calls this.
        """
        if self.init is not None:
            raise SessionError(f"session {self.name} runs already; end it with: down {self.name}")
        remove_folder(self.folder)
        self.folder.mkdir(parents=True)
        self._write_files()
        gate, held = os.pipe()
        ready, told = os.pipe()
        binding = [] if keep else ["setpriv", "--pdeathsig", "KILL"]
        with (self.folder / "session.log").open("wb") as log:
            # --kill-child: process 1 dies with unshare, so with us unless the session is kept.
            unshare = subprocess.Popen(
                [*binding, "unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork",
                 "--kill-child", "--mount-proc", "--propagation", "private",
                 str(_INIT), str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[held],
                start_new_session=True,
            )  # fmt: skip
            os.close(held)
            self._await_init(unshare)
            # It ends when the write end in the hands of process 1 is closed.
            slirp = subprocess.Popen(
                ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
                 f"--exit-fd={gate}", f"--ready-fd={told}", str(self.init), "tap0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[gate, told],
                start_new_session=True,
            )  # fmt: skip
            os.close(gate)
            os.close(told)
            with os.fdopen(ready, "rb") as waiting:
                if waiting.read(1) != b"1":
                    slirp.wait()
                    self.stop()
                    raise SessionError(f"no network for session {self.name}: {self._log()}")
        self._children = (unshare, slirp)

    def _await_init(self, unshare: subprocess.Popen[bytes]) -> None:
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
        for _ in range(600):
            if unshare.poll() is not None:
                raise SessionError(f"session {self.name} did not start: {self._log()}")
            if (self.folder / "ready").exists():
                (self.folder / "init.pid").write_text(children.read_text().split()[0])
                return
            time.sleep(0.05)
        unshare.kill()
        raise SessionError(f"session {self.name} did not start in time: {self._log()}")

    def _log(self) -> str:
        return (self.folder / "session.log").read_text(errors="replace").strip() or "no message"

    def _write_files(self) -> None:
        values = {"folder": self.folder, "images": IMAGES / "graph"}
        (self.folder / "containers.conf").write_text(_CONTAINERS_CONF.format(**values))
        (self.folder / "storage.conf").write_text(_STORAGE_CONF.format(**values))
        (self.folder / "networks").mkdir()
        # slirp4netns answers there and asks the host's name servers.
        (self.folder / "resolv.conf").write_text("nameserver 10.0.2.3\n")
        key = self.folder / "id_ed25519"
        key.touch(mode=0o600)
        key.write_bytes(
            admin_key().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )

    def environment(self) -> dict[str, str]:
        """Give the environment of commands inside."""
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        return os.environ | {
            "PATH": path,
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "B2CT_SESSION": self.name,
            "B2CT_SESSION_FOLDER": str(self.folder),
            "B2CT_TEST_CACHE": str(CACHE),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.folder / "molecule"),
            "ANSIBLE_REMOTE_USER": ADMIN,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_PRIVATE_KEY_FILE": str(self.folder / "id_ed25519"),
            # Short: sockets of ssh lie below it.
            "TMPDIR": "/run/tmp",
        }

    def command(self, argv: Sequence[str], cwd: Path = ROOT) -> list[str]:
        """Give the command line that runs ``argv`` inside."""
        init = self.init
        if init is None:
            raise SessionError(f"session {self.name} does not run; start it with: up {self.name}")
        return [
            "nsenter", f"--target={init}", "--mount", "--net", "--pid", "--ipc", "--uts",
            f"--wd={cwd}", "--", *argv,
        ]  # fmt: skip

    def run(
        self, argv: Sequence[str], *, cwd: Path = ROOT, extra: Mapping[str, str] | None = None,
        **options: object,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run a command inside; ``options`` are those of ``subprocess.run``."""
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            self.command(argv, cwd), env=self.environment() | dict(extra or {}), text=True,
            check=False, **options,
        )  # fmt: skip

    def stop(self) -> None:
        """Remove the containers, end every process inside, remove the files."""
        if (init := self.init) is not None:
            # Containers first: their cgroups are outside of all namespaces.
            self.run(
                ["podman", "rm", "--all", "--force", "--time=0", "--volumes"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120,
            )  # fmt: skip
            with contextlib.suppress(ProcessLookupError):
                os.kill(init, signal.SIGKILL)
        for child in getattr(self, "_children", ()):
            child.wait(30)
        remove_folder(self.folder)


def remove_folder(folder: Path) -> None:
    """Remove a session's files; those of a process that is just ending may need a second try."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    shutil.rmtree(folder)


def remove_dead() -> None:
    """Remove what killed runs left on the disk."""
    if not SESSIONS.is_dir():
        return
    with locked("sessions"):
        for folder in SESSIONS.iterdir():
            young = time.time() - folder.stat().st_mtime < 120
            if not young and Session(folder.name).init is None:
                remove_folder(folder)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time do something to the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
