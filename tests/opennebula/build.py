"""Builds the packages for dpkg and rpm, and a signed repository laid out as the vendor's.

Usage: python -m tests.opennebula.build      (it prints the folder)

::

    repo2.key                               the signing key, a throw-away one of this machine
    fingerprint, ca.pem, server.pem         for those who use the repository, and for its server
    repo/7.0/Debian/12/dists/stable/…       apt
    repo/7.0/AlmaLinux/9/repodata/…         dnf
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import shutil
import subprocess
import tempfile
from email.utils import formatdate
from pathlib import Path

from tests.containers.places import CACHE
from tests.opennebula.content import File, Package, packages

FOLDER = CACHE / "opennebula"
VERSIONS = ("6.10", "7.0")
DEBIAN, EL = ("12", "13"), ("9",)
#: Under this name containers know the server.
SERVER = "packages.scenario.example.org"
_GPG = FOLDER / "gpg"
_WHO = "b2ct tests (not OpenNebula)"


def _run(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)[:200]} fails:\n{done.stderr[-2000:]}")
    return done.stdout


def _gpg(*words: str) -> str:
    base = ("gpg", "--homedir", str(_GPG), "--batch", "--yes", "--pinentry-mode", "loopback")
    return _run(*base, "--passphrase", "", *words)


def _keys() -> None:
    """Make the throw-away signing key, and the server's certificate with an authority, once."""
    if (FOLDER / "ca.pem").exists():
        return
    import trustme

    _GPG.mkdir(mode=0o700, parents=True, exist_ok=True)
    _gpg("--quick-generate-key", _WHO, "rsa3072", "sign", "0")
    (FOLDER / "repo2.key").write_text(_gpg("--armor", "--export"))
    listed = _gpg("--with-colons", "--list-keys").splitlines()
    (FOLDER / "fingerprint").write_text(
        next(line.split(":")[9] for line in listed if line.startswith("fpr"))
    )
    authority = trustme.CA()
    made = authority.issue_cert(SERVER)
    made.private_key_and_cert_chain_pem.write_to_path(str(FOLDER / "server.pem"))
    authority.cert_pem.write_to_path(str(FOLDER / "ca.pem"))


def _tree(root: Path, files: dict[str, File], folders: tuple[str, ...] = ()) -> None:
    for name in folders:
        (root / name[1:]).mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)


# --- dpkg --------------------------------------------------------------------------------------


def _deb(package: Package, version: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as made:
        root = Path(made)
        root.chmod(0o755)
        _tree(root, package.files, package.folders)
        control = root / "DEBIAN"
        control.mkdir()
        needs = ["python3", "openssl", *package.requires, *package.requires_debian]
        (control / "control").write_text(
            f"Package: {package.name}\nVersion: {version}-1\nArchitecture: amd64\n"
            f"Maintainer: {_WHO} <tests@example.org>\nDepends: {', '.join(needs)}\n"
            "Description: stand-in of b2ct's tests\n"
        )
        conffiles = [name for name in package.files if name.startswith("/etc/")]
        if conffiles:
            (control / "conffiles").write_text("".join(name + "\n" for name in conffiles))
        # As debhelper's: enabled and started once it is installed.
        start = "".join(
            f"[ ! -d /run/systemd/system ] || {{ systemctl daemon-reload;"
            f" systemctl enable {unit} || :; systemctl start {unit} || :; }}\n"
            for unit in package.units
        )
        groups = "".join(
            f"chgrp {file.group} {name}\n"
            for name, file in package.files.items()
            if file.group != "root"
        )
        for name, text in (("preinst", package.pre), ("postinst", package.post + groups + start)):
            if text:
                (control / name).write_text("#!/bin/sh\nset -e\n" + text)
                (control / name).chmod(0o755)
        _run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(root), str(target))


def _apt_repository(version: str, folder: Path) -> None:
    pool = folder / "pool"
    pool.mkdir(parents=True)
    entries = []
    for package in packages(version):
        file = pool / f"{package.name}_{version}.0-1_amd64.deb"
        _deb(package, f"{version}.0", file)
        data = file.read_bytes()
        entries.append(
            _run("dpkg-deb", "--field", str(file)).rstrip("\n")
            + f"\nFilename: pool/{file.name}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
    lists = folder / "dists/stable/opennebula/binary-amd64"
    lists.mkdir(parents=True)
    plain = "\n".join(entries).encode()
    (lists / "Packages").write_bytes(plain)
    (lists / "Packages.gz").write_bytes(gzip.compress(plain, mtime=0))
    release = folder / "dists/stable/Release"
    sums = "".join(
        f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size}"
        f" {path.relative_to(release.parent)}\n"
        for path in sorted(lists.iterdir())
    )
    release.write_text(
        f"Origin: {_WHO}\nSuite: stable\nCodename: stable\nArchitectures: amd64\n"
        f"Components: opennebula\nDate: {formatdate(usegmt=True)}\nSHA256:\n{sums}"
    )
    _gpg("--clearsign", "--output", str(release.with_name("InRelease")), str(release))


# --- rpm ---------------------------------------------------------------------------------------


def _spec(package: Package, tree: Path, version: str) -> list[str]:
    files = {**package.files, **package.files_el}
    needs = ("python3", *package.requires, *package.requires_el)
    lines = [
        f"%package -n {package.name}", f"Summary: {package.name} of the tests",
        "AutoReqProv: no", *(f"Requires: {name}" for name in needs),
        f"%description -n {package.name}", "A stand-in of b2ct's tests.",
        f"%pre -n {package.name}", package.pre or ":",
        f"%post -n {package.name}", package.post or ":",
        "[ ! -d /run/systemd/system ] || systemctl daemon-reload || :",
        f"%files -n {package.name}", "%defattr(-,root,root,-)",
        *(f'%dir "{name}"' for name in package.folders),
    ]  # fmt: skip
    for name, file in files.items():
        kind = "%config(noreplace) " if name.startswith("/etc/") else ""
        lines.append(f'{kind}%attr({file.mode:04o},root,{file.group}) "{name}"')
    _tree(tree, files, package.folders)
    return lines


def _dnf_repository(version: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as made:
        work = Path(made)
        tree = work / "tree"
        tree.mkdir()
        spec = [
            "%global debug_package %{nil}", "%global __os_install_post %{nil}",
            "%global _build_id_links none", "%global _binary_payload w1.gzdio",
            "Name: opennebula-set", f"Version: {version}.0", "Release: 1.el9",
            "Summary: tests", "License: Apache-2.0", "AutoReqProv: no", "%description", "tests",
        ]  # fmt: skip
        for package in packages(version):
            spec += _spec(package, tree, version)
        spec += ["%install", "mkdir -p %{buildroot}", f"cp -a {tree}/. %{{buildroot}}/"]
        (work / "set.spec").write_text("\n".join(spec) + "\n")
        _run(
            "rpmbuild", "-bb", "--quiet", "--define", f"_topdir {work}", "--define",
            f"_rpmdir {work}/out", "--define", f"_dbpath {work}/db", str(work / "set.spec"),
        )  # fmt: skip
        files = sorted((work / "out").rglob("*.rpm"))
        _run(
            "rpmsign", "--define", f"__gpg {shutil.which('gpg')}", "--define",
            f"_gpg_path {_GPG}", "--define", f"_gpg_name {_WHO}", "--define",
            "_gpg_sign_cmd_extra_args --batch --pinentry-mode loopback --passphrase ''",
            "--define", f"_dbpath {work}/db", "--addsign", *map(str, files),
        )  # fmt: skip
        for file in files:
            shutil.move(file, folder / file.name)
    _run("createrepo_c", "--quiet", "--no-database", "--simple-md-filenames", str(folder))
    _gpg("--armor", "--detach-sign", str(folder / "repodata/repomd.xml"))


# --- the whole ---------------------------------------------------------------------------------


def _mark() -> str:
    said = [repr(packages(version)) for version in VERSIONS]
    said += [Path(__file__).read_text(), (FOLDER / "fingerprint").read_text()]
    return hashlib.sha256("".join(said).encode()).hexdigest()


def build() -> Path:
    """Make what is not there yet, and give the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _keys()
        mark, made_of = _mark(), FOLDER / "made-of"
        if made_of.exists() and made_of.read_text() == mark:
            return FOLDER
        shutil.rmtree(FOLDER / "repo", ignore_errors=True)
        for version in VERSIONS:
            for major in DEBIAN:
                _apt_repository(version, FOLDER / "repo" / version / "Debian" / major)
            for major in EL:
                _dnf_repository(version, FOLDER / "repo" / version / "AlmaLinux" / major)
        shutil.copy(FOLDER / "repo2.key", FOLDER / "repo" / "repo2.key")
        _run(
            "tar", "--create", "--file", "repo.tar", "--sort=name", "--mtime=@0", "repo",
            "server.pem", cwd=FOLDER,
        )  # fmt: skip
        made_of.write_text(mark)
    return FOLDER


if __name__ == "__main__":
    print(build())
