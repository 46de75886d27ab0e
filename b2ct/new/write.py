"""The texts of a new site, and their writing: whole, and never over what exists."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from importlib import resources
from ipaddress import IPv4Address
from pathlib import Path

import jinja2

from b2ct.errors import B2ctError
from b2ct.load import VAULT_FILE, check_text
from b2ct.load.vault_passwords import Vault
from b2ct.new.answers import Answers
from iso_builder.atomic import atomic_output

_LABEL_LENGTH = 11
#: 128 bits, as 32 digits of base 16.
_PASSWORD_BYTES = 16


@dataclass(frozen=True)
class NewNode:
    """A node of the new file."""

    name: str
    role: str
    address: IPv4Address


def site_text(answers: Answers, shown: str) -> str:
    """Write the site file; it passes ``b2ct check`` as it is.

    :param shown: how the admin names the site on the command line.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML, quoted by the filter below
    )
    environment.filters["yaml"] = _scalar
    template = resources.files("b2ct.new").joinpath("site.yml.j2").read_text("utf-8")
    vip, nodes = _plan(answers)
    return environment.from_string(template).render(
        answers=answers,
        shown=shown,
        label=_label(answers.name),
        vip=str(vip) if vip else "",
        nodes=nodes,
    )


def vault_text(answers: Answers) -> str:
    """Write the clear text of a new vault, with random passwords."""
    lines = [
        f"# Passwords of the site {answers.name}.",
        f"# Change them with: ansible-vault edit {VAULT_FILE}",
        f"vault_root_password: {_password()}",
        "vault_admin_passwords:",
        f"  {answers.admin}: {_password()}",
        "# Asked for before boot entries can be edited; remove it to have none:",
        f"vault_bootloader_password: {_password()}",
    ]
    return "\n".join(lines) + "\n"


def write_site(answers: Answers, file: Path, shown: str, vault: Vault | None) -> tuple[Path, ...]:
    """Write the site file, and its vault where a vault password is known; give what was written.

    :raises B2ctError: one of the files exists.
    """
    vault_file = file.parent / VAULT_FILE
    for existing in (file, *((vault_file,) if vault else ())):
        if existing.exists() or existing.is_symlink():
            raise B2ctError(f"{existing} exists already", "choose another name, or remove it")
    text = site_text(answers, shown)
    check_text(text, file)
    cipher = vault.encrypt(vault_text(answers)) if vault else None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise B2ctError(
            f"cannot make the folder {file.parent}: {error.strerror}", "choose another place"
        ) from None
    written = [file]
    if cipher is not None:
        with atomic_output(vault_file, mode=0o600) as part:
            part.write_bytes(cipher)
        written.append(vault_file)
    with atomic_output(file) as part:
        part.write_text(text, encoding="utf-8")
    return tuple(written)


def _scalar(text: str) -> str:
    """Write a text plainly where YAML reads it as the same text, else in quotes."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./@ +=-]*", text) and not text.endswith(" "):
        plain = text.lower() not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
        return text if plain else json.dumps(text)
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?", text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _label(name: str) -> str:
    return re.sub(r"[^A-Z0-9_-]", "-", name.upper())[:_LABEL_LENGTH].rstrip("-") or "B2CT"


def _password() -> str:

    # A letter first: YAML must not take it for a number.
    return "p" + secrets.token_hex(_PASSWORD_BYTES)


def _plan(answers: Answers) -> tuple[IPv4Address | None, list[NewNode]]:
    """Give free addresses: the service's own, then .11 and on, .21 and on, where there is room."""
    first = int(answers.subnet.network_address)
    taken = {first, int(answers.subnet.broadcast_address), int(answers.gateway)}
    dns = answers.dns
    if re.fullmatch(r"[\d.]+", dns):
        taken.add(int(IPv4Address(dns)))

    def free(offset: int) -> IPv4Address:
        size = answers.subnet.num_addresses
        number = next(
            first + (offset + step) % size
            for step in range(size)
            if first + (offset + step) % size not in taken
        )
        taken.add(number)
        return IPv4Address(number)

    vip = free(5) if answers.controls > 1 else None
    nodes = [
        NewNode(f"control{number}", "control", free(10 + number))
        for number in range(1, answers.controls + 1)
    ]
    start = max(20, 10 + answers.controls)
    nodes += [
        NewNode(f"node{number}", "hypervisor", free(start + number))
        for number in range(1, answers.hypervisors + 1)
    ]
    return vip, nodes
