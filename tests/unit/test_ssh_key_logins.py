"""Who could log in with a key: every reason why sshd would say no."""

from __future__ import annotations

import os
import pwd
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

MODULE = runpy.run_path(
    str(Path(__file__).parents[2] / "plugins" / "modules" / "ssh_key_logins.py"), run_name="module"
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1mnM5oQ7XkqYbYlZTz9Hk7Vj0x2bq1mY0mWJ3l5m8a"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM9gA26Vp2BLOiiblXk/jrQLTJLTeWxg9tGHob7gIvXA"
SSHD = "pubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n"
Ask = Callable[..., str | None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    keys = tmp_path / ".ssh" / "authorized_keys"
    keys.write_text(f"# the admin's\n{KEY} ada@home\n")
    keys.chmod(0o600)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask about ada, whose account is the caller's with another home."""

    def ask(sshd: str = SSHD, shell: str = "/bin/sh", shadow: str = "", keys: Any = (KEY,)) -> Any:
        account = SimpleNamespace(
            pw_name="ada", pw_dir=str(home), pw_uid=os.getuid(), pw_shell=shell
        )
        monkeypatch.setattr(pwd, "getpwnam", lambda _: account)
        return MODULE["login_problem"](
            {"name": "ada", "ssh_keys": list(keys)}, sshd, ["ada", "wheel"], shadow
        )

    return ask


def test_all_is_well(ask: Ask) -> None:
    assert ask() is None


def test_a_key_with_options_and_another_comment_counts(ask: Ask, home: Path) -> None:
    (home / ".ssh" / "authorized_keys").write_text(f'from="10.0.0.0/8" {KEY} elsewhere\n')
    assert ask(keys=[f"{KEY} here"]) is None


def test_the_second_file_counts(ask: Ask, home: Path) -> None:
    (home / ".ssh" / "authorized_keys").rename(home / ".ssh" / "authorized_keys2")
    assert ask() is None


def test_no_such_account() -> None:
    user = {"name": "nobody-of-that-name", "ssh_keys": [KEY]}
    assert MODULE["login_problem"](user, SSHD, [], "") == "there is no such account"


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false", "/bin/there-is-no-shell"])
def test_a_shell_for_no_login(ask: Ask, shell: str) -> None:
    assert "is for no login" in str(ask(shell=shell))


@pytest.mark.parametrize(
    ("shadow", "expired"),
    [
        ("ada:!:19000:0:99999:7:::\n", False),
        ("ada:*:19000:0:99999:7::1:\n", True),
        ("ada:*:19000:0:99999:7::99999:\n", False),
        ("bob:*:19000:0:99999:7::1:\n", False),
    ],
)
def test_expiry(ask: Ask, shadow: str, expired: bool) -> None:
    assert (ask(shadow=shadow) == "the account has expired") is expired


@pytest.mark.parametrize(
    ("sshd", "words"),
    [
        ("pubkeyauthentication no\n", "takes no keys"),
        (f"{SSHD}allowusers bob\n", "AllowUsers"),
        (f"{SSHD}denyusers a*\n", "DenyUsers"),
        (f"{SSHD}allowgroups staff\n", "AllowGroups"),
        (f"{SSHD}denygroups wheel\n", "DenyGroups"),
        ("authorizedkeysfile none\n", "missing"),
        ("authorizedkeysfile /etc/ssh/keys/%u\n", "/etc/ssh/keys/ada is missing"),
    ],
)
def test_settings_of_sshd(ask: Ask, sshd: str, words: str) -> None:
    assert words in str(ask(sshd=sshd))


@pytest.mark.parametrize(
    "allowed", ["allowusers ada", "allowusers a*@10.0.0.1", "allowgroups wheel"]
)
def test_allowed_by_name(ask: Ask, allowed: str) -> None:
    assert ask(sshd=f"{SSHD}{allowed}\n") is None


@pytest.mark.parametrize("part", [".", ".ssh", ".ssh/authorized_keys"])
def test_what_others_may_write_is_not_trusted(ask: Ask, home: Path, part: str) -> None:
    (home / part).chmod(0o777)
    assert "writable for others" in str(ask())


def test_another_key_does_not_count(ask: Ask, home: Path) -> None:
    (home / ".ssh" / "authorized_keys").write_text(f"{OTHER}\n#{KEY}\n")
    assert "none of the user's keys" in str(ask())


def test_no_file(ask: Ask, home: Path) -> None:
    (home / ".ssh" / "authorized_keys").unlink()
    assert "authorized_keys is missing" in str(ask())


def test_no_keys_at_all(ask: Ask) -> None:
    assert "none of the user's keys" in str(ask(keys=["not a key"]))
