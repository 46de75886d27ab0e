"""A signed RPM repository whose packages carry Debian's programs under EL's names and paths.

tests/images/el/*.yml says what each package is made of (see README.md there). Each Debian package
that one of them needs, and that none of them carries, becomes a package ``deb-<name>`` of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.containers.places import CACHE, EL_REPOSITORIES, RECIPES, ROOT

_GPG = CACHE / "gpg"
_POOL = CACHE / "el-pool"
#: Never carried: nothing in a test reads them.
_DROPPED = (
    "/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info",
    "/usr/share/lintian", "/usr/share/doc-base", "/usr/share/bug", "/etc/init.d", "/etc/default",
    "/usr/share/bash-completion", "/usr/share/zsh",
)  # fmt: skip
#: Debian's packages that have no place on EL.
_FOREIGN = frozenset({"debconf", "ucf", "lsb-base", "sysvinit-utils", "init-system-helpers"})
_MERGED = re.compile(r"^/(bin|sbin|lib|lib32|lib64|libx32)(?=/|$)")


@dataclass(frozen=True)
class Package:
    """A package of the repository, as its recipe says."""

    name: str
    from_: tuple[str, ...] = ()
    move: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    files: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pre: str = ""
    post: str = ""
    version: str = ""

    @classmethod
    def read(cls, name: str, data: Mapping[str, Any]) -> Package:
        """Read a recipe; an unknown key is an error."""
        known = set(cls.__dataclass_fields__) - {"name", "from_"} | {"from"}
        if unknown := set(data or {}) - known:
            raise SystemExit(f"tests/images/el: {name} has unknown keys {sorted(unknown)}")
        values = {("from_" if key == "from" else key): value for key, value in data.items()}
        for key in ("from_", "drop", "requires", "provides"):
            values[key] = tuple(values.get(key, ()))
        return cls(name=name, **values)

    @property
    def digest(self) -> str:
        """Give what tells two recipes apart."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class BasePackages:
    """A command that makes the packages of the image itself, and where it puts them."""

    command: tuple[str, ...]
    folder: Path


# --- the signing key --------------------------------------------------------------------------


def key_file() -> Path:
    """Give the file with the public key, made at first use."""
    file = CACHE / "RPM-GPG-KEY-baseos"
    if not file.exists():
        _GPG.mkdir(parents=True, exist_ok=True)
        _GPG.chmod(0o700)
        _gpg("--quick-generate-key", "b2ct tests (no real distribution)", "rsa3072", "sign", "0")
        text = _gpg("--armor", "--export")
        # rpm reads what is there: never half a key.
        (CACHE / "key.part").write_text(text)
        (CACHE / "key.part").rename(file)
    return file


def public_key() -> str:
    """Give the public key's text."""
    return key_file().read_text()


def _gpg(*arguments: str) -> str:
    base = ["gpg", "--homedir", str(_GPG), "--batch", "--yes", "--pinentry-mode", "loopback",
            "--passphrase", ""]  # fmt: skip
    return subprocess.run([*base, *arguments], check=True, capture_output=True, text=True).stdout


# --- the packages that the image has from the start -------------------------------------------


def base_packages(folder: Path, state: Path) -> BasePackages:
    """Give how to make packages without files that tell rpm what is there."""
    made = folder / "base-rpms"
    return BasePackages(
        (
            "env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.containers.el", "base",
            str(state / "status"), str(made),
        ),
        made,
    )  # fmt: skip


def make_base(status: Path, target: Path) -> None:
    """Make them with the versions of dpkg's status file."""
    versions = _versions(status.read_text())
    specs = []
    for name, said in yaml.safe_load((RECIPES / "el-base.yml").read_text()).items():
        debian, *provides = said if isinstance(said, list) else [said]
        specs.append(_Rpm(name, versions[debian], provides=tuple(provides)))
    target.mkdir()
    _build(specs, target)


def _versions(status: str) -> dict[str, str]:
    return dict(re.findall(r"^Package: (\S+)\n(?:.+\n)*?Version: (\S+)", status, re.M))


# --- building ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rpm:
    """What one RPM is made of; ``tree`` is a folder that holds its files."""

    name: str
    debian_version: str
    tree: Path | None = None
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    pre: str = ""
    post: str = ""

    @property
    def version(self) -> str:
        """Debian's version without epoch and revision, in characters that RPM takes."""
        plain = self.debian_version.partition(":")[2] or self.debian_version
        return re.sub(r"[^A-Za-z0-9.~^]", ".", plain.rpartition("-")[0] or plain)


def _build(rpms: Iterable[_Rpm], target: Path, folders: frozenset[str] = frozenset()) -> None:
    """Build, sign and put into ``target``; one rpmbuild makes them all."""
    rpms = list(rpms)
    if not rpms:
        return
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        work = Path(made)
        spec = [
            "%global debug_package %{nil}", "%global __os_install_post %{nil}",
            "%global _build_id_links none", "%global __check_files %{nil}",
            "%global _binary_payload w1.gzdio", "Name: b2ct-el", "Version: 1", "Release: 1",
            "Summary: tests", "License: various", "AutoReqProv: no", "%description", "tests",
        ]  # fmt: skip
        copies = []
        for number, rpm in enumerate(rpms):
            listing = work / f"files{number}"
            listing.write_text(_listing(rpm, folders))
            spec += [
                f"%package -n {rpm.name}", f"Version: {rpm.version}", "Release: 1.el9",
                f"Summary: {rpm.name} of the tests", "AutoReqProv: no",
                *(f"Requires: {name}" for name in rpm.requires),
                *(f"Provides: {name}" for name in rpm.provides),
                f"%description -n {rpm.name}", "A package of the tests.",
                *(["%pre -n " + rpm.name, rpm.pre] if rpm.pre else []),
                *(["%post -n " + rpm.name, rpm.post] if rpm.post else []),
                f"%files -n {rpm.name}" + (f" -f {listing}" if rpm.tree else ""),
                "%defattr(-,root,root,-)",
            ]  # fmt: skip
            if rpm.tree is not None:
                copies.append(f"cp -a {rpm.tree}/. %{{buildroot}}/")
        spec += ["%install", "mkdir -p %{buildroot}", *copies]
        (work / "el.spec").write_text("\n".join(spec) + "\n")
        done = subprocess.run(
            ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {work}", "--define",
             f"_rpmdir {work}/out", "--define", f"_dbpath {work}/db", str(work / "el.spec")],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"rpmbuild fails:\n{done.stderr[-3000:]}")
        files = sorted((work / "out").rglob("*.rpm"))
        _sign(files, work)
        for file in files:
            shutil.move(file, target / file.name)


def _listing(rpm: _Rpm, folders: frozenset[str]) -> str:
    if rpm.tree is None:
        return ""
    lines = []
    for path in sorted(rpm.tree.rglob("*")):
        inside = "/" + str(path.relative_to(rpm.tree))
        if path.is_dir() and not path.is_symlink():
            if inside not in folders:
                lines.append(f'%dir "{inside}"')
        elif inside in rpm.config:
            lines.append(f'%config(noreplace) "{inside}"')
        else:
            # rpm expands globs also in quotes.
            lines.append('"' + re.sub(r"([*?\[\]{}\\])", r"\\\1", inside).replace("%", "%%") + '"')
    return "\n".join(lines) + "\n"


def _sign(files: list[Path], work: Path) -> None:
    key_file()
    done = subprocess.run(
        ["rpmsign", "--define", f"__gpg {shutil.which('gpg')}", "--define", f"_gpg_path {_GPG}",
         "--define", "_gpg_name b2ct tests",
         "--define", "_gpg_sign_cmd_extra_args --batch --pinentry-mode loopback --passphrase ''",
         "--define", f"_dbpath {work}/db", "--addsign", *map(str, files)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"rpmsign fails:\n{done.stderr[-2000:]}")


# --- the repository ---------------------------------------------------------------------------


def recipes() -> dict[str, Package]:
    """Read what the repository holds."""
    found: dict[str, Package] = {}
    for file in sorted((RECIPES / "el").glob("*.yml")):
        for name, data in (yaml.safe_load(file.read_text()) or {}).items():
            if name in found:
                raise SystemExit(f"tests/images/el: {name} is described twice")
            found[name] = Package.read(name, data)
    return found


def update(state: Path) -> Path:
    """Give a repository made of the present recipes; ``state`` is that of the base image.

    Several checkouts may share the cache, each with recipes of its own.
    """
    packages = recipes()
    wanted = hashlib.sha256(
        json.dumps([repr(packages), public_key(), state.name, _builder()]).encode()
    ).hexdigest()
    finished = EL_REPOSITORIES / wanted[:16]
    if finished.exists():
        return finished
    _POOL.mkdir(parents=True, exist_ok=True)
    folders = frozenset(line[1:] for line in (state / "folders").read_text().splitlines())
    carriers = {debian: package.name for package in packages.values() for debian in package.from_}
    debian = _Apt(state)
    closures = {name: debian.closure(package.from_) for name, package in packages.items()}
    versions = {name: version for closure in closures.values() for name, version in closure.items()}
    downloads = debian.download(versions)
    key = hashlib.sha256((public_key() + _builder()).encode()).hexdigest()[:8]
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        work = Path(made)
        content: list[Path] = []
        batch: list[tuple[_Rpm, Path]] = []
        for name, version in sorted(versions.items()):
            if name not in carriers:
                pool = _POOL / f"deb-{name}_{version}_{key}".replace(":", ".")
                content.append(pool)
                if not pool.exists():
                    tree = _unpack(work / f"deb-{name}", [downloads[name]], Package(name))
                    batch.append((_Rpm(f"deb-{name}", version, tree, **_scripts(tree, "")), pool))
        for name, package in packages.items():
            own = [f"{part}={versions.get(part)}" for part in package.from_]
            needs = tuple(
                sorted(
                    {carriers.get(part, f"deb-{part}") for part in closures[name]} - {name}
                    | set(package.requires)
                )
            )
            mark_own = hashlib.sha256(repr((own, needs, package, key)).encode()).hexdigest()[:16]
            pool = _POOL / f"el-{name}_{mark_own}"
            content.append(pool)
            if not pool.exists():
                debs = [downloads[part] for part in package.from_ if part in downloads]
                tree = _unpack(work / f"el-{name}", debs, package)
                version = package.version or next((versions[p] for p in package.from_), "1")
                rpm = _Rpm(
                    name, version, tree, needs, package.provides, _config(tree),
                    pre=_users(package) + package.pre, **_scripts(tree, package.post),
                )  # fmt: skip
                batch.append((rpm, pool))
        _into_pool(batch, work, folders)
        _publish(content, work, finished)
    return finished


def _builder() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]


def _into_pool(batch: list[tuple[_Rpm, Path]], work: Path, folders: frozenset[str]) -> None:
    out = work / "built"
    out.mkdir()
    _build([rpm for rpm, _ in batch], out, folders)
    for rpm, pool in batch:
        part = work / "pool-part"
        part.mkdir()
        (file,) = out.glob(f"{rpm.name}-{rpm.version}-1.el9.*.rpm")
        file.rename(part / file.name)
        part.rename(pool)


def _publish(content: list[Path], work: Path, finished: Path) -> None:
    new = work / "repository"
    new.mkdir()
    for pool in content:
        for file in pool.iterdir():
            os.link(file, new / file.name)
    subprocess.run(
        ["createrepo_c", "--quiet", "--no-database", "--simple-md-filenames", str(new)],
        check=True, capture_output=True,
    )  # fmt: skip
    _gpg("--armor", "--detach-sign", str(new / "repodata/repomd.xml"))
    finished.parent.mkdir(exist_ok=True)
    new.rename(finished)


def hand_over(repository: Path, target: Path) -> None:
    """Fill a session's folder, which its containers have mounted, with a repository's files."""
    (target / "repodata").mkdir(parents=True, exist_ok=True)
    wanted = {path.relative_to(repository) for path in repository.rglob("*") if path.is_file()}
    for path in target.rglob("*"):
        if path.is_file():
            path.unlink()
    for name in wanted:
        os.link(repository / name, target / name)


def _unpack(tree: Path, debs: Iterable[Path], package: Package) -> Path:
    raw = tree.with_name(tree.name + "-raw")
    raw.mkdir()
    tree.mkdir()
    for deb in debs:
        subprocess.run(["dpkg-deb", "--extract", str(deb), str(raw)], check=True)
    for path in sorted(raw.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            inside = _place("/" + str(path.relative_to(raw)), package)
            if inside and not any(path.iterdir()):
                (tree / inside[1:]).mkdir(parents=True, exist_ok=True)
                shutil.copystat(path, tree / inside[1:])
            continue
        if inside := _place("/" + str(path.relative_to(raw)), package):
            target = tree / inside[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    for place, said in package.files.items():
        text, mode = (said, 0o644) if isinstance(said, str) else (said["content"], said["mode"])
        target = tree / place[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(int(mode, 8) if isinstance(mode, str) else mode)
    for place, goal in package.links.items():
        target = tree / place[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(goal)
    return tree


def _place(path: str, package: Package) -> str | None:
    """Say where EL has a file of Debian's; None where it has none."""
    merged = _MERGED.sub(r"/usr/\1", path)
    for prefix in sorted((*_DROPPED, *package.drop), key=len, reverse=True):
        if merged == prefix or merged.startswith(prefix + "/"):
            return None
    for prefix in sorted(package.move, key=len, reverse=True):
        if merged == prefix or merged.startswith(prefix + "/"):
            return package.move[prefix] + merged[len(prefix) :]
    return merged


def _config(tree: Path) -> tuple[str, ...]:
    files = (path for path in (tree / "etc").rglob("*") if path.is_file())
    return tuple("/" + str(path.relative_to(tree)) for path in files)


def _users(package: Package) -> str:
    lines = ""
    for name, said in package.users.items():
        uid = f"--uid {said['uid']} " if "uid" in said else ""
        gid = f"--gid {said['gid']} " if "gid" in said else ""
        home = said.get("home", "/")
        shell = said.get("shell", "/sbin/nologin")
        lines += (
            f"getent group {name} >/dev/null || groupadd --system {gid}{name}\n"
            f"getent passwd {name} >/dev/null || useradd --system {uid}--gid {name}"
            f" --home-dir {home} --shell {shell} {name}\n"
        )
    return lines


def _scripts(tree: Path, own: str) -> dict[str, str]:
    """Do what EL's file triggers do: users, temporary files, systemd's and the linker's caches."""
    lines = []
    for folder, tool in (("sysusers.d", "systemd-sysusers"), ("tmpfiles.d", "systemd-tmpfiles")):
        names = sorted(path.name for path in (tree / "usr/lib" / folder).glob("*.conf"))
        if names:
            create = " --create" if tool == "systemd-tmpfiles" else ""
            lines.append(f"{tool}{create} {' '.join(names)} || :")
    if any((tree / "usr/lib/systemd/system").glob("*")):
        lines.append("[ ! -d /run/systemd/system ] || systemctl daemon-reload || :")
    if list(tree.glob("usr/lib/*/lib*.so*")):
        lines.append("ldconfig")
    return {"post": "\n".join([*lines, own]).strip()}


class _Apt:
    """apt with the knowledge of the base image: what it lacks, and where to get it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.debs = CACHE / "debs"
        (self.debs / "partial").mkdir(parents=True, exist_ok=True)
        configuration = CACHE / "apt-of-el.conf"
        lists = state / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        from tests.containers import apt

        (CACHE / "apt-of-el.sources.list").write_text(apt.sources("bookworm"))
        configuration.write_text(
            f'Dir::State::status "{state}/status";\nDir::State::Lists "{lists}";\n'
            f'Dir::Etc::sourcelist "{CACHE}/apt-of-el.sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\nDir::Etc::preferencesparts "/dev/null";\n'
            f'Dir::Cache "{CACHE}/apt-of-el";\nAPT::Sandbox::User "root";\n'
            f'Dir::State::extended_states "{CACHE}/apt-of-el.states";\n' + "\n".join(apt.options())
        )
        (CACHE / "apt-of-el").mkdir(exist_ok=True)
        self.environment = os.environ | {"APT_CONFIG": str(configuration), "LC_ALL": "C"}

    def closure(self, names: Iterable[str]) -> dict[str, str]:
        """Give the packages, with versions, that the image lacks for having these."""
        names = list(names)
        if not names:
            return {}
        done = self._apt("--simulate", "--no-install-recommends", "install", *names)
        found = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", done, re.M))
        return {name: found[name] for name in found if name not in _FOREIGN}

    def download(self, versions: Mapping[str, str]) -> dict[str, Path]:
        """Fetch what is not there yet."""
        missing = [
            f"{name}={version}"
            for name, version in versions.items()
            if not list(self.debs.glob(_file(name, version)))
        ]
        if missing:
            self._apt("download", *missing, cwd=self.debs)
        return {
            name: next(iter(self.debs.glob(_file(name, version))))
            for name, version in versions.items()
        }

    def _apt(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["apt-get", "-qq", *arguments], env=self.environment, cwd=cwd, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"apt-get {' '.join(arguments)[:200]} fails:\n{done.stderr[-2000:]}")
        return done.stdout


def _file(name: str, version: str) -> str:
    return f"{name}_{version.replace(':', '%3a')}_*.deb"


if __name__ == "__main__":
    _, what, status_file, to = sys.argv
    assert what == "base"
    make_base(Path(status_file), Path(to))
