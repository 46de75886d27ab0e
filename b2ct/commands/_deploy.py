"""What `b2ct deploy` and `b2ct plan` share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from b2ct.deploy import playbook, state
from b2ct.load import LoadedSite, VaultOptions, read_site
from b2ct.redact import Redactor
from b2ct.verify.fleet import Login, members

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Prepared:
    """A site that is ready to be played on some of its hosts."""

    loaded: LoadedSite
    name: str
    hosts: tuple[str, ...]
    call: playbook.Call
    redact: Redactor
    state: state.State

    @contextlib.contextmanager
    def log(self, what: str) -> Iterator[tuple[Path, IO[str]]]:
        """Open the log of a run."""
        path, stream = state.open_log(self.state.folder, what, datetime.now().astimezone())
        with stream:
            yield path, stream


def prepare(
    site: Path, limit: str | None, vault: VaultOptions, login: Login, *, check: bool, verbosity: int
) -> Prepared:
    """Read all that a run needs; raise whatever is wrong before anything is begun."""
    loaded = read_site(site)
    name = loaded.site.site.name
    found = members(loaded.path, limit, vault)
    secrets = [*found.secrets, *([login.become_password] if login.become_password else [])]
    call = playbook.Call(
        inventory=loaded.path.absolute(),
        limit=limit,
        check=check,
        user=login.user,
        become_password=login.become_password,
        vault=found.vault,
        verbosity=verbosity,
    )
    known = state.load(loaded.path, name)
    return Prepared(loaded, name, found.hosts, call, Redactor(secrets), known)
