"""A client fetches through the pair; strangers and strange places are refused."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pacparser
import pytest
import testinfra
from testinfra.host import Host

from tests.containers.places import SCENARIOS

CACHES = {"cache1": "10.89.0.31:3128", "cache2": "10.89.0.32:3128"}
SERVER = "http://stratum-one.example.org:8000"
STRANGER = "192.0.2.66"
Connect = Callable[[str], Host]


@pytest.fixture(scope="module")
def node() -> Connect:
    return lambda name: testinfra.get_host(f"podman://{name}")


@pytest.fixture(scope="module")
def client(node: Connect) -> Host:
    return node("node1")


def fetch(client: Host, cache: str, url: str, source: str = "") -> str:
    """Give the status and what the cache says of it."""
    words = client.check_output(f"/usr/local/bin/fetch {CACHES[cache]} {url} {source}").split()
    return " ".join(words[:2])


def asked(client: Host, path: str) -> int:
    """Count how often the server was asked."""
    return client.file("/run/asked").content_string.splitlines().count(path)


@pytest.fixture
def path() -> str:
    """Give an object that nobody has fetched yet."""
    return f"/cvmfs/belle.example.org/data/{uuid.uuid4()}"


@pytest.mark.parametrize("cache", CACHES)
def test_the_second_fetch_is_a_hit(client: Host, cache: str, path: str) -> None:
    assert fetch(client, cache, SERVER + path) == "200 MISS"
    assert fetch(client, cache, SERVER + path) == "200 HIT"
    assert asked(client, path) == 1


@pytest.mark.parametrize(("first", "second"), [("cache1", "cache2"), ("cache2", "cache1")])
def test_a_cache_takes_from_its_sibling(
    client: Host, node: Connect, first: str, second: str, path: str
) -> None:
    assert fetch(client, first, SERVER + path) == "200 MISS"
    assert fetch(client, second, SERVER + path).startswith("200")
    assert asked(client, path) == 1
    log = node(second).check_output(f"grep {path} /var/log/squid/access.log")
    assert "SIBLING_HIT/" in log
    # It keeps what it took: the site lives on with one cache.
    assert fetch(client, second, SERVER + path) == "200 HIT"


def test_many_at_once_are_one_fetch(client: Host) -> None:
    path = f"/slow/{uuid.uuid4()}"
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(client, "cache1", SERVER + path)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer[:3] for answer in found] == ["200"] * 5
    assert asked(client, path) == 1


@pytest.mark.parametrize("cache", CACHES)
def test_a_stranger_is_refused(client: Host, cache: str, path: str) -> None:
    assert fetch(client, cache, SERVER + path, STRANGER).startswith("403")
    assert asked(client, path) == 0


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.example.org:8000/x",  # not on the list, though it is the same machine
        "http://10.89.0.21:8000/x",  # by its address
        "http://stratum-one.example.org:8001/x",  # another port
        "http://127.0.0.1:8000/x",
        "http://stratum-one.example.org.evil.invalid:8000/x",
        "connect:stratum-one.example.org:443",  # repositories are no place to tunnel to
        "connect:packages.example.org:22",
        "connect:elsewhere.example.org:443",
    ],
)
def test_a_strange_place_is_refused(client: Host, cache: str, url: str) -> None:
    assert fetch(client, cache, url).startswith("403")


def test_a_tunnel_to_a_package_host_is_tried(client: Host) -> None:
    # Nothing listens there: 503 is squid's word for that, 403 would be its refusal.
    assert fetch(client, "cache1", "connect:packages.example.org:443").startswith("503")


def test_all_hosts_below_a_dotted_name(client: Host, path: str) -> None:
    assert fetch(client, "cache1", "http://a.openhtc.example.org:8000" + path).startswith("200")


def test_a_reload_keeps_what_is_cached(client: Host, node: Connect, path: str) -> None:
    fetch(client, "cache1", SERVER + path)
    node("cache1").check_output("systemctl reload squid")
    assert fetch(client, "cache1", SERVER + path) == "200 HIT"


def test_a_restart_is_short_and_keeps_what_is_cached(
    client: Host, node: Connect, path: str
) -> None:
    fetch(client, "cache2", SERVER + path)
    taken = node("cache2").check_output(
        "begin=$(date +%s); systemctl restart squid; echo $(($(date +%s) - begin))"
    )
    assert int(taken) < 15
    assert fetch(client, "cache2", SERVER + path) == "200 HIT"


def test_the_log_is_turned_without_a_restart(node: Connect) -> None:
    cache = node("cache1")
    before = cache.check_output("systemctl show --property=MainPID --value squid")
    cache.check_output("logrotate --force /etc/logrotate.d/squid")
    assert cache.file("/var/log/squid/access.log.1").exists
    assert cache.check_output("systemctl show --property=MainPID --value squid") == before


@pytest.mark.parametrize("control", ["control1", "control2"])
def test_wpad_is_understood_by_clients(node: Connect, client: Host, control: str) -> None:
    address = {"control1": "10.89.0.11", "control2": "10.89.0.12"}[control]
    script = client.check_output(
        'python3 -c "import urllib.request as u;'
        f" r = u.Request('http://{address}/wpad.dat', headers={{'Host': 'wpad'}});"
        ' print(u.urlopen(r).read().decode())"'
    )
    pacparser.init()
    pacparser.parse_pac_string(script)
    pacparser.setmyip("10.89.0.21")
    found = pacparser.find_proxy(SERVER + "/cvmfs/x", "stratum-one.example.org")
    direct = pacparser.find_proxy("http://elsewhere.example.org/", "elsewhere.example.org")
    pacparser.cleanup()
    assert sorted(found.split("; ")) == ["DIRECT", *(f"PROXY {c}" for c in CACHES.values())]
    assert direct == "DIRECT"


REFUSALS: tuple[tuple[dict[str, object], str], ...] = (
    ({"squid_cache_size": 10**15}, "does not do on"),
    ({"squid_client_networks": ["0.0.0.0/0"]}, "An open proxy is abused within hours"),
    ({"squid_client_networks": ["all"]}, "An open proxy is abused within hours"),
    ({"squid_client_networks": ["::/0"]}, "An open proxy is abused within hours"),
    ({"squid_client_networks": []}, "The cache would have no client"),
    ({"squid_stratum_ones": [".org"]}, ".org is no host"),
    ({"squid_file_descriptors": 1024}, "are too few"),
    ({"squid_flavour": "frontier"}, "frontier squid is not packaged for Debian"),
)


def test_the_role_refuses_before_anything_is_changed(tmp_path: Path) -> None:
    """Each case is a name of its own for cache1, so that one run tries them all."""
    asked = subprocess.run(
        ["ansible-inventory", "--inventory", str(SCENARIOS / "squid/inventory"), "--host=cache1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    cache = json.loads(asked.stdout)
    hosts = {f"case{number}": {**cache, **said} for number, (said, _) in enumerate(REFUSALS)}
    inventory = tmp_path / "cases.json"
    inventory.write_text(json.dumps({"cache": {"hosts": hosts}}))
    done = subprocess.run(
        ["ansible-playbook", "--inventory", str(inventory),
         str(SCENARIOS / "squid/converge.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    for number, (_, told) in enumerate(REFUSALS):
        mine = said.partition(f"fatal: [case{number}]: FAILED!")[2].partition("fatal: [")[0]
        assert told in mine.partition("TASK [")[0], f"case {number}: {done.stdout}"
        recap = next(line for line in done.stdout.splitlines() if line.startswith(f"case{number} "))
        assert "changed=0" in recap
        assert "failed=1" in recap
