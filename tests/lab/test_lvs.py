"""Service addresses on real kernels: requests go on while a server, a service or a director dies.

The tests build on each other and run in their order: each leaves everything well to the next one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.lab.inventory import write_inventory
from b2ct.lab.lab import Lab
from tests.lab.runs import ROOT, SITES, b2ct, lab_of, played

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-lvs")]

SITE = SITES / "lvs4"
LOAD = Path(__file__).with_name("load.py")
DIRECTORS = ("lvs1", "lvs2")
SERVERS = ("real1", "real2")
#: Service addresses: servers behind directors, and directors that answer themselves.
WEB, PAIR = "10.77.0.6", "10.77.0.7"
PORT = 8080
RATE = 100
#: What is demanded: fewer failures than one in this many requests.
ONE_IN = 1000
#: From a failure to the last request that may suffer from it: interval + 2 tries of 2 s + 1 s
#: between them (docs/lvs.md), and three signs of life of a director; doubled for emulation.
HEALTH_S = 14.0
TAKE_OVER_S = 8.0
PATIENCE_S = 600.0
#: Says who answers. TLS too, for the question over HTTPS.
NGINX = """\
server {
    listen 8080;
    listen 8443 ssl;
    ssl_certificate /etc/nginx/own.pem;
    ssl_certificate_key /etc/nginx/own.key;
    access_log off;
    location / { return 200 "$hostname\\n"; }
}
"""
SERVE = """\
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -days 30 \\
    -keyout /etc/nginx/own.key -out /etc/nginx/own.pem 2> /dev/null
rm -f /etc/nginx/sites-enabled/default
cat > /etc/nginx/conf.d/lab.conf
systemctl enable --now nginx
systemctl reload nginx
"""
#: The firewall alone of the role base: its other parts are proven elsewhere, and cost minutes here.
FIREWALL = """\
- hosts: lvs
  become: true
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: b2ct.cloud.base
        tasks_from: nftables.yml
"""


@dataclass(frozen=True)
class Answer:
    """One request: when it began, on the client's clock, how long it took, who answered."""

    begun: float
    took: float
    told: str

    @property
    def failed(self) -> bool:
        return self.told.startswith("!")


@dataclass(frozen=True)
class Load:
    """Requests at a steady rate."""

    answers: tuple[Answer, ...]
    #: Of the failure that was made, on the client's clock.
    struck: float

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.failed]

    def after(self, seconds: float) -> list[Answer]:
        """Give what began so long after the failure."""
        return [answer for answer in self.answers if answer.begun > self.struck + seconds]

    def tell(self, what: str) -> None:
        slow = sorted(answer.took for answer in self.answers if not answer.failed)
        rate = len(self.answers) / max(1.0, self.answers[-1].begun - self.answers[0].begun)
        late = [round(bad.begun - self.struck, 2) for bad in self.failures]
        sys.stderr.write(
            f"\nlvs: {what}: {len(self.answers)} requests at {rate:.0f}/s, {len(late)} failed"
            f" {Counter(bad.told for bad in self.failures)} at {late} s; answered by"
            f" {Counter(good.told for good in self.answers if not good.failed)}; half within"
            f" {slow[len(slow) // 2] * 1000:.0f} ms, the slowest {slow[-1]:.1f} s\n"
        )

    def judge(self, what: str, within_s: float) -> None:
        self.tell(what)
        assert len(self.failures) * ONE_IN < len(self.answers), self.failures
        late = [bad for bad in self.failures if bad.begun > self.struck + within_s]
        assert late == [], f"failed after {within_s} s: {late}"


@dataclass(frozen=True)
class LabLvs:
    """Directors, servers and a client in their lab."""

    lab: Lab
    inventory: Path

    def play(self, playbook: Path, *arguments: str) -> str:
        return played(self.inventory, playbook, *arguments)

    def said(self, node: str, command: str) -> str:
        done = self.lab.run(node, command)
        assert done.returncode == 0, f"{node}: {command}: {done.stderr}"
        return done.stdout.strip()

    def holders(self, address: str = WEB) -> list[str]:
        """Name the directors that hold an address on their card."""
        shown = f"ip -oneline -4 address show dev lan0 to {address}"
        return [
            name
            for name in DIRECTORS
            if self.lab.power(name, "status") == "on" and self.said(name, shown)
        ]

    def well(self) -> bool:
        """Whether one director is active, and knows all servers of all three services."""
        holders = self.holders()
        if len(holders) != 1 or holders != self.holders(PAIR):
            return False
        return all(
            len(re.findall(r"^-a .* -w 1$", self.said(name, "ipvsadm -S -n"), re.M)) == 6
            for name in DIRECTORS
        )

    def wait_well(self) -> str:
        """Wait until all is well; give the name of the active director."""
        begun = time.monotonic()
        while not self.well():
            assert time.monotonic() - begun < PATIENCE_S, [
                self.lab.run(name, "ip -br address; ipvsadm -Ln").stdout for name in DIRECTORS
            ]
            time.sleep(2)
        return self.holders()[0]

    def clock(self) -> float:
        """Give how far the client's clock is ahead of the host's."""
        best = (1e9, 0.0)
        for _ in range(4):
            before = time.time()
            there = float(self.said("client", "date +%s.%N"))
            took = time.time() - before
            best = min(best, (took, there - before - took / 2))
        return best[1]

    @contextmanager
    def without(self, name: str) -> Iterator[Callable[[], object]]:
        """Give what switches a machine off; whatever is found meanwhile, it comes back."""
        try:
            yield lambda: self.lab.power(name, "off")
        finally:
            self.lab.power(name, "on")
            self.lab.await_ssh(self.lab.running.guest(name), PATIENCE_S)

    def load(
        self, seconds: int, strike: Callable[[], object], *, address: str = WEB, rate: int = RATE
    ) -> Load:
        """Send requests; after a third of the time do something about the site."""
        ahead = self.clock()
        client = subprocess.Popen(
            [*self.lab.ssh_argv("client"), "--",
             f"sudo -n python3 - {address} {PORT} {rate} {seconds}"],
            stdin=LOAD.open(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(seconds / 3)
        struck = time.time() + ahead
        strike()
        text, _ = client.communicate(timeout=PATIENCE_S)
        first, *rest = text.splitlines()
        start = float(first)
        parts = [line.split(" ") for line in rest]
        answers = [Answer(start + float(part[0]), float(part[1]), part[2]) for part in parts]
        assert len(answers) == seconds * rate
        return Load(tuple(sorted(answers, key=lambda answer: answer.begun)), struck)


@pytest.fixture(scope="module")
def lvs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabLvs]:
    with lab_of(SITE, tmp_path_factory.mktemp("lvs")) as lab:
        inventory = write_inventory(lab.folder, lab.running)
        for name in (*DIRECTORS, *SERVERS):
            done = lab.run(name, SERVE, typed=NGINX)
            assert done.returncode == 0, done.stderr
        yield LabLvs(lab, inventory)


def test_the_role_makes_directors_and_servers(lvs: LabLvs, tmp_path: Path) -> None:
    lvs.play(ROOT / "playbooks" / "lvs.yml")
    (tmp_path / "firewall.yml").write_text(FIREWALL)
    lvs.play(tmp_path / "firewall.yml")
    lvs.wait_well()


def test_a_second_run_changes_nothing_in_check_mode_or_for_real(lvs: LabLvs) -> None:
    for arguments in (("--check", "--diff"), ()):
        said = lvs.play(ROOT / "playbooks" / "lvs.yml", *arguments)
        assert re.findall(r"changed=(\d+)", said) == ["0"] * 4, said[-6000:]


def test_the_address_is_the_active_director_s_alone(lvs: LabLvs) -> None:
    """Servers hold it on lo, and do not say so when the network asks."""
    active = lvs.wait_well()
    card = lvs.said(active, "cat /sys/class/net/lan0/address")
    for address in (WEB, PAIR):
        lvs.said("client", f"ip neighbour flush to {address}; ping -c 1 -W 5 {address}")
        assert card in lvs.said("client", f"ip neighbour show to {address}")


def test_all_servers_answer_in_turn(lvs: LabLvs) -> None:
    quiet = lvs.load(20, lambda: None)
    quiet.judge("nothing happens", 0)
    found = Counter(answer.told for answer in quiet.answers)
    assert set(found) == set(SERVERS)
    assert min(found.values()) > len(quiet.answers) / 3, found


def test_a_server_dies(lvs: LabLvs) -> None:
    lvs.wait_well()
    with lvs.without("real1") as strike:
        struck = lvs.load(60, strike)
        struck.judge("a server's plug is pulled", HEALTH_S)
        assert {answer.told for answer in struck.after(HEALTH_S)} == {"real2"}
    lvs.wait_well()
    back = lvs.load(20, lambda: None)
    back.judge("it is back", 0)
    assert {answer.told for answer in back.answers} == set(SERVERS)


def test_a_service_dies_on_a_server_that_lives(lvs: LabLvs) -> None:
    """Its kernel does not refuse at the service address: clients ask again, and are answered."""
    lvs.wait_well()
    struck = lvs.load(60, lambda: lvs.said("real2", "systemctl kill -s KILL nginx"))
    struck.judge("a service is killed", HEALTH_S)
    assert {answer.told for answer in struck.after(HEALTH_S)} == {"real1"}
    lvs.said("real2", "systemctl restart nginx")
    lvs.wait_well()


def test_the_active_director_dies(lvs: LabLvs) -> None:
    active = lvs.wait_well()
    other = next(name for name in DIRECTORS if name != active)
    with lvs.without(active) as strike:
        struck = lvs.load(60, strike)
        struck.judge("the active director's plug is pulled", TAKE_OVER_S)
        assert lvs.holders() == [other]
    assert lvs.wait_well() == other, "nothing moves back by itself"


def test_an_open_connection_outlives_its_director(lvs: LabLvs) -> None:
    """Slow questions: the connection is older than the new director."""
    active = lvs.wait_well()
    slow = (
        "import socket,time\n"
        f"s=socket.create_connection(('{WEB}',{PORT}),30); s.settimeout(60)\n"
        "for part in ('GET / HTTP/1.1\\r\\n','Host: x\\r\\n','A: b\\r\\n','C: d\\r\\n'):\n"
        "    s.send(part.encode()); time.sleep(1.5)\n"
        "print('open', flush=True); time.sleep(25)\n"
        "s.send(b'Connection: close\\r\\n\\r\\n'); print(s.recv(9999).decode().split()[-1])\n"
    )
    client = subprocess.Popen(
        [*lvs.lab.ssh_argv("client"), "--", "python3 -u -"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(slow)
    client.stdin.close()
    assert client.stdout.readline() == "open\n"
    with lvs.without(active) as strike:
        strike()
        assert client.stdout.readline().strip() in SERVERS
        client.wait(60)
    lvs.wait_well()


def test_directors_that_answer_themselves(lvs: LabLvs) -> None:
    """Connections for the one that stands by do not run in circles, and one alone is enough."""
    active = lvs.wait_well()
    other = next(name for name in DIRECTORS if name != active)
    quiet = lvs.load(20, lambda: None, address=PAIR)
    quiet.judge("directors answer", 0)
    found = Counter(answer.told for answer in quiet.answers)
    assert set(found) == set(DIRECTORS)
    assert min(found.values()) > len(quiet.answers) / 3, found
    with lvs.without(active) as strike:
        struck = lvs.load(60, strike, address=PAIR)
        struck.judge("a director that answers dies", HEALTH_S)
        assert {answer.told for answer in struck.after(HEALTH_S)} == {other}
    lvs.wait_well()


def test_the_checks_of_verify_hold(lvs: LabLvs) -> None:
    done = b2ct("verify", str(lvs.inventory), "--only", "lvs")
    assert done.returncode == 0, done.stdout + done.stderr
