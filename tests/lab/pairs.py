"""A failover pair in its lab, and what its tests ask of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from b2ct.ha import text
from b2ct.ha.nodes import PairNodes, open_pair
from b2ct.ha.recorder import FOLDER
from b2ct.ha.status import PairStatus, status
from b2ct.lab.inventory import write_inventory
from b2ct.lab.lab import Lab
from b2ct.load import VaultOptions, read_site
from b2ct.verify.fleet import Login
from tests.lab.runs import ROOT, played, until

#: What moves besides address and volume: something small that answers, and has a state of its own.
UNIT = """\
[Unit]
Description=Answers on the service address
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/socat TCP-LISTEN:7000,fork,reuseaddr SYSTEM:'cat /srv/pair/name'
Restart=on-failure
RestartSec=1
"""
#: Emulated on a busy host, scripts take several times as long as on hardware.
PATIENCE_S = 900.0
MOUNT = "/srv/pair"


@dataclass(frozen=True)
class LabPair:
    """The pair in its lab."""

    lab: Lab
    nodes: PairNodes
    inventory: Path

    def play(self, *arguments: str) -> str:
        """Run the stage ha; give Ansible's words."""
        return played(self.inventory, ROOT / "playbooks" / "ha.yml", *arguments)

    def active(self) -> str:
        """Give the name of the active node."""
        found = status(self.nodes)
        assert found.active is not None, text.status(found)
        return found.active.name

    def wait(self, what: str, met: Callable[[], bool], limit_s: float = PATIENCE_S) -> float:
        """Wait until something is so; give the seconds that took."""
        return until(what, met, limit_s)

    def wait_whole(self, limit_s: float = PATIENCE_S) -> float:
        """Wait until the pair is well; give the seconds that took."""
        last: list[PairStatus] = []

        def whole() -> bool:
            last[:] = [status(self.nodes)]
            return last[0].good

        try:
            return self.wait("the pair is whole", whole, limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{text.status(last[0])}") from None

    def wait_volume(self, name: str, wanted: str, limit_s: float = PATIENCE_S) -> float:
        """Wait until a node's volume is so (a regular expression); give the seconds that took."""
        asked = "drbdadm cstate database; drbdadm dstate database"
        return self.wait(
            f"{name}: {wanted}",
            lambda: re.search(wanted, self.nodes.run(name, asked).text) is not None,
            limit_s,
        )

    def starts(self, name: str) -> int:
        """Give how often the lab's switch has switched a node on."""
        log = (self.lab.folder / "keeper.log").read_text(encoding="utf-8")
        return log.count(f" {name}: on (process ")

    def kill(self, name: str) -> None:
        """Kill a node's QEMU."""
        found = self.lab.process(name)
        assert found is not None
        os.kill(found.pid, 9)

    def killed(self, _nodes: PairNodes, active: str, _standby: str) -> None:
        """What strikes in a drill: the active node's QEMU is killed."""
        self.kill(active)

    def answer(self) -> str:
        """Ask the unit through the service address, from the node that stands by."""
        asked = f"timeout 20 bash -c 'cat < /dev/tcp/{self.nodes.pair.address.ip}/7000'"
        return self.nodes.run(self.nodes.other(self.active()), asked).text

    def kept(self, name: str) -> set[int]:
        """Give the numbers of a recorder's records that the active node has."""
        told = self.nodes.run(self.active(), f"cat {MOUNT}/{FOLDER}/{name}").text
        return {int(word) for word in told.split() if word.isdigit()}


@contextmanager
def open_lab_pair(lab: Lab) -> Iterator[LabPair]:
    """Give the pair of a lab that is up; its roles may not have run."""
    inventory = write_inventory(lab.folder, lab.running)
    with open_pair(read_site(inventory / "site.yml"), VaultOptions(), Login()) as nodes:
        yield LabPair(lab, nodes, inventory)


def install_unit(lab: Lab) -> None:
    """Install the unit that moves."""
    for guest in lab.running.guests:
        done = lab.run(
            guest.name,
            "cat > /etc/systemd/system/answer.service && systemctl daemon-reload",
            typed=UNIT,
        )
        assert done.returncode == 0, done.stderr
