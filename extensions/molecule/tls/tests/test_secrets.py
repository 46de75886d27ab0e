"""Private keys show nowhere: not in the log of a run with -vvv, in ps, or to other users."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
import trustme
from testinfra.host import Host

from tests.containers import secrets
from tests.containers.places import SCENARIOS

SCENARIO = SCENARIOS / "tls"
NODES = ("control1", "control2")
FOLDER = "/etc/b2ct/tls/opennebula"


def lines_of(key: str) -> list[str]:
    """Give the lines of a PEM text that are nobody else's."""
    return [line for line in key.splitlines() if len(line) > 30 and "-----" not in line]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", "--inventory", str(SCENARIO / "inventory"), *arguments,
         str(SCENARIO / "converge.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def machine(name: str) -> Host:
    return testinfra.get_host(f"podman://{name}")


def shown(done: subprocess.CompletedProcess[str], listed: list[str], keys: list[str]) -> list[str]:
    """Give all places where one of the keys shows after a run."""
    found = [*secrets.printed(done, keys), *listed]
    for name in NODES:
        found += secrets.journal(name, keys) + secrets.readable(name, keys)
    return found


def test_the_search_finds_what_is_there() -> None:
    """The tests below can fail."""
    word = "a-word-that-must-be-found"
    host = machine("control2")
    with secrets.processes([word]) as listed:
        host.check_output(
            f"echo {word} >/run/open; logger {word}; sh -c 'sleep 0.5' {word}; journalctl --sync"
        )
    assert listed
    assert secrets.journal("control2", [word])
    assert secrets.readable("control2", [word]) == ["/run/open"]
    host.check_output("chmod 0640 /run/open")
    assert secrets.readable("control2", [word]) == []
    host.check_output("rm /run/open")


def test_keys_that_machines_make_stay_with_them() -> None:
    """Made anew in a run that tells all it does."""
    for name in NODES:
        machine(name).check_output(f"rm {FOLDER}/key.pem {FOLDER}/cert.pem")
    # Nobody knows the new keys before the run; the lists of processes are looked at for the PEM.
    with secrets.processes(["PRIVATE KEY"]) as listed:
        done = run("-vvv", "--diff")
    assert done.returncode == 0, done.stdout[-3000:]
    files = [f"{FOLDER}/key.pem", "/etc/b2ct/ca/key.pem", f"{FOLDER}/key.pem"]
    keys = [
        machine(name).file(file).content_string
        for name, file in zip(["control1", "control1", "control2"], files, strict=True)
    ]
    found = [line for key in keys for line in lines_of(key)]
    assert len(found) >= len(keys)
    assert shown(done, listed, found) == []
    assert "PRIVATE KEY" not in done.stdout


@pytest.fixture
def given(tmp_path: Path) -> Iterator[tuple[trustme.LeafCert, Path]]:
    """Give a certificate of the admin's own, and a file of variables that holds it."""
    made = trustme.CA().issue_cert("cloud.example.org")
    chain = "".join(blob.bytes().decode() for blob in made.cert_chain_pems)
    entry = {
        "name": "opennebula",
        "hosts": ["cloud.example.org"],
        "certificate": chain,
        "key": made.private_key_pem.bytes().decode(),
    }
    file = tmp_path / "variables.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"tls_certificates": [entry]}))
    yield made, file
    # The site's own again.
    done = run("--limit=control2")
    assert done.returncode == 0, done.stdout[-3000:]
    machine("control2").check_output(f"openssl verify {FOLDER}/cert.pem")


def test_a_given_key_shows_nowhere(given: tuple[trustme.LeafCert, Path]) -> None:
    made, file = given
    host = machine("control2")
    before = host.file(f"{FOLDER}/key.pem").content_string
    key = made.private_key_pem.bytes().decode()
    arguments = ["--limit=control2", f"--extra-vars=@{file}", "--diff", "-vvv"]
    # The key of another certificate is refused, in check mode already, and what is there stays.
    said = json.loads(file.read_text())
    strange = trustme.CA().issue_cert("cloud.example.org").private_key_pem.bytes().decode()
    said["tls_certificates"][0]["key"] = strange
    file.write_text(json.dumps(said))
    refused = run(*arguments, "--check")
    assert refused.returncode != 0
    assert "belongs to another certificate" in " ".join(refused.stdout.split())
    assert secrets.printed(refused, lines_of(strange)) == []
    assert host.file(f"{FOLDER}/key.pem").content_string == before

    said["tls_certificates"][0]["key"] = key
    file.write_text(json.dumps(said))
    with secrets.processes(lines_of(key)) as listed:
        done = run(*arguments)
    assert done.returncode == 0, done.stdout[-3000:]
    assert shown(done, listed, lines_of(key)) == []
    assert host.file(f"{FOLDER}/key.pem").content_string == key
    assert host.file(f"{FOLDER}/key.pem").mode == 0o600
