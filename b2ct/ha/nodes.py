"""The two nodes of a pair, and the way to each of them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from b2ct.errors import B2ctError
from b2ct.inventory.pair import Pair, drbd_minor, kernel_name, pair, units
from b2ct.load import LoadedSite, VaultOptions
from b2ct.model import HaEngine
from b2ct.verify.connection import NodeBackend, NotReachableError, TooSlowError, Way
from b2ct.verify.fleet import Login, fleet

#: Seconds that a question may take; a node that just lost its disk or peer is slow.
ANSWER_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What a command on a node gave. ``error`` tells why there is no answer at all."""

    code: int
    text: str
    error: str = ""

    @property
    def came(self) -> bool:
        """Whether the node answered."""
        return not self.error


@dataclass(frozen=True)
class PairNodes:
    """A pair with a connection to each node. ``mounts`` are by DRBD resource."""

    site: str
    pair: Pair
    units: tuple[str, ...]
    ways: Mapping[str, Way]
    sockets: Path

    @property
    def names(self) -> tuple[str, str]:
        """Names of both nodes, the preferred one first."""
        return self.pair.nodes[0].name, self.pair.nodes[1].name

    @property
    def mounts(self) -> dict[str, str]:
        """Where each replicated volume is mounted."""
        return {name: str(one.mount) for name, one in self.pair.section.volumes.items()}

    def other(self, name: str) -> str:
        """Give the name of the other node."""
        return self.names[1] if name == self.names[0] else self.names[0]

    def engine_name(self, name: str) -> str:
        """Give what the engine calls a node: Heartbeat asks ``uname -n``, Pacemaker is told."""
        if self.pair.engine is HaEngine.PACEMAKER:
            return name
        return kernel_name(next(node for node in self.pair.nodes if node.name == name))

    def device(self, resource: str) -> str:
        """Give the device of a replicated volume."""
        return f"/dev/drbd{drbd_minor(self.pair.section, resource)}"

    def backend(self, name: str, timeout_s: float = ANSWER_S) -> NodeBackend:
        """Give the connection to a node."""
        return NodeBackend(self.ways[name], self.sockets, timeout_s)

    def run(self, name: str, command: str, *args: str, timeout_s: float = ANSWER_S) -> Answer:
        """Run a command on a node as root."""
        try:
            done = self.backend(name, timeout_s).run(command, *args)
        except NotReachableError as error:
            return Answer(-1, "", str(error) or "no answer")
        except TooSlowError:
            return Answer(-1, "", f"no answer within {timeout_s:.0f} s")
        text = done.stdout if done.rc == 0 else f"{done.stdout}{done.stderr}"
        return Answer(done.rc, text.strip())

    def run_each(
        self, commands: Mapping[str, str], timeout_s: float = ANSWER_S
    ) -> dict[str, Answer]:
        """Run a command on each node, at once."""
        with ThreadPoolExecutor(2) as pool:
            asked = {
                name: pool.submit(self.run, name, command, timeout_s=timeout_s)
                for name, command in commands.items()
            }
            return {name: future.result() for name, future in asked.items()}


@contextlib.contextmanager
def open_pair(loaded: LoadedSite, vault: VaultOptions, login: Login) -> Iterator[PairNodes]:
    """Open the failover pair of a site.

    :raises B2ctError: the site has none.
    """
    found = pair(loaded.site)
    if found is None:
        raise B2ctError(
            f"the site {loaded.site.site.name} has no failover pair",
            "describe one in the section ha of site.yml; see docs/ha.md",
        )
    names = [node.name for node in found.nodes]
    targets = fleet(loaded.path, names, vault, login).targets
    # Paths of sockets are short: not below the folder of a test or of a user.
    sockets = Path(tempfile.mkdtemp(prefix="b2ct-", dir="/tmp"))
    try:
        yield PairNodes(
            site=loaded.site.site.name,
            pair=found,
            units=tuple(units(loaded.site)),
            ways={target.name: target.way for target in targets},
            sockets=sockets,
        )
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
