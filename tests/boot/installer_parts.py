"""Components of Debian's installer that a machine's mirror lists but does not hold.

The netboot installer fetches its components (udebs) from the mirror. A partial mirror keeps
packages and forgets udebs; the installer then stops at "Download installer components". What
is missing is made from the packages of the same source and version (modules from linux-image,
programs from e2fsprogs, …) and handed over as a further archive behind the initrd, marked as
already unpacked. So it is where the index is older than the installer, and knows only an earlier
kernel. Everything that the mirror has still comes from it, signatures and all. On a
whole mirror there is nothing to add.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from iso_builder.cpio import newc
from tests.media.bases import CACHE, make_once

#: Component -> the packages that hold its programs and libraries.
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "e2fsprogs-udeb": ("e2fsprogs", "libext2fs2t64", "libcom-err2", "libss2"),
    "eject-udeb": ("eject",),
    "fdisk-udeb": ("fdisk",),
    "libfdisk1-udeb": ("libfdisk1",),
    "libmount1-udeb": ("libmount1",),
    "libsmartcols1-udeb": ("libsmartcols1",),
    "ntfs-3g-udeb": ("ntfs-3g", "libntfs-3g89t64"),
    "xfsprogs-udeb": ("xfsprogs",),
}
#: Modules of a virtual or ordinary server: disks, file systems, LVM.
_MODULES = (
    "virtio_blk virtio_scsi ahci ata_piix sd_mod sr_mod nvme uas isofs loop ext4 xfs dm-mod "
    "dm-snapshot dm-mirror dm-multipath raid0 raid1 raid10 raid456 crc32c_generic libcrc32c"
)
#: Asked for by partman while it runs, whatever their priority.
_WANTED = ("partman-auto-lvm", "partman-auto-crypto", "bootstrap-base", "eject-udeb", "mmc-modules")
_ALWAYS = {"required", "important", "standard"}
_PROGRAM = re.compile(r"(usr/)?s?bin/[^/]+|.+\.so[^/]*|(usr/)?lib/[^/]+/ld-[^/]+")


@dataclass(frozen=True)
class Component:
    """One entry of an index of udebs, or of the installer's own status file."""

    name: str
    fields: Mapping[str, str]

    @property
    def depends(self) -> list[str]:
        """Names in Depends, without versions."""
        return [re.split(r"[ (|]", part.strip())[0] for part in self._list("Depends")]

    @property
    def provides(self) -> list[str]:
        """Names in Provides."""
        return [part.strip() for part in self._list("Provides")]

    def _list(self, field: str) -> list[str]:
        return [part for part in self.fields.get(field, "").split(",") if part.strip()]


def read_index(text: str) -> dict[str, Component]:
    """Read paragraphs of ``Field: value``; continuation lines are dropped."""
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", paragraph, re.MULTILINE))
        if name := fields.get("Package"):
            found[name] = Component(name, fields)
    return found


def needed(
    index: Mapping[str, Component],
    installed: Iterable[str],
    kernel: str,
    wanted: Iterable[str] | None = None,
) -> list[str]:
    """Give the components that the installer will fetch: by priority, then by dependency.

    ``wanted`` begins with those names instead of the priorities.
    """
    have = set(installed)
    fit = {
        name: component
        for name, component in index.items()
        if component.fields.get("Kernel-Version", kernel) == kernel
    }
    provider = {virtual: name for name, component in fit.items() for virtual in component.provides}
    todo = [n for n, c in fit.items() if c.fields.get("Priority") in _ALWAYS] + list(_WANTED)
    if wanted is not None:
        todo = list(wanted)
    chosen: dict[str, None] = {}
    while todo:
        name = todo.pop()
        name = name if name in fit else provider.get(name, "")
        if name and name not in chosen and name not in have:
            chosen[name] = None
            todo += fit[name].depends
    return sorted(chosen)


def of_kernel(index: Mapping[str, Component], kernel: str) -> dict[str, Component]:
    """Give the components of a kernel, by those of another one where the index has none."""
    kernels = {c.fields["Kernel-Version"] for c in index.values() if "Kernel-Version" in c.fields}
    flavour = kernel.rpartition("-")[2]
    alike = sorted(other for other in kernels if other.rpartition("-")[2] == flavour)
    if kernel in kernels or not alike:
        return {}
    found = {}
    for component in index.values():
        if component.fields.get("Kernel-Version") == alike[-1]:
            fields = {k: v.replace(alike[-1], kernel) for k, v in component.fields.items()}
            found[fields["Package"]] = Component(fields["Package"], fields)
    return found


def supplement(initrd: Path, mirror: str, suite: str) -> Path | None:
    """Give an archive with what the mirror lacks for this installer; None on a whole mirror."""
    listing = subprocess.run(
        f"gzip -dc '{initrd}' | cpio -i --quiet --to-stdout var/lib/dpkg/status",
        shell=True, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    status = read_index(listing)
    kernel = next(n for n in status if n.startswith("kernel-image-"))
    kernel = kernel.removeprefix("kernel-image-").removesuffix("-di")
    path = f"dists/{suite}/main/debian-installer/binary-amd64/Packages.xz"
    with urllib.request.urlopen(f"{mirror}/{path}", timeout=60) as answer:
        index = read_index(lzma.decompress(answer.read()).decode())
    listed = set(index)
    index |= of_kernel(index, kernel)
    names = needed(index, status, kernel)
    with ThreadPoolExecutor(16) as pool:
        there = pool.map(
            lambda n: n in listed and _exists(f"{mirror}/{index[n].fields['Filename']}"), names
        )
    missing = [name for name, found in zip(names, there, strict=True) if not found]
    if not missing:
        return None
    # The installer asks for nothing on behalf of what it believes to be unpacked.
    behind = [n for n in needed(index, status, kernel, missing) if n not in missing]
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in (*missing, *behind):
        digest.update(index[name].fields["SHA256"].encode())

    def write(part: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="b2ct-parts-") as folder:
            parts = _Parts(Path(folder), initrd, mirror, suite, kernel)
            parts.replace([index[name] for name in missing])
            parts.fetch([index[name] for name in behind])
            part.write_bytes(parts.archive())

    return make_once(f"installer-parts-{digest.hexdigest()[:24]}.cpio", write)


def _exists(url: str) -> bool:
    request = urllib.request.Request(url.replace("+", "%2b"), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=60):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise


class _Parts:
    """The archive while it grows; ``folder`` is scratch space."""

    def __init__(self, folder: Path, initrd: Path, mirror: str, suite: str, kernel: str) -> None:
        self.folder, self.mirror, self.suite, self.kernel = folder, mirror, suite, kernel
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.programs: set[str] = set()
        self.tree = folder / "initrd"
        self.tree.mkdir()
        subprocess.run(
            f"gzip -dc '{initrd}' | cpio -id --quiet --no-absolute-filenames"
            " 'lib/modules/*' 'usr/lib/modules/*' var/lib/dpkg/status 2>/dev/null",
            shell=True, check=False, cwd=self.tree,
        )  # fmt: skip
        self.status = (self.tree / "var/lib/dpkg/status").read_text().rstrip("\n")

    def archive(self) -> bytes:
        """Pack what was collected, with the installer's own list of what it has."""
        self.files["var/lib/dpkg/status"] = (self.status + "\n").encode()
        return newc(self.files, programs=self.programs, links=self.links)

    def replace(self, missing: list[Component]) -> None:
        """Make components from packages of the same version."""
        modules = [c for c in missing if "Kernel-Version" in c.fields]
        others = [c.name for c in missing if c not in modules]
        if unknown := sorted(set(others) - set(_PACKAGES)):
            raise RuntimeError(f"the mirror lacks {', '.join(unknown)}, which no package replaces")
        packages = [package for name in others for package in _PACKAGES[name]]
        if modules:
            packages.append(f"linux-image-{self.kernel}")
        for deb in self._download(packages):
            unpacked = self._unpack(deb)
            if deb.name.startswith("linux-image-"):
                self._add_modules(unpacked)
            else:
                self._add(unpacked, _PROGRAM)
        self._note(missing)

    def fetch(self, components: list[Component]) -> None:
        """Unpack components that the mirror has."""
        for component in components:
            url = f"{self.mirror}/{component.fields['Filename']}".replace("+", "%2b")
            with urllib.request.urlopen(url, timeout=60) as answer:
                content = answer.read()
            if hashlib.sha256(content).hexdigest() != component.fields["SHA256"]:
                raise RuntimeError(f"{url} is not what the index says")
            udeb = self.folder / f"{component.name}.udeb"
            udeb.write_bytes(content)
            self._add(self._unpack(udeb), re.compile(".*"))
        self._note(components)

    def _note(self, components: list[Component]) -> None:
        kept = ("Version", "Depends", "Provides", "Kernel-Version")
        for component in components:
            lines = [f"Package: {component.name}", "Status: install ok installed"]
            lines += [f"{key}: {component.fields[key]}" for key in kept if key in component.fields]
            self.status += "\n\n" + "\n".join([*lines, "Description: unpacked beforehand"])

    def _unpack(self, deb: Path) -> Path:
        unpacked = self.folder / "unpacked" / deb.name
        unpacked.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "-x", str(deb), str(unpacked)], check=True)
        return unpacked

    def _add(self, unpacked: Path, wanted: re.Pattern[str]) -> None:
        for found in unpacked.rglob("*"):
            name = str(found.relative_to(unpacked))
            # Releases with a merged /usr have lib, bin and sbin as links in the initrd.
            if re.match("(lib|bin|sbin)/", name) and (self.tree / "usr/lib/modules").is_dir():
                name = f"usr/{name}"
            if wanted.fullmatch(name) and found.is_symlink():
                self.links[name] = str(found.readlink())
            elif wanted.fullmatch(name) and found.is_file():
                self.files[name] = found.read_bytes()
                if found.stat().st_mode & 0o111:
                    self.programs.add(name)

    def _download(self, packages: list[str]) -> list[Path]:
        """Download packages with apt, which checks their signatures."""
        root = CACHE / f"apt-{self.suite}"
        for part in ("lists/partial", "cache/archives/partial"):
            (root / part).mkdir(parents=True, exist_ok=True)
        sources = self.folder / "sources.list"
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        sources.write_text(f"deb [signed-by={keyring}] {self.mirror} {self.suite} main\n")
        apt = ["apt-get", "-qq", "-o", f"Dir::Etc::SourceList={sources}"]
        for option in (
            "Dir::Etc::SourceParts=/dev/null",
            f"Dir::State::Lists={root}/lists",
            f"Dir::Cache={root}/cache",
            "Dir::State::status=/dev/null",
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
        ):
            apt += ["-o", option]
        debs = self.folder / "debs"
        debs.mkdir()
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "download", *packages], check=True, cwd=debs)
        return sorted(debs.glob("*.deb"))

    def _add_modules(self, image: Path) -> None:
        """Add the wanted modules with those they need, and depmod's lists for all."""
        base = next(p for p in image.rglob(f"lib/modules/{self.kernel}") if p.is_dir())
        target = next(p for p in self.tree.rglob(f"lib/modules/{self.kernel}") if p.is_dir())
        subprocess.run(["depmod", "-b", str(base.parents[2]), self.kernel], check=True)
        depends, path_of = {}, {}
        for line in (base / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            path_of[Path(path).name.split(".ko")[0].replace("-", "_")] = path
            depends[path] = rest.split()
        for wanted in _MODULES.replace("-", "_").split():
            if wanted not in path_of:
                continue  # built in, or gone from this kernel
            for path in (path_of[wanted], *depends[path_of[wanted]]):
                where = target / path
                if not where.exists():
                    where.parent.mkdir(parents=True, exist_ok=True)
                    where.write_bytes((base / path).read_bytes())
                    self.files[str(where.relative_to(self.tree))] = where.read_bytes()
        lists = ["depmod", "-b", str(target.parents[2]), self.kernel]
        subprocess.run(lists, check=True, stderr=subprocess.DEVNULL)
        for where in target.glob("modules.*"):
            self.files[str(where.relative_to(self.tree))] = where.read_bytes()
