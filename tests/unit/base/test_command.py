"""`b2ct base` as its user meets it: messages, exit codes, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from b2ct.cli import main
from tests.unit.base.vendor import ISO, ISO_NAME, Site, sha


def b2ct(*argv: str) -> Result:
    result = CliRunner().invoke(main, ["base", *argv])
    assert "Traceback" not in result.output
    return result


def test_fetch_list_verify_remove(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "store/vendor-9" / ISO_NAME
    got = b2ct("fetch", "vendor-9")
    assert got.exit_code == 0, got.output
    assert f"vendor-9: verified, {path}\n" in got.stdout
    assert f"  307 kB, SHA256 and signature of {site.key.fingerprint}\n" in got.stdout
    assert "vendor-9: here already" in b2ct("fetch", "vendor-9").stdout
    lines = [line for line in b2ct("list").stdout.splitlines() if line.startswith("vendor-9 ")]
    assert len(lines) == 1
    assert lines[0].split()[1:3] == ["here", ISO_NAME]
    assert "vendor-9: verified" in b2ct("verify").stdout
    assert b2ct("remove", "vendor-9").stdout == f"removed {path}\n"
    assert b2ct("verify").stdout == "no base medium is here: b2ct base fetch ID\n"


def test_json(site: Site) -> None:
    got = b2ct("fetch", "vendor-9", "--json")
    (medium,) = json.loads(got.stdout)
    assert (medium["id"], medium["sha256"], medium["size"]) == ("vendor-9", sha(ISO), len(ISO))
    assert (medium["kind"], medium["method"]) == ("iso", "signature")
    events = [json.loads(line) for line in got.stderr.splitlines()]
    assert events[-1] == {
        "event": "progress",
        "what": f"downloading {ISO_NAME}",
        "done": len(ISO),
        "total": len(ISO),
    }
    listed = {line["id"]: line for line in json.loads(b2ct("list", "--json").stdout)}
    assert listed["vendor-9"]["state"] == "here"
    assert listed["vendor-9"]["medium"]["path"] == medium["path"]
    assert listed["rocky-9"]["medium"] is None
    assert [m["id"] for m in json.loads(b2ct("verify", "--json").stdout)] == ["vendor-9"]


def test_one_failure_does_not_stop_the_others(site: Site) -> None:
    got = b2ct("fetch", "centos-stream-9", "vendor-9")
    assert got.exit_code == 2
    assert "error: centos-stream-9: centos-stream-9: the vendor signs no list" in got.stderr
    assert "vendor-9: verified" in got.stdout
    assert got.stderr.splitlines()[-1] == "error: 1 of 2 base media failed"


def test_verify_tells_a_changed_medium(site: Site, tmp_path: Path) -> None:
    b2ct("fetch", "vendor-9")
    (tmp_path / "store/vendor-9" / ISO_NAME).write_bytes(b"other")
    got = b2ct("verify", "vendor-9")
    assert got.exit_code == 2
    assert "has changed since it was verified" in got.stderr
    assert "  hint: do not use it; get the medium again: b2ct base fetch vendor-9" in got.stderr


def test_add(site: Site, tmp_path: Path) -> None:
    iso = tmp_path / "mine.iso"
    iso.write_bytes(ISO)
    got = b2ct("add", str(iso), "--id", "vendor-9")
    assert got.exit_code == 0, got.output
    assert f"vendor-9: verified, {iso}" in got.stdout
    got = b2ct("add", str(iso), "--sha256", sha(ISO).upper(), "--json")
    assert json.loads(got.stdout)["verified_by"] == "SHA256 given by the admin"


BAD = [
    (["fetch", "vendor-8"], "no base medium 'vendor-8'"),
    (["fetch", "vendor-9", "rocky-9", "--sha256", "a" * 64], "are of one medium"),
    (["fetch", "vendor-9", "--sha256", "12"], "a SHA256 is 64 hex digits"),
    (["fetch", "vendor-9", "--fingerprint", "B86B3716"], "a fingerprint is 40 hex digits"),
    (["fetch", "debian-13-netboot", "--sha256", "a" * 64], "is proved by apt"),
    (["fetch", "vendor-9", "--mirror", "mirror.example.org"], "an address begins with https://"),
    (["fetch", "vendor-9", "--mirror", "https://me:pw@x/"], "no user and password"),
    (["fetch"], "Missing argument"),
    (["add", "none.iso", "--id", "vendor-9"], "none.iso is not a file"),
    (["add", "none.iso", "--id", "debian-13-netboot"], "is not an ISO"),
    (["add", "x", "--sha256", "a" * 64, "--checksums", "c"], "you vouch for the ISO"),
    (["add", "x", "--id", "vendor-9", "--signature", "c"], "give the list with --checksums"),
    (["verify", "rocky-9"], "nothing verified is here of rocky-9"),
    (["remove", "rocky-9"], "nothing verified is here of rocky-9"),
]


@pytest.mark.parametrize(("argv", "message"), BAD, ids=[" ".join(a)[:40] for a, _ in BAD])
def test_bad_input_exits_2(site: Site, argv: list[str], message: str) -> None:
    got = b2ct(*argv)
    assert got.exit_code == 2
    assert message in got.stderr
    assert got.stdout == ""


def test_a_bad_catalogue_is_told_with_file_and_line(site: Site) -> None:
    site.catalogue_file.write_text("- id: X\n  title: X\n")
    got = b2ct("list")
    assert got.exit_code == 2
    assert f"{site.catalogue_file}:1: id: 'X' has a character" in got.stderr
    assert f"{site.catalogue_file}:1: addresses: is missing" in got.stderr


def test_a_refusal_from_a_real_process(site: Site, tmp_path: Path) -> None:
    site.web.files["/9/" + ISO_NAME].body = b"wrong"
    argv = [sys.executable, "-c", "from b2ct.cli import main; main()", "base", "fetch", "vendor-9"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not the vendor's file" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "store/vendor-9").iterdir()) == []


@pytest.mark.parametrize("name", ["list", "fetch", "add", "verify", "remove"])
def test_every_help_has_an_example(name: str) -> None:
    assert f"Example:\n    b2ct base {name}" in b2ct(name, "--help").stdout
