"""The members of the cluster, and the way to each of them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from b2ct.errors import B2ctError
from b2ct.ha.nodes import Answer
from b2ct.load import LoadedSite, VaultOptions
from b2ct.model import Site
from b2ct.verify.connection import NodeBackend, NotReachableError, TooSlowError, Way
from b2ct.verify.fleet import Login, fleet

#: Seconds that a question may take; a member that waits for a lock is slow.
ANSWER_S = 60.0
_MON = "crm_mon --one-shot --inactive --output-as=xml"


@dataclass(frozen=True)
class Members:
    """The members with a connection to each."""

    site: Site
    ways: Mapping[str, Way]
    sockets: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in the order of the site file."""
        return self.site.cluster_nodes

    def run(self, name: str, command: str, *args: str, timeout_s: float = ANSWER_S) -> Answer:
        """Run a command on a member as root."""
        try:
            done = NodeBackend(self.ways[name], self.sockets, timeout_s).run(command, *args)
        except (NotReachableError, TooSlowError) as error:
            return Answer(-1, "", str(error) or "no answer")
        text = done.stdout if done.rc == 0 else f"{done.stdout}{done.stderr}"
        return Answer(done.rc, text.strip())

    def run_all(self, command: str, timeout_s: float = ANSWER_S) -> dict[str, Answer]:
        """Run a command on every member, at once."""
        with ThreadPoolExecutor(max(len(self.names), 1)) as pool:
            asked = {
                name: pool.submit(self.run, name, command, timeout_s=timeout_s)
                for name in self.names
            }
            return {name: future.result() for name, future in asked.items()}

    def cluster(self, without: str = "") -> tuple[str, str]:
        """Give the name of a member that sees the cluster, and what ``crm_mon`` says there.

        :raises B2ctError: none does.
        """
        told = "no member was asked"
        for name in self.names:
            if name == without:
                continue
            answer = self.run(name, _MON)
            if answer.code == 0:
                return name, answer.text
            told = f"{name}: {answer.error or answer.text}"
        raise B2ctError(
            f"no member of the cluster answers: {told}",
            "see docs/storage.md, or set it up with: b2ct deploy SITE --stage storage",
        )


@contextlib.contextmanager
def open_members(loaded: LoadedSite, vault: VaultOptions, login: Login) -> Iterator[Members]:
    """Open the members of a site's cluster.

    :raises B2ctError: the site shares nothing.
    """
    site = loaded.site
    if not site.cluster_nodes:
        raise B2ctError(
            f"the site {site.site.name} has no cluster and no san",
            "describe them in site.yml; see docs/storage.md",
        )
    targets = fleet(loaded.path, list(site.cluster_nodes), vault, login).targets
    # Paths of sockets are short: not below the folder of a test or of a user.
    sockets = Path(tempfile.mkdtemp(prefix="b2ct-", dir="/tmp"))
    try:
        yield Members(site, {target.name: target.way for target in targets}, sockets)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
