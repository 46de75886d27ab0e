"""vault.yml: Ansible's encryption, Ansible's ways to give the password, nothing in clear."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from passlib.hash import sha512_crypt

from b2ct.errors import B2ctError, ProblemsError
from b2ct.load import Secrets, VaultOptions, load_secrets, load_site
from tests.unit.site_texts import BASE

PASSWORD = "correct horse"
CLEAR = """\
vault_root_password: the-root-password
vault_admin_passwords:
  ada: the-password-of-ada
vault_bootloader_password: the-boot-password
vault_oneadmin_password: the-cloud-password
"""
EXAMPLE = Path(__file__).parents[2] / "inventories" / "example"


def encrypted(text: str, password: str = PASSWORD, vault_id: str | None = None) -> bytes:
    secret = VaultSecret(password.encode())
    return VaultLib([("default", secret)]).encrypt(text, secret, vault_id)


def inline(text: str) -> str:
    body = "\n".join(f"      {line}" for line in encrypted(text).decode().splitlines())
    return f"!vault |\n{body}"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("B2CT_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "site.yml").write_text(BASE)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return tmp_path


def load(site: Path, content: bytes | str, options: VaultOptions | None = None) -> Secrets:
    raw = content if isinstance(content, bytes) else content.encode()
    (site / "vault.yml").write_bytes(raw)
    if options is None:
        options = VaultOptions(password_files=(str(site / "password"),))
    return load_secrets(site, load_site(site), options)


def refused(site: Path, content: bytes | str, options: VaultOptions | None = None) -> str:
    with pytest.raises(B2ctError) as caught:
        load(site, content, options)
    if isinstance(caught.value, ProblemsError):
        return "\n".join(str(problem) for problem in caught.value.problems)
    return f"{caught.value.message}; {caught.value.hint}"


def test_whole_file(site: Path) -> None:
    secrets = load(site, encrypted(CLEAR))
    assert set(secrets.plaintexts()) == {
        "the-root-password",
        "the-password-of-ada",
        "the-boot-password",
        "the-cloud-password",
    }
    for account, password in (("root", "the-root-password"), ("ada", "the-password-of-ada")):
        hashed = secrets.hashed(account)
        assert hashed is not None
        assert sha512_crypt.verify(password, hashed)
    assert secrets.hashed("bob") is None
    assert str(secrets.bootloader_hash()).startswith("grub.pbkdf2.sha512.10000.")
    for text in secrets.plaintexts():
        assert text not in repr(secrets)


def test_inline_values(site: Path) -> None:
    text = f"vault_root_password: {inline('a b')}\nvault_admin_passwords:\n  ada: {inline('c')}\n"
    secrets = load(site, text)
    assert secrets.plaintexts() == ("a b", "c")


def test_no_vault_means_no_passwords(site: Path) -> None:
    secrets = load_secrets(site / "site.yml", load_site(site))
    assert secrets.hashed("root") is None
    assert secrets.bootloader_hash() is None
    assert secrets.plaintexts() == ()


def test_hashes_are_the_same_each_time_and_differ_by_account_and_site() -> None:
    from pydantic import SecretStr

    def secrets(name: str) -> Secrets:
        same = SecretStr("same")
        return Secrets(name, same, {"ada": same})

    assert secrets("a").hashed("root") == secrets("a").hashed("root")
    salts = {
        str(secrets(name).hashed(account)).split("$")[3]
        for name in ("a", "b")
        for account in ("root", "ada")
    }
    assert len(salts) == 4


@pytest.mark.parametrize(
    "way",
    ["b2ct_variable", "ansible_variable", "identity_list", "vault_id", "program", "ask"],
)
def test_ways_to_give_the_password(way: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(site / "password")
    options = VaultOptions()
    if way == "b2ct_variable":
        monkeypatch.setenv("B2CT_VAULT_PASSWORD_FILE", file)
    elif way == "ansible_variable":
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", file)
    elif way == "identity_list":
        monkeypatch.setenv("ANSIBLE_VAULT_IDENTITY_LIST", f"prod@{file}")
    elif way == "vault_id":
        options = VaultOptions(ids=(f"prod@{file}",))
    elif way == "program":
        program = site / "password-program"
        program.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
        program.chmod(0o755)
        options = VaultOptions(password_files=(str(program),))
    else:
        monkeypatch.setattr("getpass.getpass", lambda *_args, **_kwargs: PASSWORD)
        options = VaultOptions(ask=True)
    vault_id = "prod" if way in {"identity_list", "vault_id"} else None
    secrets = load(site, encrypted(CLEAR, vault_id=vault_id), options)
    assert secrets.hashed("root") is not None


def test_ansible_cfg_names_the_password_file(site: Path) -> None:
    """ansible.cfg is read once per process, so this takes one of its own."""
    (site / "vault.yml").write_bytes(encrypted(CLEAR))
    (site / "ansible.cfg").write_text("[defaults]\nvault_password_file = ./password\n")
    site.chmod(0o755)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path;"
        "from b2ct.load import load_secrets, load_site;"
        "p = Path(sys.argv[1]); print(len(load_secrets(p, load_site(p)).plaintexts()))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, str(site), root],
        cwd=site,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "4"


def test_a_later_password_may_fit(site: Path) -> None:
    (site / "other").write_text("something else")
    files = (str(site / "other"), str(site / "missing"), str(site / "password"))
    assert load(site, encrypted(CLEAR), VaultOptions(password_files=files)).hashed("root")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CLEAR, "vault.yml: is not encrypted; encrypt it with: ansible-vault encrypt"),
        (
            f"vault_root_password: {inline('x')}\nvault_admin_passwords: {{ada: clear}}\n",
            "vault.yml:8: the value of vault_admin_passwords.ada is not encrypted;"
            " encrypt the file with: ansible-vault encrypt",
        ),
        (
            encrypted("vault_root_pasword: x\n"),
            "unknown variable 'vault_root_pasword'; did you mean 'vault_root_password'?",
        ),
        (
            encrypted("vault_admin_passwords: {adda: x}\n"),
            "vault_admin_passwords: 'adda' is no admin of the site; did you mean 'ada'?",
        ),
        (
            encrypted("vault_root_password: 123456\n"),
            "vault_root_password: YAML reads it as a number; put the password in quotes",
        ),
        (encrypted("vault_root_password:\n"), "vault_root_password is empty"),
        (encrypted("vault_root_password: [x]\n"), "vault_root_password must be one text"),
        (encrypted('vault_root_password: "a\\nb"\n'), "holds a control character"),
        (encrypted("vault_admin_passwords: x\n"), "must map names to passwords"),
        (encrypted("- x\n"), "this is no list of variables"),
        (encrypted("vault_bootloader_password: pä\n"), "use ASCII characters only"),
        (encrypted("a: 'b\n"), "line 2 of its decrypted text is not valid YAML"),
        (encrypted(CLEAR, "another password"), "the vault password does not fit"),
        (encrypted(CLEAR)[:-80], "its encrypted text is damaged; restore it"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n0000\n", "its encrypted text is damaged"),
        (b"$ANSIBLE_VAULT;\nzz", "its encrypted text is damaged"),
    ],
)
def test_faults_are_told_without_a_secret(content: bytes | str, told: str, site: Path) -> None:
    text = refused(site, content)
    assert told in text
    assert "123456" not in text
    assert "the-root-password" not in text


def test_no_password_given(site: Path) -> None:
    text = refused(site, encrypted(CLEAR), VaultOptions())
    assert "is encrypted and no vault password is given; set B2CT_VAULT_PASSWORD_FILE" in text


def test_password_file_missing(site: Path) -> None:
    text = refused(site, encrypted(CLEAR), VaultOptions(password_files=("/nowhere/password",)))
    assert "/nowhere/password was not found" in text


def test_the_example_vault_opens_with_the_example_password() -> None:
    options = VaultOptions(password_files=(str(EXAMPLE / "vault-password.example"),))
    secrets = load_secrets(EXAMPLE, load_site(EXAMPLE), options)
    assert secrets.hashed("root") is not None
    assert secrets.hashed("ada") is not None
    assert all(len(text) >= 16 for text in secrets.plaintexts())
