"""The images of the test containers, made from Debian's packages, kept by their recipe's hash."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers import apt, el
from tests.containers.places import CACHE, IMAGES, RECIPES
from tests.containers.session import locked


@dataclass(frozen=True)
class Image:
    """What an image is made of."""

    name: str
    #: Debian's release that gives the userland.
    suite: str
    shape: str
    arguments: tuple[str, ...] = ()
    packages: tuple[str, ...] = field(default=())

    @property
    def is_el(self) -> bool:
        """Whether it has the shape of Enterprise Linux."""
        return self.shape == "el-shape.sh"


_EL_PACKAGES = ("dnf", "gpg", "openssh-client", "passwd", "python3-dnf", "rpm", "udev")
ALL = {
    image.name: image
    for image in (
        Image("debian12", "bookworm", "debian-shape.sh"),
        Image("debian13", "trixie", "debian-shape.sh"),
        Image("el9", "bookworm", "el-shape.sh", ("9",), _EL_PACKAGES),
    )
}


def ensure(names: Sequence[str], say: object = print) -> None:
    """Make what is missing of these images, and the repository of the EL-shaped ones."""
    for name in names:
        image = ALL[name]
        with locked(f"image-{name}"):
            tag = reference(image)
            if not _exists(tag):
                say(f"making the image {name} (about half a minute of CPU time)")  # type: ignore[operator]
                _make(image, tag)
    if any(ALL[name].is_el for name in names):
        el_repository()


def el_repository() -> Path:
    """Give the folder of the EL-shaped images' repository."""
    with locked("el-repository"):
        return el.update(state_folder(ALL["el9"]))


def reference(image: Image) -> str:
    """Give the name that podman knows it by; the tag is the hash of its recipe."""
    recipe = {
        "image": [image.name, image.suite, *image.arguments],
        "packages": _packages(image),
        "shape": _recipe(image.shape) + _recipe("debian-shape.sh"),
        "sources": apt.sources(image.suite),
        "options": apt.options(),
    }
    if image.is_el:
        recipe["base"] = _recipe("el-base.yml")
        recipe["key"] = el.public_key()
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    return f"localhost/b2ct-test/{image.name}:{digest[:16]}"


def state_folder(image: Image) -> Path:
    """Give the folder with dpkg's and apt's knowledge of an image, from before its shaping."""
    return IMAGES / "state" / reference(image).rpartition(":")[2]


def _recipe(name: str) -> str:
    return (RECIPES / name).read_text()


def _packages(image: Image) -> list[str]:
    lines = _recipe("debian-base.txt").splitlines()
    base = [line for line in lines if line and not line.startswith("#")]
    return sorted({*base, *image.packages})


def _podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    IMAGES.mkdir(parents=True, exist_ok=True)
    storage = IMAGES / "storage.conf"
    text = f'[storage]\ndriver = "overlay"\ngraphroot = "{IMAGES}/graph"\n'
    storage.write_text(text + f'runroot = "{IMAGES}/run"\n')
    configuration = IMAGES / "containers.conf"
    configuration.write_text(
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
        f'static_dir = "{IMAGES}/libpod"\ntmp_dir = "{IMAGES}/tmp"\n'
    )
    return subprocess.run(
        ["podman", *arguments],
        env=os.environ
        | {"CONTAINERS_STORAGE_CONF": str(storage), "CONTAINERS_CONF": str(configuration)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip


def _exists(tag: str) -> bool:
    return _podman("image", "exists", tag).returncode == 0


def _make(image: Image, tag: str) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        folder = Path(made)
        state = folder / "state"
        (state / "lists").mkdir(parents=True)
        (folder / "sources.list").write_text(apt.sources(image.suite))
        _run_in_memory(folder, _bootstrap(image, folder, state))
        done = _podman(
            "import", "--change", 'CMD ["/sbin/init"]', "--change", "STOPSIGNAL SIGRTMIN+3",
            str(folder / "root.tar"), tag,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"podman does not take the image {image.name}: {done.stderr.strip()}")
        target = state_folder(image)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        state.rename(target)


def _bootstrap(image: Image, folder: Path, state: Path) -> list[str]:
    command = [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--skip=cleanup/apt/lists",
        f"--include={','.join(_packages(image))}", "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--aptopt=APT::Install-Recommends false",
        *(f"--aptopt={line}" for line in apt.options()),
        f"--customize-hook=copy-out /var/lib/dpkg/status {state}",
        f"--customize-hook=sync-out /var/lib/apt/lists {state}/lists",
        f"--customize-hook=chroot \"$1\" sh -c 'cd / && find . -xdev -type d' >{state}/folders",
        *_script("debian-shape.sh"),
    ]  # fmt: skip
    if image.is_el:
        packages = el.base_packages(folder, state)
        command += [
            f"--customize-hook={shlex.join([*packages.command])}",
            '--customize-hook=mkdir -p "$1/tmp/el-base" "$1/etc/pki/rpm-gpg"',
            f'--customize-hook=cp {packages.folder}/*.rpm "$1/tmp/el-base/"',
            f'--customize-hook=cp {el.key_file()} "$1/etc/pki/rpm-gpg/RPM-GPG-KEY-baseos"',
            *_script("el-shape.sh", *image.arguments),
        ]
    return [*command, image.suite, str(folder / "root.tar"), str(folder / "sources.list")]


def _script(name: str, *arguments: str) -> list[str]:
    return [
        f'--customize-hook=cp {RECIPES / name} "$1/tmp/{name}"',
        f'--customize-hook=chroot "$1" sh /tmp/{name} {shlex.join(arguments)}',
        f'--customize-hook=rm "$1/tmp/{name}"',
    ]


def _run_in_memory(folder: Path, command: Sequence[str]) -> None:
    """Unpack in memory: dpkg waits for the disk at every step."""
    work = folder / "work"
    work.mkdir()
    script = f'mount -t tmpfs -o size=4g tmpfs {shlex.quote(str(work))} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command],
        env=os.environ | {"TMPDIR": str(work)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"an image could not be made:\n{done.stderr[-3000:]}")
