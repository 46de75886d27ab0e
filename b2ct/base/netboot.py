"""Debian's installer from Debian's package, through apt, beside the machine's own apt state.

apt runs in a folder of its own: its lists, cache, status and sources lie there, so neither
root nor a change of the machine is needed. It keeps the machine's settings (proxy,
certificates, access to a mirror), without its hooks, and with signatures required. The
package is unpacked, never installed: none of its scripts run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from b2ct.base.catalogue import BaseKind, NetbootEntry
from b2ct.base.checksums import sha256_of
from b2ct.base.fetch import Fetched
from b2ct.base.resolve import netboot_files
from b2ct.base.store import Method, Record, Store, disk_errors, now, stamp, unchanged
from b2ct.errors import B2ctError
from iso_builder.progress import Progress, silent

#: The package debian-archive-keyring, with the keys of all releases that Debian supports.
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TIMEOUT_S = 3600
#: Settings of the machine that must not act here: its hooks refresh the machine's own
#: caches, its folders and architectures give way to ours.
_DROPPED = ("APT::Update", "APT::Architecture", "Binary", "DPkg", "Dir", "Quiet", "quiet")


def fetch_netboot(
    entry: NetbootEntry,
    store: Store,
    *,
    mirror: str | None = None,
    refresh: bool = False,
    progress: Progress = silent,
) -> Fetched:
    """Get the installer into the store; B2ctError when apt cannot get or prove it."""
    here = store.by_id(entry.id)
    if here is not None and not refresh:
        if unchanged(here):
            return Fetched(here, fresh=False)
        return Fetched(store.save(store.rehash(here, progress)), fresh=False)
    with disk_errors(store.root), tempfile.TemporaryDirectory(prefix="b2ct-apt-") as place:
        apt = _Apt(Path(place), archive_address(entry, mirror), entry)
        progress(f"reading the package lists of {entry.suite}", 0, 0)
        apt.update()
        version, size, sha256 = apt.candidate()
        name = f"{entry.package} {version}"
        if here is not None and here.sha256 == sha256 and unchanged(here):
            return Fetched(store.save(here), fresh=False)
        package = apt.download(size, progress)
        if sha256_of(package, progress) != sha256:
            raise B2ctError(f"{name} is not what apt announced", "try again")
        target = store.folder(entry.id) / version.replace(":", "_")
        _unpack(package, entry, target, progress)
    files = tuple(
        stamp(path, str(path.relative_to(target)), sha256_of(path))
        for path in sorted(target.rglob("*"))
        if path.is_file()
    )
    record = Record(
        id=entry.id,
        kind=BaseKind.DEBIAN_NETBOOT,
        path=str(target.resolve()),
        sha256=sha256,
        size=size,
        files=files,
        method=Method.APT,
        fingerprint=None,
        accept_expired=False,
        vendor_name=name,
        source=f"Debian {entry.suite}, package {name}",
        verified_at=now(),
    )
    return Fetched(store.save(record), fresh=True)


def archive_address(entry: NetbootEntry, mirror: str | None) -> str:
    """Return the archive to use: the admin's, that of the machine's Debian line, the vendor's."""
    if mirror:
        return mirror
    fields = "$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
    ask = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    # The first answer has only sources whose lists are here, with their origin. The second
    # has all sources, with the field of the origin left as it is; there the path must do.
    listed = _run(ask).stdout + _run([*ask, "--no-release-info"]).stdout
    lines = [line.split("|") for line in listed.splitlines() if line.count("|") == 3]
    debian = [
        (release, address)
        for origin, release, component, address in lines
        if component == "main"
        and "-" not in release
        and address.startswith(("http://", "https://", "file:"))
        and (
            origin == "Debian"
            or (origin == "$(ORIGIN)" and address.rstrip("/").endswith("/debian"))
        )
    ]
    # The machine's line of the suite itself, else a line of another suite of the same archive.
    debian.sort(key=lambda line: line[0] != entry.suite)
    return debian[0][1] if debian else entry.mirror


class _Apt:
    """apt in a folder of its own."""

    def __init__(self, root: Path, address: str, entry: NetbootEntry) -> None:
        self._root, self._entry, self._address = root, entry, address
        if not _KEYRING.is_file():
            raise B2ctError(
                f"Debian's keys are not here ({_KEYRING})",
                "install them: apt install debian-archive-keyring; or use Debian's netinst ISO",
            )
        # apt's sandbox user must be able to pass through, when apt runs as root.
        root.chmod(0o755)
        for folder in ("state/lists/partial", "cache/archives/partial", "log", "etc", "package"):
            (root / folder).mkdir(parents=True)
        (root / "status").touch()
        line = f"deb [arch=amd64 signed-by={_KEYRING}] {address} {entry.suite} main\n"
        (root / "etc/sources.list").write_text(line, "utf-8")
        config = root / "apt.conf"
        config.touch(mode=0o600)  # the machine's settings may hold a proxy's password
        config.write_text(_machine_settings() + self._settings(), "utf-8")
        if os.geteuid() == 0:
            with suppress(LookupError):
                shutil.chown(root / "package", "_apt")

    def _settings(self) -> str:
        root = self._root
        return f"""
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Log "{root}/log";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "{root}/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Get::AllowUnauthenticated "false";
APT::Authentication::TrustCDROM "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Color "false";
"""

    def update(self) -> None:
        """Read the suite's signed lists."""
        done = self._apt("apt-get", "-q", "update", "--error-on=any")
        if done.returncode:
            raise self._failed(f"apt cannot read Debian {self._entry.suite}", done)

    def candidate(self) -> tuple[str, int, str]:
        """Return the package's version, size in bytes and SHA256 from the signed lists."""
        shown = self._apt("apt-cache", "show", "--no-all-versions", self._entry.package)
        fields = dict(line.split(": ", 1) for line in shown.stdout.splitlines() if ": " in line[1:])
        if shown.returncode or not {"Version", "Size", "SHA256"} <= fields.keys():
            raise self._failed(
                f"Debian {self._entry.suite} has no package {self._entry.package} there", shown
            )
        return fields["Version"], int(fields["Size"]), fields["SHA256"].lower()

    def download(self, size: int, progress: Progress) -> Path:
        """Download the package; apt checks it against the signed lists."""
        what = f"downloading {self._entry.package}"
        free = shutil.disk_usage(self._root).free
        if free < 2 * size:
            raise B2ctError(
                f"{self._root.parent} has {free >> 20} MiB free, {2 * size >> 20} MiB are needed",
                "free some space, or set TMPDIR to a larger disk",
            )
        progress(what, 0, size)
        read, write = os.pipe()
        with tempfile.TemporaryFile("w+") as log:
            argv = ["apt-get", "-q", "-o", f"APT::Status-Fd={write}", "download"]
            with subprocess.Popen(
                [*argv, self._entry.package],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self._root / "package",
                env=self._environment(),
                pass_fds=[write],
            ) as process:
                os.close(write)
                with os.fdopen(read, encoding="utf-8", errors="replace") as status:
                    for line in status:
                        fields = line.split(":")
                        if fields[0] == "dlstatus":
                            with suppress(ValueError, IndexError):
                                progress(what, int(size * float(fields[2]) / 100), size)
            log.seek(0)
            text = log.read()
        found = sorted((self._root / "package").glob("*.deb"))
        if process.returncode or len(found) != 1:
            done = subprocess.CompletedProcess(argv, process.returncode, text, "")
            raise self._failed(f"apt cannot get {self._entry.package}", done)
        return found[0]

    def _apt(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return _run(list(argv), self._environment())

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "APT_CONFIG": str(self._root / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def _failed(self, message: str, done: subprocess.CompletedProcess[str]) -> B2ctError:
        said = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if line.startswith(("E:", "W:", "Err:", "  "))
        ]
        return B2ctError(
            "\n".join([f"{message} from {self._address}", *said[:6]]),
            "check the network; name a Debian mirror with --mirror URL",
        )


def _machine_settings() -> str:
    """Return the machine's apt settings without those that must not act here."""
    dump = _run(["apt-config", "dump"]).stdout
    kept = [line for line in dump.splitlines() if not line.startswith(_DROPPED)]
    return "\n".join(kept) + "\n"


def _unpack(package: Path, entry: NetbootEntry, target: Path, progress: Progress) -> None:
    """Unpack the installer's folder to ``target``; it is whole or not there."""
    progress(f"unpacking {entry.package}", 0, 0)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=target.parent) as place:
        done = _run(["dpkg-deb", "-x", str(package), f"{place}/tree"])
        if done.returncode:
            raise B2ctError(f"dpkg-deb cannot unpack {package.name}: {done.stderr.strip()}")
        folder = Path(place) / "tree" / entry.folder
        files = netboot_files(folder)
        for needed in (files.kernel, files.initrd, files.shim, files.grub):
            if not needed.is_file():
                raise B2ctError(
                    f"{package.name} has no {entry.folder}/{needed.name}",
                    "the package has changed: a newer b2ct may know it",
                )
        for path in sorted(folder.rglob("*")):
            # Links of the PXE tree point to what stands beside it anyway.
            if path.is_symlink():
                path.unlink()
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)


def _run(
    argv: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except FileNotFoundError as error:
        raise B2ctError(
            f"the program {argv[0]} is missing: this medium is had through apt",
            "use a Debian machine, or Debian's netinst ISO (`b2ct base list`)",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise B2ctError(f"{argv[0]} did not end within {_TIMEOUT_S} s") from error
