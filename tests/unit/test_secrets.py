"""No plaintext of the vault on any medium, in any output, in any process's arguments."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from b2ct.cli import main
from b2ct.load import load_secrets, load_site
from tests.media.bases import make_base

EXAMPLE = Path(__file__).resolve().parents[2] / "inventories/example"
CRYPT = rb"\$6\$[./0-9A-Za-z$=]+"


@pytest.fixture(scope="module")
def plaintexts() -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("B2CT_VAULT_PASSWORD_FILE", str(EXAMPLE / "vault-password.example"))
        secrets = load_secrets(EXAMPLE, load_site(EXAMPLE))
    found = [text.encode() for text in secrets.plaintexts()]
    assert len(found) >= 2, "the example's vault holds the passwords of root and of an admin"
    assert all(len(text) >= 8 for text in found), "a short one would be found by chance"
    # The password of the vault itself is as secret.
    return [*found, (EXAMPLE / "vault-password.example").read_bytes().strip()]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("B2CT_VAULT_PASSWORD_FILE", str(EXAMPLE / "vault-password.example"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Arguments and environment of every process that is started."""
    seen: list[bytes] = []
    real = subprocess.Popen.__init__

    def record(self, args, *rest, **options):  # type: ignore[no-untyped-def]
        seen.append(repr((args, options.get("env"))).encode())
        real(self, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", record)
    return seen


def b2ct(*arguments: object) -> bytes:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output.encode()


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and what is unpacked from every gzip stream in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield str(path), data
            if data.startswith(b"\x1f\x8b"):
                yield f"{path} unpacked", gzip.decompress(data)


def assert_secret(
    plaintexts: list[bytes], folder: Path, output: bytes, started: list[bytes]
) -> None:
    found = dict(contents(folder))
    assert found
    for secret in plaintexts:
        assert [name for name, data in found.items() if secret in data] == []
        assert secret not in output
        assert [line for line in started if secret in line] == []
    # The search can find something: the hashes of the same passwords are there.
    assert [name for name, data in found.items() if re.search(CRYPT, data)]


def test_rendered_texts(plaintexts: list[bytes], tmp_path: Path, started: list[bytes]) -> None:
    out = tmp_path / "out"
    said = b2ct("kickstart", EXAMPLE, "-o", out)
    assert len(list(out.iterdir())) >= 6
    assert_secret(plaintexts, out, said, started)


@pytest.mark.parametrize(
    ("what", "name"), [("--all", "stick.img"), ("control1", "stick.img"), ("--all", "cd.iso")]
)
def test_oemdrv(
    what: str, name: str, plaintexts: list[bytes], tmp_path: Path, started: list[bytes]
) -> None:
    (tmp_path / "out").mkdir()
    said = b2ct("oemdrv", EXAMPLE, what, "-o", tmp_path / "out" / name)
    assert_secret(plaintexts, tmp_path / "out", said, started)


@pytest.mark.parametrize("command", [("usb", "image"), ("iso", "build")])
def test_media_from_an_iso(
    command: tuple[str, str], plaintexts: list[bytes], tmp_path: Path, started: list[bytes]
) -> None:
    base = make_base("el9", tmp_path / "base.iso")
    digest = subprocess.run(["sha256sum", base], check=True, capture_output=True, text=True)
    b2ct("base", "add", base, "--sha256", digest.stdout.split()[0])
    (tmp_path / "out").mkdir()
    said = b2ct(
        *command, EXAMPLE, "--all", "--release", "almalinux-9", "--base", base, "-o",
        tmp_path / "out/medium",
    )  # fmt: skip
    assert_secret(plaintexts, tmp_path / "out", said, started)


@pytest.mark.slow
def test_key_of_debians_installer(
    plaintexts: list[bytes], tmp_path: Path, started: list[bytes]
) -> None:
    b2ct("base", "fetch", "debian-13-netboot")
    (tmp_path / "out").mkdir()
    said = b2ct(
        *("usb", "image", EXAMPLE, "--all", "--base", "debian-13-netboot"),
        *("-o", tmp_path / "out/key.img"),
    )
    assert_secret(plaintexts, tmp_path / "out", said, started)


def test_outputs_with_hashes_are_for_their_owner_only(tmp_path: Path) -> None:
    b2ct("kickstart", EXAMPLE, "control1", "-o", tmp_path / "out")
    b2ct("oemdrv", EXAMPLE, "control1", "-o", tmp_path / "out/stick.img")
    modes = {
        path.name: path.stat().st_mode & 0o077
        for path in (tmp_path / "out").iterdir()
        if not path.name.endswith(".json")
    }
    assert modes == {"control1.ks": 0, "stick.img": 0}
