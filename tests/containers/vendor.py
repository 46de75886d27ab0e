"""A vendor of the tests: packages for dpkg and rpm, in repositories signed by a throw-away key.

A scenario serves the folder over HTTPS with ``tests/opennebula/files/https_server.py``.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A file of a package. Those below /etc are configuration."""

    text: str
    mode: int = 0o644
    group: str = "root"


@dataclass(frozen=True)
class Package:
    """A package, the same for dpkg and rpm. ``post`` runs after its files are in place."""

    name: str
    files: dict[str, File] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    requires_debian: tuple[str, ...] = ()
    requires_el: tuple[str, ...] = ()
    files_el: dict[str, File] = field(default_factory=dict)
    pre: str = ""
    post: str = ""
    units: tuple[str, ...] = ()


def run(*words: str, cwd: Path | None = None) -> str:
    """Run a command; what it says on failure ends the program."""
    done = subprocess.run(words, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)[:200]} fails:\n{done.stderr[-2000:]}")
    return done.stdout


@dataclass(frozen=True)
class Vendor:
    """Who signs, where all is kept, and under which name containers know the server."""

    who: str
    folder: Path
    server: str
    key_file: str = "signing.key"

    @property
    def _gpg_home(self) -> Path:
        return self.folder / "gpg"

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the signing key."""
        return (self.folder / "fingerprint").read_text()

    def _gpg(self, *words: str) -> str:
        base = ("gpg", "--homedir", str(self._gpg_home), "--batch", "--yes")
        return run(*base, "--pinentry-mode", "loopback", "--passphrase", "", *words)

    def keys(self) -> None:
        """Make the signing key (and ``fingerprint``) and the server's TLS, once."""
        if (self.folder / "ca.pem").exists():
            return
        import trustme

        self._gpg_home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._gpg("--quick-generate-key", self.who, "rsa3072", "sign", "0")
        (self.folder / self.key_file).write_text(self._gpg("--armor", "--export"))
        listed = self._gpg("--with-colons", "--list-keys").splitlines()
        (self.folder / "fingerprint").write_text(
            next(line.split(":")[9] for line in listed if line.startswith("fpr"))
        )
        authority = trustme.CA()
        made = authority.issue_cert(self.server)
        made.private_key_and_cert_chain_pem.write_to_path(str(self.folder / "server.pem"))
        authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))

    # --- dpkg ----------------------------------------------------------------------------------

    def _deb(self, package: Package, version: str, target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as made:
            root = Path(made)
            root.chmod(0o755)
            _tree(root, package.files, package.folders)
            control = root / "DEBIAN"
            control.mkdir()
            needs = ["python3", "openssl", *package.requires, *package.requires_debian]
            (control / "control").write_text(
                f"Package: {package.name}\nVersion: {version}-1\nArchitecture: amd64\n"
                f"Maintainer: {self.who} <tests@example.org>\nDepends: {', '.join(needs)}\n"
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
            scripts = (("preinst", package.pre), ("postinst", package.post + groups + start))
            for name, text in scripts:
                if text:
                    (control / name).write_text("#!/bin/sh\nset -e\n" + text)
                    (control / name).chmod(0o755)
            run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(root), str(target))

    def apt_repository(
        self,
        packages: Iterable[Package],
        version: str,
        folder: Path,
        *,
        suite: str = "stable",
        component: str = "main",
    ) -> None:
        """Make a repository for apt; several suites may share a folder."""
        pool = folder / "pool" / suite
        pool.mkdir(parents=True)
        entries = []
        for package in packages:
            file = pool / f"{package.name}_{version}-1_amd64.deb"
            self._deb(package, version, file)
            data = file.read_bytes()
            entries.append(
                run("dpkg-deb", "--field", str(file)).rstrip("\n")
                + f"\nFilename: {file.relative_to(folder)}\nSize: {len(data)}\n"
                f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
            )
        lists = folder / f"dists/{suite}/{component}/binary-amd64"
        lists.mkdir(parents=True)
        plain = "\n".join(entries).encode()
        (lists / "Packages").write_bytes(plain)
        (lists / "Packages.gz").write_bytes(gzip.compress(plain, mtime=0))
        release = folder / f"dists/{suite}/Release"
        sums = "".join(
            f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size}"
            f" {path.relative_to(release.parent)}\n"
            for path in sorted(lists.iterdir())
        )
        release.write_text(
            f"Origin: {self.who}\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\n"
            f"Components: {component}\nDate: {formatdate(usegmt=True)}\nSHA256:\n{sums}"
        )
        self._gpg("--clearsign", "--output", str(release.with_name("InRelease")), str(release))

    # --- rpm -----------------------------------------------------------------------------------

    def dnf_repository(self, packages: Iterable[Package], version: str, folder: Path) -> None:
        """Make a repository for dnf."""
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as made:
            work = Path(made)
            tree = work / "tree"
            tree.mkdir()
            spec = [
                "%global debug_package %{nil}", "%global __os_install_post %{nil}",
                "%global _build_id_links none", "%global _binary_payload w1.gzdio",
                "Name: vendor-set", f"Version: {version}", "Release: 1.el9",
                "Summary: tests", "License: Apache-2.0", "AutoReqProv: no", "%description",
                "tests",
            ]  # fmt: skip
            for package in packages:
                spec += _spec(package, tree)
            spec += ["%install", "mkdir -p %{buildroot}", f"cp -a {tree}/. %{{buildroot}}/"]
            (work / "set.spec").write_text("\n".join(spec) + "\n")
            run(
                "rpmbuild", "-bb", "--quiet", "--define", f"_topdir {work}", "--define",
                f"_rpmdir {work}/out", "--define", f"_dbpath {work}/db", str(work / "set.spec"),
            )  # fmt: skip
            files = sorted((work / "out").rglob("*.rpm"))
            run(
                "rpmsign", "--define", f"__gpg {shutil.which('gpg')}", "--define",
                f"_gpg_path {self._gpg_home}", "--define", f"_gpg_name {self.who}", "--define",
                "_gpg_sign_cmd_extra_args --batch --pinentry-mode loopback --passphrase ''",
                "--define", f"_dbpath {work}/db", "--addsign", *map(str, files),
            )  # fmt: skip
            for file in files:
                shutil.move(file, folder / file.name)
        run("createrepo_c", "--quiet", "--no-database", "--simple-md-filenames", str(folder))
        self._gpg("--armor", "--detach-sign", str(folder / "repodata/repomd.xml"))


def _tree(root: Path, files: dict[str, File], folders: tuple[str, ...] = ()) -> None:
    for name in folders:
        (root / name[1:]).mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)


def _spec(package: Package, tree: Path) -> list[str]:
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
