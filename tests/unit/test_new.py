"""b2ct new: what it writes is sound, and it writes over nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner, Result

from b2ct.cli import main
from b2ct.load import VaultOptions, load_secrets, load_site
from b2ct.new import look_around
from tests.unit.site_texts import SSH_KEY


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An admin's machine of which nothing is known."""
    for name in ("B2CT_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE", "SUDO_USER", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "root")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments])


NEEDED = ("--domain", "cloud.example.org", "--ssh-key", SSH_KEY)


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--controls", "2", "--hypervisors", "0"),
        ("--controls", "2", "--hypervisors", "100"),
        ("--subnet", "192.0.2.0/28", "--controls", "2", "--hypervisors", "8"),
        ("--subnet", "192.0.2.0/27", "--gateway", "192.0.2.11", "--dns", "192.0.2.5"),
        ("--release", "debian-13", "--keyboard", "no", "--admin", "no", "--dns", "2001:db8::53"),
        ("--timezone", "Europe/Rome", "--language", "it_IT.UTF-8", "--ntp", "192.0.2.1"),
    ],
)
def test_what_it_writes_is_sound(more: tuple[str, ...]) -> None:
    done = new("torino", *NEEDED, *more)
    assert done.exit_code == 0, done.output
    site = load_site(Path("inventories/torino"))
    assert site.site.name == "torino"
    assert site.site.label == "TORINO"
    assert "b2ct check torino" in done.output
    checked = CliRunner().invoke(main, ["check", "torino"])
    assert checked.exit_code == 0, checked.output


def test_it_writes_an_encrypted_vault_when_it_can(surroundings: Path) -> None:
    (surroundings / "password").write_text("correct horse\n")
    done = new("torino", *NEEDED, "--vault-password-file", "password", "--admin", "ada")
    assert done.exit_code == 0
    folder = Path("inventories/torino")
    assert (folder / "vault.yml").read_bytes().startswith(b"$ANSIBLE_VAULT;")
    options = VaultOptions(password_files=("password",))
    secrets = load_secrets(folder, load_site(folder), options)
    assert len(set(secrets.plaintexts())) == 3
    assert secrets.hashed("ada")
    for text in secrets.plaintexts():
        assert len(text) > 30
        assert text not in done.output + (folder / "site.yml").read_text()


def test_all_unfit_answers_are_told_in_one_run() -> None:
    done = new("Torino!", "--subnet", "10.0.0.1/24", "--release", "centos-7", "--controls", "0")
    assert done.exit_code == 2
    told = {line.partition(":")[0] for line in done.stderr.splitlines()[:-1]}
    assert told == {
        "--controls",
        "--domain",
        "--release",
        "--ssh-key",
        "--subnet",
        "the site's name",
    }
    assert not Path("inventories").exists()


def test_answers_that_do_not_go_together() -> None:
    done = new("torino", *NEEDED, "--gateway", "10.99.0.1", "--hypervisors", "200")
    assert "--gateway: 10.99.0.1 is no host of 10.20.0.0/24" in done.stderr
    done = new("torino", *NEEDED, "--subnet", "10.20.0.0/28", "--hypervisors", "20")
    assert "--subnet: 10.20.0.0/28 has no room for 21 nodes" in done.stderr


@pytest.mark.parametrize("existing", ["site.yml", "vault.yml"])
def test_it_writes_over_nothing(existing: str, surroundings: Path) -> None:
    folder = Path("inventories/torino")
    folder.mkdir(parents=True)
    (folder / existing).write_text("mine")
    (surroundings / "password").write_text("x")
    done = new("torino", *NEEDED, "--vault-password-file", "password")
    assert done.exit_code == 2
    assert f"{existing} exists already" in done.stderr
    assert [path.name for path in folder.iterdir()] == [existing]
    assert (folder / existing).read_text() == "mine"


def test_a_missing_vault_password_stops_it() -> None:
    done = new("torino", *NEEDED, "--vault-password-file", "nowhere")
    assert done.exit_code == 2
    assert "the vault password cannot be had" in done.stderr
    assert not Path("inventories").exists()


def test_a_folder_that_cannot_be_made(surroundings: Path) -> None:
    (surroundings / "file").write_text("")
    done = new("file/torino", *NEEDED)
    assert done.exit_code == 2
    assert "cannot make the folder file/torino" in done.stderr


def test_the_machine_at_hand_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc = tmp_path / "etc"
    (etc / "default").mkdir(parents=True)
    (etc / "resolv.conf").write_text("search x\nnameserver 127.0.0.53\nnameserver 192.0.2.7\n")
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    (etc / "default" / "keyboard").write_text('XKBMODEL="pc105"\nXKBLAYOUT="jp,us"\n')
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519.pub").write_text(f"{SSH_KEY}\n")
    monkeypatch.setenv("LANG", "ja_JP.utf8")
    monkeypatch.setenv("USER", "ken")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop.Example.org")
    around = look_around(tmp_path, etc)
    assert around.domain == "example.org"
    assert around.login == "ken"
    assert around.ssh_key == SSH_KEY
    assert around.dns == "192.0.2.7"
    assert around.timezone == "Asia/Tokyo"
    assert around.keyboard == "jp"
    assert around.language == "ja_JP.UTF-8"


def test_questions_at_a_terminal(surroundings: Path) -> None:
    """Each answer is judged at once, and Enter takes the guess."""
    program = Path(sys.executable).parent / "b2ct"
    child = pexpect.spawn(str(program), ["new", "torino"], cwd=surroundings, timeout=30)
    child.expect("DNS domain of the nodes")
    child.sendline("under_score.example")
    child.expect("is no domain name")
    child.sendline("cloud.example.org")
    child.expect("Login name")
    child.sendline("ada")
    child.expect("ssh public key")
    child.sendline(SSH_KEY)
    for question in (
        "Release to install",
        "Subnet",
        "Gateway",
        "Name server",
        "Time server",
        "Time zone",
        "keyboard",
        "Language",
        "control nodes",
    ):
        child.expect(question)
        child.sendline("")
    child.expect("hypervisors")
    child.sendline("3")
    child.expect("What to do next")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    site = load_site(surroundings / "inventories" / "torino")
    assert site.site.admins[0].name == "ada"
    assert len(site.nodes) == 4
