"""Components of Debian's installer that a machine's mirror lists but does not hold.

The netboot installer fetches its components (udebs) from the mirror. A partial mirror keeps
packages and forgets udebs; the installer then stops at "Download installer components". What
is missing is made from the packages of the same source and version (modules from linux-image,
programs from e2fsprogs, …) and handed over as a further archive behind the initrd, marked as
already unpacked. Everything that the mirror has still comes from it, signatures and all. On a
whole mirror there is nothing to add.
"""

from __future__ import annotations

import hashlib
import lzma
import os
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


def needed(index: Mapping[str, Component], installed: Iterable[str], kernel: str) -> list[str]:
    """Give the components that the installer will fetch: by priority, then by dependency."""
    have = set(installed)
    fit = {
        name: component
        for name, component in index.items()
        if component.fields.get("Kernel-Version", kernel) == kernel
    }
    provider = {virtual: name for name, component in fit.items() for virtual in component.provides}
    todo = [n for n, c in fit.items() if c.fields.get("Priority") in _ALWAYS] + list(_WANTED)
    chosen: dict[str, None] = {}
    while todo:
        name = todo.pop()
        name = name if name in fit else provider.get(name, "")
        if name and name not in chosen and name not in have:
            chosen[name] = None
            todo += fit[name].depends
    return sorted(chosen)


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
    names = needed(index, status, kernel)
    with ThreadPoolExecutor(16) as pool:
        there = pool.map(lambda n: _exists(f"{mirror}/{index[n].fields['Filename']}"), names)
    missing = [name for name, found in zip(names, there, strict=True) if not found]
    if not missing:
        return None
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in missing:
        digest.update(index[name].fields["SHA256"].encode())
    return make_once(
        f"installer-parts-{digest.hexdigest()[:24]}.cpio",
        lambda part: _write(part, initrd, mirror, suite, kernel, [index[n] for n in missing]),
    )


def _exists(url: str) -> bool:
    request = urllib.request.Request(url.replace("+", "%2b"), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=60):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise


def _write(
    out: Path, initrd: Path, mirror: str, suite: str, kernel: str, missing: list[Component]
) -> None:
    modules = [c for c in missing if "Kernel-Version" in c.fields]
    others = [c.name for c in missing if c not in modules]
    if unknown := sorted(set(others) - set(_PACKAGES)):
        raise RuntimeError(f"the mirror lacks {', '.join(unknown)}, which no package replaces")
    packages = [package for name in others for package in _PACKAGES[name]]
    if modules:
        packages.append(f"linux-image-{kernel}")
    with tempfile.TemporaryDirectory(prefix="b2ct-parts-") as folder:
        tree = Path(folder) / "initrd"
        tree.mkdir()
        subprocess.run(
            f"gzip -dc '{initrd}' | cpio -id --quiet --no-absolute-filenames"
            " 'lib/modules/*' 'usr/lib/modules/*' var/lib/dpkg/status 2>/dev/null",
            shell=True, check=False, cwd=tree,
        )  # fmt: skip
        files: dict[str, bytes] = {}
        links: dict[str, str] = {}
        programs: set[str] = set()
        for package, unpacked in _unpacked(packages, mirror, suite, Path(folder)).items():
            if package.startswith("linux-image-"):
                files |= _modules(unpacked, tree, kernel)
                continue
            for found in unpacked.rglob("*"):
                name = str(found.relative_to(unpacked))
                if _PROGRAM.fullmatch(name) and found.is_symlink():
                    links[name] = os.readlink(found)
                elif _PROGRAM.fullmatch(name) and found.is_file():
                    files[name] = found.read_bytes()
                    programs.add(name)
        status = (tree / "var/lib/dpkg/status").read_text().rstrip("\n")
        for component in missing:
            status += "\n\n" + _status(component)
        files["var/lib/dpkg/status"] = (status + "\n").encode()
        out.write_bytes(newc(files, programs=programs, links=links))


def _status(component: Component) -> str:
    kept = ("Version", "Depends", "Provides", "Kernel-Version")
    lines = [f"Package: {component.name}", "Status: install ok installed"]
    lines += [f"{key}: {component.fields[key]}" for key in kept if key in component.fields]
    return "\n".join([*lines, "Description: made from the package of the same version"])


def _unpacked(
    packages: list[str], mirror: str, suite: str, folder: Path
) -> dict[str, Path]:
    """Download packages with apt, which checks their signatures, and unpack each."""
    root = CACHE / f"apt-{suite}"
    for part in ("lists/partial", "cache/archives/partial"):
        (root / part).mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources.write_text(f"deb [signed-by={keyring}] {mirror} {suite} main\n")
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
    subprocess.run([*apt, "update"], check=True)
    debs = folder / "debs"
    debs.mkdir()
    (folder / "unpacked").mkdir()
    subprocess.run([*apt, "download", *packages], check=True, cwd=debs)
    found = {}
    for deb in sorted(debs.glob("*.deb")):
        name = deb.name.partition("_")[0]
        found[name] = folder / "unpacked" / name
        subprocess.run(["dpkg-deb", "-x", str(deb), str(found[name])], check=True)
    return found


def _modules(image: Path, tree: Path, kernel: str) -> dict[str, bytes]:
    """Give the wanted modules with those they need, and the lists of depmod for all."""
    base = next(p for p in image.rglob(f"lib/modules/{kernel}") if p.is_dir())
    target = next(tree.glob("**/lib/modules"), tree / "lib/modules") / kernel
    subprocess.run(["depmod", "-b", str(base.parents[2]), kernel], check=True)
    depends, path_of = {}, {}
    for line in (base / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        path_of[Path(path).name.split(".ko")[0].replace("-", "_")] = path
        depends[path] = rest.split()
    files = {}
    for wanted in _MODULES.replace("-", "_").split():
        if wanted not in path_of:
            continue  # built in, or gone from this kernel
        for path in (path_of[wanted], *depends[path_of[wanted]]):
            content = (base / path).read_bytes()
            where = target / path
            if not where.exists():
                where.parent.mkdir(parents=True, exist_ok=True)
                where.write_bytes(content)
                files[str(where.relative_to(tree))] = content
    subprocess.run(["depmod", "-b", str(target.parents[2]), kernel], check=True)
    for where in target.glob("modules.*"):
        files[str(where.relative_to(tree))] = where.read_bytes()
    return files
