"""How long deploying takes: first run, second run, plan and verify; and what an added host costs.

    .venv/bin/python benchmarks/deploy.py [--hosts 1 4 16] [--no-site]

The hosts are containers with systemd, those of the molecule scenarios: `site` as it stands (a
control node, two hypervisors and a cache; all stages), then sites of so many Debian 12 nodes in
the stage `base`, which every node has. Controller and hosts share this machine's cores. Making the
containers is not measured. CPU seconds are those of the controller alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.containers import images  # noqa: E402
from tests.containers.places import SCENARIOS  # noqa: E402
from tests.containers.runner import environment_of, images_of  # noqa: E402
from tests.containers.session import Session, admin_public_key  # noqa: E402

_SITE = """\
plugin: b2ct.cloud.site
site:
  name: bench
  domain: bench.example.org
  admins: [{{name: ada, ssh_keys: [{key}]}}]
  dns: {{servers: [10.89.0.1]}}
  time_servers: [10.89.0.5]
networks:
  service: {{purpose: service, ipv4: {{subnet: 10.89.0.0/24, gateway: 10.89.0.1}}}}
install: {{release: debian-12}}
hardware:
  machine:
    nics: [eth0]
    attach: {{service: {{device: eth0}}}}
    disk: {{rule: {{type: ssd, min_size: 50GB, max_size: 200GB}}}}
    volumes: {{root: {{size: 20GiB, mount: /}}}}
nodes:
  control1: {{roles: [control], hardware: machine, addresses: {{service: 10.89.0.11}}}}
"""
_NODE = (
    "  node{n}: {{roles: [hypervisor], hardware: machine, addresses: {{service: 10.89.0.{at}}}}}\n"
)
#: A site takes it from its vault; only parameters of the container's own network can be set.
_VARIABLES = """\
vault_opennebula_db_password: correct-horse-battery
base_sysctl: {net.ipv4.tcp_syncookies: 1}
precheck_virtualization: false
test_options: [--security-opt=unmask=/proc/sys]
"""


@dataclass(frozen=True)
class Measured:
    """One command: how long it took, on how much work."""

    what: str
    wall_s: float
    cpu_s: float
    tasks: int
    changed: int


class Hosts:
    """Containers that stand for a site's machines, and the commands that are measured on them."""

    def __init__(self, session: Session, inventory: Path, environment: dict[str, str]) -> None:
        self.session, self.inventory, self.environment = session, inventory, environment

    def playbook(self, file: Path) -> None:
        """Run a playbook of the scenarios, unmeasured."""
        argv = ["ansible-playbook", "--inventory", str(self.inventory), str(file)]
        self._run(argv, good=(0,))

    def deploy(self, what: str, *stages: str) -> Measured:
        """Measure `b2ct deploy`; the tasks are those that ran, on all hosts together."""
        said = [word for stage in stages for word in ("--stage", stage)]
        text, wall, cpu = self._run(["b2ct", "deploy", self._site, "--json", *said], good=(0,))
        rows = [json.loads(line) for line in text.splitlines()]
        ran = [row["status"] for row in rows if row.get("status") in {"ok", "changed"}]
        return Measured(what, wall, cpu, len(ran), ran.count("changed"))

    def plan(self, what: str) -> Measured:
        """Measure `b2ct plan`, where nothing is left to do."""
        _, wall, cpu = self._run(["b2ct", "plan", self._site, "--exit-code"], good=(0,))
        return Measured(what, wall, cpu, 0, 0)

    def verify(self, what: str, *areas: str) -> Measured:
        """Measure `b2ct verify`; the tasks are its checks."""
        said = [word for area in areas for word in ("--only", area)]
        text, wall, cpu = self._run(["b2ct", "verify", self._site, "--json", *said], good=(0, 1))
        found = json.loads(text)
        checks = [check for host in found["hosts"] for check in host["checks"]]
        for check in checks:
            if check["outcome"] == "failed":
                raise SystemExit(f"{what} found a fault: {check['words']}: {check['detail']}")
        return Measured(what, wall, cpu, len(checks), 0)

    @property
    def _site(self) -> str:
        return str(self.inventory / "site.yml")

    def _run(self, argv: Sequence[str], *, good: Sequence[int]) -> tuple[str, float, float]:
        before, begun = _cpu(), time.monotonic()
        done = self.session.run(argv, extra=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)  # fmt: skip
        wall, cpu = time.monotonic() - begun, _cpu() - before
        if done.returncode not in good:
            raise SystemExit(f"{' '.join(argv)} ended with {done.returncode}:\n"
                             f"{done.stdout[-3000:]}{done.stderr[-3000:]}")  # fmt: skip
        return done.stdout, wall, cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def hosts(name: str, wanted: Sequence[str], inventory: Path | None, nodes: int) -> Iterator[Hosts]:
    """Make a session with the containers of an inventory, or of a site of so many nodes."""
    images.ensure(wanted)
    session = Session(f"bench-{name}-{os.getpid()}")
    try:
        session.start()
        environment = {
            **environment_of(wanted, session),
            "ANSIBLE_CONFIG": str(SCENARIOS / "ansible.cfg"),
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
            "XDG_STATE_HOME": str(session.folder / "state"),
        }
        made = Hosts(session, inventory or _inventory(session.folder, nodes), environment)
        made.playbook(SCENARIOS / "shared" / "create.yml")
        yield made
    finally:
        session.stop()


def _inventory(folder: Path, nodes: int) -> Path:
    inventory = folder / "inventory"
    (inventory / "group_vars").mkdir(parents=True)
    text = _SITE.format(key=admin_public_key())
    text += "".join(_NODE.format(n=number, at=20 + number) for number in range(1, nodes))
    (inventory / "site.yml").write_text(text)
    # A time server outside of the site.
    shutil.copy(SCENARIOS / "base" / "inventory" / "outside.yml", inventory)
    (inventory / "group_vars" / "all.yml").write_text(_VARIABLES)
    return inventory


def whole_site() -> list[Measured]:
    """Measure the scenario `site`, all stages."""
    inventory = SCENARIOS / "site" / "inventory"
    with hosts("site", images_of("site"), inventory, 0) as site:
        site.playbook(SCENARIOS / "opennebula" / "prepare.yml")
        return [
            site.deploy("`b2ct deploy`, first run"),
            site.deploy("`b2ct deploy`, second run"),
            site.plan("`b2ct plan`, nothing to change"),
            site.verify("`b2ct verify`"),
        ]


def base_only(nodes: int) -> list[Measured]:
    """Measure the stage `base` on so many nodes."""
    with hosts(f"{nodes}", ["debian12"], None, nodes) as site:
        return [
            site.deploy("first run", "base"),
            site.deploy("second run", "base"),
            site.verify("verify", "base", "tls", "system"),
        ]


def site_table(measured: Sequence[Measured]) -> str:
    """Write what the whole site took."""
    lines = ["| what | wall s | controller's CPU s | tasks or checks | changed |",
             "|---|---|---|---|---|"]  # fmt: skip
    for one in measured:
        lines.append(
            f"| {one.what} | {one.wall_s:.0f} | {one.cpu_s:.0f} | {one.tasks or ''} |"
            f" {one.changed if 'deploy' in one.what else ''} |"
        )
    return "\n".join(lines)


def hosts_table(measured: dict[int, list[Measured]]) -> str:
    """Write what sites of several sizes took, and what each added host did."""
    lines = ["| hosts | command | wall s | a host more s | controller's CPU s | work |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    least = min(measured)
    for count, runs in measured.items():
        for position, one in enumerate(runs):
            first = measured[least][position]
            added = f"{(one.wall_s - first.wall_s) / (count - least):.1f}" if count > least else ""
            lines.append(
                f"| {count} | {one.what} | {one.wall_s:.1f} | {added} | {one.cpu_s:.1f} |"
                f" {one.tasks} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--no-site", action="store_true", help="only what an added host costs")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.machine()}; load {os.getloadavg()[0]:.1f}\n")
    if not options.no_site:
        print(site_table(whole_site()), flush=True)
        print()
    if options.hosts:
        print(hosts_table({count: base_only(count) for count in sorted(options.hosts)}))
    print(f"\nload at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
