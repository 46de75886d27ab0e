"""What the role ``squid`` promises: a cache that works, for the site only, and fits its disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("cache",)
UNITS = ("squid", "frontier-squid")

#: Asks the squid on the same machine and prints the status. Python is there for Ansible's sake.
ASK = """\
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
connection.request("GET", sys.argv[2], headers={"Host": sys.argv[2].split("/")[2]})
print(connection.getresponse().status)
"""


@pytest.fixture(scope="module")
def flavour(wanted: Mapping[str, Any]) -> str:
    """Name the service."""
    return "frontier-squid" if wanted["squid_flavour"] == "frontier" else "squid"


@pytest.fixture(scope="module")
def settings(host: Host, flavour: str) -> list[tuple[str, str]]:
    """Read the configuration that squid runs with."""
    name = "b2ct.conf" if flavour == "frontier-squid" else "squid.conf"
    text = host.check_output("cat /etc/squid/%s", name)
    lines = (line.strip() for line in text.splitlines())
    return [
        (line.partition(" ")[0], line.partition(" ")[2].strip())
        for line in lines
        if line and not line.startswith("#")
    ]


def _values(settings: list[tuple[str, str]], key: str) -> list[str]:
    return [value for name, value in settings if name == key]


def test_runs(host: Host, flavour: str) -> None:
    """Squid runs, and starts with the machine."""
    assert host.service(flavour).is_running, f"start it: systemctl start {flavour}"
    assert host.service(flavour).is_enabled, f"enable it: systemctl enable {flavour}"


def test_listens(host: Host, wanted: Mapping[str, Any]) -> None:
    """Squid listens on its port."""
    port = wanted["squid_port"]
    found = host.check_output("ss --no-header --listening --tcp --numeric")
    assert re.search(rf":{port}\s", found), f"nothing listens on TCP {port}"


def test_configuration_is_accepted(host: Host, flavour: str) -> None:
    """Squid accepts its configuration as it stands on the disk."""
    name = "b2ct.conf" if flavour == "frontier-squid" else "squid.conf"
    done = host.run("squid -k parse -f /etc/squid/%s 2>&1", name)
    assert done.rc == 0, done.stdout[-500:]


def test_closed_to_the_world(settings: list[tuple[str, str]]) -> None:
    """No rule of squid lets everybody in, and the last one refuses the rest."""
    rules = _values(settings, "http_access")
    assert rules, "there is no http_access rule at all"
    assert rules[-1] == "deny all", f"the last rule is: {rules[-1]}"
    refusal = next((rule for rule in rules if rule.startswith("deny !b2ct_clients")), None)
    assert refusal is not None, "no rule refuses those who are no clients"
    allowed = [rule for rule in rules[: rules.index(refusal)] if rule.startswith("allow")]
    assert allowed == ["allow localhost manager"], (
        f"let in before clients are told apart: {allowed}"
    )
    wide = [rule for rule in rules if rule in ("allow all", "allow localnet")]
    assert wide == [], f"open to everybody: {wide}"


def test_clients_are_those_of_the_site(
    settings: list[tuple[str, str]], wanted: Mapping[str, Any]
) -> None:
    """Squid's clients are the networks that the site names, and no others."""
    found = {value.split()[-1] for value in _values(settings, "acl") if _is(value, "b2ct_clients")}
    assert found == set(wanted["squid_client_networks"])


def _is(acl: str, name: str) -> bool:
    return acl.split(maxsplit=1)[0] == name


def test_refuses_other_hosts(host: Host, wanted: Mapping[str, Any]) -> None:
    """Squid refuses to fetch from a host that is not on its lists."""
    asked = host.check_output(
        "python3 -c %s %s %s", ASK, str(wanted["squid_port"]), "http://not-listed.invalid/"
    )
    assert asked.strip() == "403", f"it answers {asked.strip()} instead of 403"


def test_cache_fits_its_disk(host: Host, settings: list[tuple[str, str]]) -> None:
    """The disk cache is not larger than its partition can hold."""
    (said,) = _values(settings, "cache_dir")
    _, folder, mebibytes, *_ = said.split()
    size = host.check_output("df --block-size=1M --output=size %s", folder).split()[-1]
    assert int(mebibytes) <= int(size) * 0.8, (
        f"{mebibytes} MiB of cache on a partition of {size} MiB: make squid: size: smaller"
    )


def test_partition_is_not_full(host: Host, settings: list[tuple[str, str]]) -> None:
    """There is room on the partition of the cache, and on that of the logs."""
    (said,) = _values(settings, "cache_dir")
    for folder in (said.split()[1], "/var/log/squid"):
        used = host.check_output("df --output=pcent %s", folder).split()[-1]
        assert int(used.rstrip("%")) < 95, f"{folder} lies on a partition that is {used} full"


def test_file_descriptors(host: Host, wanted: Mapping[str, Any]) -> None:
    """Squid may open as many files and connections as it was promised, 8192 at least."""
    pids = host.check_output("pgrep --full 'squid-1\\)|squid.*--kid'").split()
    assert pids, "no squid process is found"
    limits = host.check_output("cat /proc/%s/limits", pids[0])
    found = re.search(r"^Max open files\s+(\d+)", limits, re.M)
    assert found is not None
    assert int(found[1]) >= max(8192, int(wanted["squid_file_descriptors"])), found[0]


def test_snmp_is_for_monitors_only(
    host: Host, settings: list[tuple[str, str]], wanted: Mapping[str, Any]
) -> None:
    """SNMP answers the machine itself, and only monitors that are named."""
    assert _values(settings, "snmp_access")[-1] == "deny all"
    found = host.check_output("ss --no-header --listening --udp --numeric")
    (line,) = [line for line in found.splitlines() if re.search(r":3401\s", line)]
    if not wanted["squid_monitors"]:
        assert "127.0.0.1:3401" in line, f"SNMP listens to the network: {line.split()[3]}"


def test_siblings(settings: list[tuple[str, str]], wanted: Mapping[str, Any]) -> None:
    """Squid asks the other caches of the site before distant servers."""
    peers = {value.split()[0].strip("[]") for value in _values(settings, "cache_peer")}
    assert peers == set(wanted["squid_siblings"])


def test_logs_are_turned(host: Host, flavour: str) -> None:
    """Squid's logs are turned, so that they never fill the disk."""
    if flavour == "frontier-squid":
        assert host.file("/etc/cron.d/frontier-squid.cron").exists
        return
    done = host.run("logrotate --debug /etc/logrotate.d/squid 2>&1")
    assert done.rc == 0, done.stdout[-300:]
    assert "error" not in done.stdout.lower(), done.stdout[-300:]
