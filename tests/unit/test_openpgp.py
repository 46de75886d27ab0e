"""Fingerprints computed from the bytes, compared with gpg's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from plugins.module_utils.openpgp import KeyFileError, fingerprints


def gpg(home: Path, *words: str) -> bytes:
    return subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--quiet", *words],
        check=True, capture_output=True,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpg")
    folder.chmod(0o700)
    for kind in ("rsa2048", "ed25519"):
        gpg(folder, "--passphrase", "", "--quick-gen-key", f"{kind}@example.org", kind, "sign")
    return folder


def listed(home: Path, *who: str) -> list[str]:
    lines = gpg(home, "--with-colons", "--list-keys", *who).decode().splitlines()
    return [
        lines[index + 1].split(":")[9] for index, line in enumerate(lines) if line[:4] == "pub:"
    ]


@pytest.mark.parametrize("kind", ["rsa2048", "ed25519"])
@pytest.mark.parametrize("form", [["--armor"], []], ids=["armoured", "binary"])
def test_as_gpg_says(home: Path, kind: str, form: list[str]) -> None:
    key = gpg(home, *form, "--export", kind)
    assert fingerprints(key) == listed(home, kind)


def test_all_of_a_file(home: Path) -> None:
    both = gpg(home, "--armor", "--export")
    assert fingerprints(both) == listed(home)
    assert len(listed(home)) == 2
    separate = b"".join(gpg(home, "--armor", "--export", kind) for kind in ("rsa2048", "ed25519"))
    assert sorted(fingerprints(separate)) == sorted(listed(home))
    assert fingerprints(separate.replace(b"\n", b"\r\n")) == fingerprints(separate)


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"\x99\x01", b"-----BEGIN PGP"])
def test_no_key(data: bytes) -> None:
    with pytest.raises(KeyFileError):
        fingerprints(data)


def test_a_cut_key(home: Path) -> None:
    key = gpg(home, "--export", "rsa2048")
    with pytest.raises(KeyFileError, match="cut"):
        fingerprints(key[:100])
