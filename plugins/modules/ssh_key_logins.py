#!/usr/bin/python
"""The module ``b2ct.cloud.ssh_key_logins``: who could log in over ssh with a key."""

# The imports below the documentation are where Ansible expects them. The code runs with every
# Python that a node of ansible-core 2.17 may have, that is, from 3.7 on.
# ruff: noqa: E402, UP006, UP035, UP045, RUF007, B905

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_key_logins
short_description: Tells which users could log in over ssh with a key
description:
  - Looks at all that decides about a login with a key, as C(sshd) does, without logging in. These
    are the account, its shell and expiry, sshd's settings for that user, owner and mode of the home
    and of C(authorized_keys), and the keys in it.
  - Meant to be asked before password logins are ended. Changes nothing.
author:
  - The b2ct maintainers
version_added: "0.1.0"
options:
  users:
    description: Users and their public keys.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Login name.
        type: str
        required: true
      comment:
        description: Not looked at.
        type: str
        default: ""
      ssh_keys:
        description: Public keys, of which at least one must be in place.
        type: list
        elements: str
        required: true
attributes:
  check_mode:
    description: Can run in check mode.
    support: full
"""

EXAMPLES = r"""
- name: See whether an admin can log in with a key
  b2ct.cloud.ssh_key_logins:
    users: "{{ base_admins }}"
  register: logins
"""

RETURN = r"""
usable:
  description: Names of the users who could log in.
  type: list
  elements: str
  returned: always
problems:
  description: One sentence for each user who could not.
  type: list
  elements: str
  returned: always
"""

import os
import pwd
import stat
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

_DAY = 86400
_NO_LOGIN = ("nologin", "false", "sync", "halt", "shutdown")


def key_body(line: str) -> Optional[str]:
    """Give type and body of a public key, without options and comment."""
    fields = line.split()
    for kind, body in zip(fields, fields[1:]):
        if kind.startswith(("ssh-", "ecdsa-", "sk-")) and body.startswith("AAAA"):
            return f"{kind} {body}"
    return None


def expired(name: str, shadow: str, now: float) -> bool:
    """Say whether an account's day has passed; ``shadow`` is the text of /etc/shadow."""
    for line in shadow.splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 7 and fields[7]:
            return int(fields[7]) * _DAY <= now
    return False


def settings_problem(name: str, groups: List[str], settings: Dict[str, List[str]]) -> Optional[str]:
    """Say what in sshd's settings (``sshd -T``) keeps a user out."""
    if settings.get("pubkeyauthentication", ["yes"]) != ["yes"]:
        return "sshd takes no keys (PubkeyAuthentication)"
    for who, names in (("users", [name]), ("groups", groups)):
        allowed, denied = settings.get(f"allow{who}", []), settings.get(f"deny{who}", [])
        if any(fnmatchcase(one, pattern) for one in names for pattern in denied):
            return f"sshd denies it (Deny{who.capitalize()})"
        patterns = [pattern.split("@")[0] for pattern in allowed]
        if allowed and not any(fnmatchcase(one, pattern) for one in names for pattern in patterns):
            return f"sshd does not allow it (Allow{who.capitalize()})"
    return None


def parse_settings(text: str) -> Dict[str, List[str]]:
    """Read the output of ``sshd -T``."""
    found: Dict[str, List[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), []).extend(value.split())
    return found


def mode_problem(path: Path, user: int) -> Optional[str]:
    """Say why sshd's StrictModes would not trust a file or folder."""
    try:
        found = path.stat()
    except OSError as error:
        return f"{path}: {error.strerror}"
    if found.st_uid not in (0, user):
        return f"{path} belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} is writable for others (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


def files_problem(account: Any, wanted: List[str], patterns: List[str]) -> Optional[str]:  # noqa: ANN401
    """Say why no wanted key counts in the files that sshd looks at."""
    problem = None
    home = Path(account.pw_dir)
    for pattern in patterns:
        named = pattern.replace("%%", "%").replace("%h", account.pw_dir)
        path = home / named.replace("%u", account.pw_name)
        if not path.exists():
            problem = problem or f"{path} is missing"
            continue
        trusted = [path, path.parent, *([home] if home in path.parents else [])]
        found = next(filter(None, (mode_problem(one, account.pw_uid) for one in trusted)), None)
        if found:
            return found
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        keys = {key_body(line) for line in lines if not line.lstrip().startswith("#")}
        if keys & {key_body(line) for line in wanted} - {None}:
            return None
        problem = f"none of the user's keys is in {path}"
    return problem or "sshd looks at no file with keys (AuthorizedKeysFile)"


def login_problem(user: Dict[str, Any], sshd: str, groups: List[str], shadow: str) -> Optional[str]:
    """Say why a user could not log in; ``sshd`` is the output of ``sshd -T`` for that user."""
    try:
        account = pwd.getpwnam(user["name"])
    except KeyError:
        return "there is no such account"
    if Path(account.pw_shell).name in _NO_LOGIN or not os.access(account.pw_shell, os.X_OK):
        return f"its shell {account.pw_shell} is for no login"
    if expired(user["name"], shadow, time.time()):
        return "the account has expired"
    settings = parse_settings(sshd)
    problem = settings_problem(user["name"], groups, settings)
    patterns = settings.get("authorizedkeysfile", [".ssh/authorized_keys"])
    return problem or files_problem(account, user["ssh_keys"], patterns)


def main() -> None:
    """Answer Ansible."""
    user = {
        "name": {"type": "str", "required": True},
        "comment": {"type": "str", "default": ""},
        "ssh_keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
    }
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "required": True, "options": user}
        },
        supports_check_mode=True,
    )
    sshd = module.get_bin_path("sshd", required=True, opt_dirs=["/usr/sbin", "/sbin"])
    shadow = Path("/etc/shadow").read_text(encoding="utf-8", errors="replace")
    usable: List[str] = []
    problems: List[str] = []
    for one in module.params["users"]:
        name = one["name"]
        code, told, _ = module.run_command([sshd, "-T", "-C", f"user={name},host=h,addr=127.0.0.1"])
        _, groups, _ = module.run_command(["id", "-nG", "--", name])
        # Settings that sshd itself does not understand are told where they are tried.
        found = login_problem(one, told if code == 0 else "", groups.split(), shadow)
        if found:
            problems.append(f"{name}: {found}")
        else:
            usable.append(name)
    module.exit_json(changed=False, usable=usable, problems=problems)


if __name__ == "__main__":
    main()
