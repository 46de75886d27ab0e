"""What the role ``base`` promises: names, time, keys only, a closed firewall, updates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("all",)
UNITS = ("chronyd", "chrony", "sshd", "ssh", "firewalld", "nftables")

Wanted = Mapping[str, Any]
#: A rule as (protocol, port or range, source); an empty source is any.
Rule = tuple[str, str, str]


def _is_el(host: Host) -> bool:
    return bool(host.file("/etc/redhat-release").exists)


def _rules(wanted: Wanted) -> set[Rule]:
    """Give what is to be open, besides ssh."""
    rules = [*wanted.get("base_firewall_rules", ()), *wanted.get("base_firewall_extra_rules", ())]
    return {
        (rule.get("protocol", "tcp"), str(port), source)
        for rule in rules
        for port in rule["ports"] or ("",)
        for source in rule.get("sources") or ("",)
    }


def _ssh(wanted: Wanted) -> set[Rule]:
    ports = {*wanted.get("base_ssh_ports", (22,)), int(wanted.get("ansible_port") or 22)}
    return {("tcp", str(port), "") for port in ports}


def test_host_name(host: Host, wanted: Wanted) -> None:
    """The machine has its name"""
    name = wanted.get("base_hostname") or ""
    if not name:
        pytest.skip("the site gives it no name")
    found = host.run("hostname").stdout.strip()
    assert found == name, f"its name is {found}, not {name}"


def test_names_of_the_site(host: Host, wanted: Wanted) -> None:
    """Every node's name leads to its address"""
    lines = [*wanted.get("base_hosts", ()), *wanted.get("base_hosts_extra", ())]
    wrong = []
    for line in lines:
        for name in line["names"]:
            database = "ahostsv6" if ":" in line["address"] else "ahostsv4"
            found = {
                row.split()[0]
                for row in host.run(f"getent {database} %s", name).stdout.splitlines()
            }
            if line["address"] not in found:
                wrong.append(f"{name} leads to {', '.join(sorted(found)) or 'nothing'}")
    assert not wrong, "; ".join(wrong)


def test_own_name(host: Host, wanted: Wanted) -> None:
    """The machine knows its own full name"""
    name = wanted.get("base_fqdn") or ""
    if not name:
        pytest.skip("the site gives it no name")
    found = host.run("hostname --fqdn").stdout.strip()
    assert found == name, f"hostname --fqdn says {found or 'nothing'}, not {name}"


def test_clock_service(host: Host) -> None:
    """chrony runs, and starts with the machine"""
    unit = "chronyd" if _is_el(host) else "chrony"
    assert host.service(unit).is_enabled, f"{unit} does not start with the machine"
    assert host.service(unit).is_running, f"{unit} does not run"


def test_time_servers(host: Host, wanted: Wanted) -> None:
    """chrony asks the site's time servers, and no others"""
    servers = wanted.get("base_time_servers") or ()
    if not servers:
        pytest.skip("the site names no time servers")
    listed = host.run("chronyc -N -c sources").stdout.splitlines()
    found = {line.split(",")[2] for line in listed if line.count(",") > 2}
    assert found == set(servers), f"it asks {', '.join(sorted(found)) or 'nobody'}"


def test_clock_is_synchronised(host: Host) -> None:
    """The clock follows a time server"""
    fields = host.run("chronyc -c tracking").stdout.strip().split(",")
    assert len(fields) > 5, "chronyc does not answer"
    assert fields[0] not in {"00000000", "7F7F0101"}, "no time server has answered yet"
    assert abs(float(fields[4])) < 1, f"the clock is off by {float(fields[4]):.1f} s"


def test_admins(host: Host, wanted: Wanted) -> None:
    """Each admin has an account, keys and sudo"""
    for admin in wanted.get("base_admins", ()):
        name = admin["name"]
        assert host.user(name).exists, f"{name} has no account"
        home = host.user(name).home
        keys = host.file(f"{home}/.ssh/authorized_keys")
        assert keys.exists, f"{keys.path} is missing"
        assert (keys.user, keys.mode & 0o022) == (name, 0), f"{keys.path} is writable for others"
        text = keys.content_string
        missing = [key for key in admin["ssh_keys"] if " ".join(key.split()[:2]) not in text]
        assert not missing, f"{name}: {len(missing)} of the site's keys are missing"
        may = host.run("sudo -n -l -U %s", name)
        assert re.search(r"\(ALL(?: : ALL)?\) (?:NOPASSWD: )?ALL", may.stdout), (
            f"{name} has no sudo"
        )


def test_former_admins(host: Host, wanted: Wanted) -> None:
    """Former admins cannot log in"""
    for name in wanted.get("base_former_admins", ()):
        assert not host.file(f"/etc/sudoers.d/b2ct-{name}").exists, f"{name} still has sudo"
        if host.user(name).exists:
            keys = host.file(f"{host.user(name).home}/.ssh/authorized_keys")
            assert not keys.exists, f"{name} still has keys"


def test_ssh_takes_keys_only(host: Host, wanted: Wanted) -> None:
    """ssh takes keys only, and root's logins are as the site says"""
    if not wanted.get("base_ssh_harden", True):
        pytest.skip("the site leaves ssh alone")
    told = host.run("sshd -T")
    assert told.rc == 0, f"sshd does not take its configuration: {told.stderr.strip()}"
    settings = dict(line.partition(" ")[::2] for line in told.stdout.splitlines())
    assert settings["passwordauthentication"] == "no", "ssh takes passwords"
    interactive = settings.get("kbdinteractiveauthentication") or settings.get(
        "challengeresponseauthentication"
    )
    assert interactive == "no", "ssh takes passwords by keyboard-interactive"
    assert settings["permitemptypasswords"] == "no"
    root = {"without-password": "prohibit-password"}.get(
        settings["permitrootlogin"], settings["permitrootlogin"]
    )
    assert root == wanted.get("base_ssh_root_login", "no"), f"root's logins: {root}"


def test_firewall_runs(host: Host, wanted: Wanted) -> None:
    """The firewall runs, and starts with the machine"""
    if not wanted.get("base_firewall", True):
        pytest.skip("the site runs no firewall here")
    unit = "firewalld" if _is_el(host) else "nftables"
    assert host.service(unit).is_enabled, f"{unit} does not start with the machine"
    assert host.service(unit).is_running, f"{unit} does not run"


def test_firewall_is_closed(host: Host, wanted: Wanted) -> None:
    """The firewall lets in what the site needs, and nothing else"""
    if not wanted.get("base_firewall", True):
        pytest.skip("the site runs no firewall here")
    found = _of_firewalld(host) if _is_el(host) else _of_nftables(host)
    needed = _rules(wanted) | _ssh(wanted)
    closed = sorted(needed - found)
    open_ = sorted(found - needed)
    assert not closed, f"not open: {_told(closed)}; run the stage base again"
    assert not open_, f"open, and not of the site: {_told(open_)}"


def _told(rules: list[Rule]) -> str:
    return ", ".join(
        (f"{port}/{protocol}" if port else protocol) + (f" from {s}" if s else "")
        for protocol, port, s in rules
    )


def _of_firewalld(host: Host) -> set[Rule]:
    """Read what firewalld's default zone lets in at this moment."""
    zone = host.run("firewall-cmd --get-default-zone").stdout.strip()
    assert zone == "b2ct", f"the default zone is {zone or 'unknown'}, not b2ct"
    target = host.run("firewall-cmd --permanent --zone=b2ct --get-target").stdout.strip()
    assert target == "DROP", f"what the zone does not name is not dropped but: {target}"
    services = set(host.run("firewall-cmd --zone=b2ct --list-services").stdout.split())
    assert services <= {"dhcpv6-client"}, f"services open besides: {', '.join(sorted(services))}"
    found: set[Rule] = set()
    for entry in host.run("firewall-cmd --zone=b2ct --list-ports").stdout.split():
        port, _, protocol = entry.partition("/")
        found.add((protocol, port, ""))
    for line in host.run("firewall-cmd --zone=b2ct --list-rich-rules").stdout.splitlines():
        match = re.search(
            r'source address="([^"]+)".*port port="([^"]+)" protocol="(\w+)" accept', line
        )
        vrrp = re.search(r'source address="([^"]+)".*protocol value="vrrp" accept', line)
        assert match or vrrp, f"a rule of nobody's: {line}"
        if match:
            found.add((match[3], match[2], match[1]))
        elif vrrp:
            found.add(("vrrp", "", vrrp[1]))
    return found


def _of_nftables(host: Host) -> set[Rule]:
    """Read what the kernel's table lets in at this moment."""
    told = host.run("nft --json list chain inet b2ct input")
    assert told.rc == 0, "the kernel has no table inet b2ct: the firewall is not loaded"
    found: set[Rule] = set()
    for item in json.loads(told.stdout)["nftables"]:
        if chain := item.get("chain"):
            assert chain.get("policy") == "drop", "what no rule names is let in"
        if rule := item.get("rule"):
            found |= _of_rule(rule["expr"])
    return found


def _of_rule(expressions: list[dict[str, Any]]) -> set[Rule]:
    if not any("accept" in part for part in expressions):
        return set()
    ports: list[str] = []
    sources = [""]
    protocol = ""
    for part in expressions:
        match = part.get("match")
        if match and "meta" in match["left"] and _values(match["right"])[0] in ("112", "vrrp"):
            protocol, ports = "vrrp", [""]
        payload = match["left"].get("payload") if match else None
        if not payload:
            continue
        if payload["field"] == "dport":
            protocol, ports = payload["protocol"], _values(part["match"]["right"])
        elif payload["field"] == "saddr":
            sources = _values(part["match"]["right"])
    # A DHCPv6 server's answer, from the link only.
    if protocol == "udp" and ports == ["546"] and sources == ["fe80::/10"]:
        return set()
    return {(protocol, port, source) for port in ports for source in sources}


def _values(right: object) -> list[str]:
    if isinstance(right, dict):
        if "set" in right:
            return [value for part in right["set"] for value in _values(part)]
        if "range" in right:
            return ["-".join(str(end) for end in right["range"])]
        if "prefix" in right:
            return [f"{right['prefix']['addr']}/{right['prefix']['len']}"]
    return [str(right)]


def test_kernel_parameters(host: Host, wanted: Wanted) -> None:
    """Kernel parameters are as the site says"""
    wrong = []
    for name, value in wanted.get("base_sysctl", {}).items():
        done = host.run("sysctl -n %s", name)
        # net.ipv6.* is not there where IPv6 is off.
        if done.rc == 0 and done.stdout.strip() != str(value):
            wrong.append(f"{name} is {done.stdout.strip()}, not {value}")
    assert not wrong, "; ".join(wrong)


def test_security_updates(host: Host, wanted: Wanted) -> None:
    """Security updates are installed by themselves, in their window"""
    if not wanted.get("base_updates", True):
        pytest.skip("the site installs updates itself")
    timer = "dnf-automatic.timer" if _is_el(host) else "apt-daily-upgrade.timer"
    assert host.service(timer).is_enabled, f"{timer} does not start with the machine"
    assert host.service(timer).is_running, f"{timer} does not run"
    shown = host.run(
        "systemctl show --property=TimersCalendar --property=RandomizedDelayUSec %s", timer
    )
    start = wanted.get("base_updates_start", "03:00")
    calendars = re.findall(r"OnCalendar=([^;]*)", shown.stdout)
    assert len(calendars) == 1, f"{timer} starts at {len(calendars)} times"
    assert f" {start}:00" in calendars[0], f"{timer} starts at {calendars[0].strip()}"


def test_selinux(host: Host) -> None:
    """SELinux enforces its policy, where the system has SELinux"""
    if not host.file("/sys/fs/selinux/enforce").exists:
        if host.file("/etc/selinux/config").exists:
            pytest.fail(
                "SELinux is off on a system that has it: selinux=0 on the kernel command line?"
            )
        pytest.skip("this system has no SELinux")
    assert host.file("/sys/fs/selinux/enforce").content_string.strip() == "1", (
        "SELinux is permissive"
    )
