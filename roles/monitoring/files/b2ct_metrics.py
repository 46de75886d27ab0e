#!/usr/bin/python3
"""b2ct-metrics: measure what node_exporter does not know, for it to hand on.

Squid, libvirt, OpenNebula, certificates, backups and failed units, as /etc/b2ct/metrics.json
says. Each of them is a collector of its own: one that fails says so in
``b2ct_collector_success``, and the others go on. With ``--nagios`` the last measurement is
judged in one line, as Nagios wants it. It needs nothing but Python 3.8.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import glob
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
import xmlrpc.client
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Dict, Tuple  # noqa: UP035

CONFIGURATION = Path(os.environ.get("B2CT_METRICS", "/etc/b2ct/metrics.json"))
PATIENCE = 12  # seconds, that one answer may take
STALE = 300  # seconds, after which a measurement says nothing about now
OPENNEBULA_VMS = {
    0: "pending", 1: "pending", 2: "hold", 3: "active", 4: "stopped", 5: "suspended",
    8: "poweroff", 9: "undeployed", 10: "pending", 11: "failed",
}  # fmt: skip
#: LCM states of an active machine in which something went wrong (OpenNebula's states reference).
OPENNEBULA_FAILURES = {36, 37, 38, 39, 40, 41, 42, 44, 46, 47, 48, 49, 50, 61}
LIBVIRT_STATES = {
    0: "none", 1: "running", 2: "blocked", 3: "paused", 4: "shutdown", 5: "shutoff",
    6: "crashed", 7: "suspended",
}  # fmt: skip

#: Name without ``b2ct_``, labels, value.
Sample = Tuple[str, Dict[str, str], float]  # noqa: UP006 - evaluated, by Python 3.8 too


class MetricsError(Exception):
    """Why something cannot be measured, in one line."""


def run(*arguments: str) -> str:
    """Give what a program says, in English."""
    try:
        done = subprocess.run(
            arguments,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MetricsError(f"{arguments[0]}: {error}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise MetricsError(f"{arguments[0]}: {said[-1]}")
    return done.stdout


# --- collectors --------------------------------------------------------------------------------


def units(_: dict[str, Any]) -> Iterable[Sample]:
    """Tell which units have failed."""
    listing = run("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--all")
    names = [line.split()[0] for line in listing.splitlines() if line.strip()]
    yield "failed_units", {}, len(names)
    for name in names:
        yield "failed_unit", {"unit": name}, 1


def certificates(wishes: dict[str, Any]) -> Iterable[Sample]:
    """Tell when certificates end."""
    for file in sorted(Path(wishes["certificates"]).glob("*/cert.pem")):
        line = run("openssl", "x509", "-noout", "-enddate", "-in", str(file))
        moment = line.strip().partition("=")[2].replace(" GMT", "")
        end = calendar.timegm(time.strptime(moment, "%b %d %H:%M:%S %Y"))
        yield "certificate_expiry_seconds", {"name": file.parent.name}, end


def backups(wishes: dict[str, Any]) -> Iterable[Sample]:
    """Tell when each backup's newest file was written; without any, when it was wished for."""
    begin = CONFIGURATION.stat().st_mtime if CONFIGURATION.exists() else 0
    for backup in wishes["backups"]:
        found = []
        for name in glob.glob(backup["files"]):  # noqa: PTH207 - an absolute pattern
            with contextlib.suppress(OSError):
                found.append(Path(name).stat())
        newest = max(found, key=lambda one: one.st_mtime, default=None)
        labels = {"name": backup["name"]}
        yield "backup_newest_seconds", labels, newest.st_mtime if newest else begin
        yield "backup_newest_bytes", labels, newest.st_size if newest else 0
        yield "backup_limit_seconds", labels, backup.get("hours", 26) * 3600


def squid(wishes: dict[str, Any]) -> Iterable[Sample]:
    """Ask squid's own statistics, which it tells this machine only."""
    port = int(wishes["squid_port"])
    if not port:
        return
    lines = re.findall(r"^([a-z_.]+) = ([0-9.]+)$", squid_page(port, "counters"), re.MULTILINE)
    counters = {name: float(value) for name, value in lines}
    names = {
        "client_http.requests": "squid_requests_total",
        "client_http.hits": "squid_hits_total",
        "client_http.errors": "squid_errors_total",
        "client_http.kbytes_out": "squid_sent_kibibytes_total",
        "client_http.hit_kbytes_out": "squid_hits_sent_kibibytes_total",
        "server.all.kbytes_in": "squid_fetched_kibibytes_total",
        "server.all.errors": "squid_fetch_errors_total",
    }
    if "client_http.requests" not in counters:
        raise MetricsError("squid's statistics have another form than expected")
    for theirs, ours in names.items():
        if theirs in counters:
            yield ours, {}, counters[theirs]
    storage = re.search(
        r"Storage Swap capacity:\s*([0-9.]+)% used", squid_page(port, "info"), re.IGNORECASE
    )
    if storage:
        yield "squid_disk_used_percent", {}, float(storage[1])


def squid_page(port: int, page: str) -> str:
    """Give a page of squid's cache manager; squid before 5 knows it by another address."""
    trouble = ""
    for path in (f"/squid-internal-mgr/{page}", f"cache_object://127.0.0.1/{page}"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            if answer.status == http.client.OK:
                return text
            trouble = f"squid answers {answer.status} on {path}"
        except (OSError, http.client.HTTPException) as error:
            raise MetricsError(f"squid on port {port}: {error}") from None
        finally:
            connection.close()
    raise MetricsError(trouble)


def libvirt(wishes: dict[str, Any]) -> Iterable[Sample]:
    """Ask virsh, read-only, about this machine's virtual machines."""
    if not wishes["libvirt"]:
        return
    text = run(
        "virsh", "--readonly", "--connect", "qemu:///system", "domstats", "--raw",
        "--state", "--cpu-total", "--balloon", "--vcpu",
    )  # fmt: skip
    states = dict.fromkeys(LIBVIRT_STATES.values(), 0)
    for part in re.split(r"^Domain: ", text, flags=re.MULTILINE)[1:]:
        name = part.splitlines()[0].strip().strip("'")
        said = dict(re.findall(r"^\s*([a-z0-9.]+)=(.*)$", part, re.MULTILINE))
        state = LIBVIRT_STATES.get(int(said.get("state.state", 0)), "none")
        states[state] += 1
        labels = {"domain": name}
        yield "libvirt_domain_cpu_seconds_total", labels, int(said.get("cpu.time", 0)) / 1e9
        yield "libvirt_domain_memory_bytes", labels, int(said.get("balloon.current", 0)) * 1024
        yield "libvirt_domain_vcpus", labels, int(said.get("vcpu.current", 0))
    for state, number in states.items():
        yield "libvirt_domains", {"state": state}, number


class PatientTransport(xmlrpc.client.Transport):
    """XML-RPC that gives up."""

    def make_connection(self, host: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Give a connection that does not wait for ever."""
        connection = super().make_connection(host)
        connection.timeout = PATIENCE
        return connection


def opennebula(wishes: dict[str, Any]) -> Iterable[Sample]:
    """Ask oned about its hosts, virtual machines and datastores; not where it only stands by."""
    said = wishes["opennebula"]
    if not said["enabled"]:
        return
    if stands_by():
        yield "opennebula_active", {}, 0
        return
    try:
        session = Path(said["auth"]).read_text().strip()
    except OSError as error:
        raise MetricsError(f"oned's credentials: {error}") from None
    server = xmlrpc.client.ServerProxy(said["endpoint"], transport=PatientTransport())
    yield "opennebula_active", {}, 1
    for host in asked(server, "one.hostpool.info", session).findall("HOST"):
        labels = {"node": text_of(host, "NAME")}
        yield "opennebula_host_state", labels, number_of(host, "STATE")
        yield "opennebula_host_vms", labels, number_of(host, "HOST_SHARE/RUNNING_VMS")
    states: dict[str, int] = dict.fromkeys([*OPENNEBULA_VMS.values(), "unknown"], 0)
    for vm in asked(server, "one.vmpool.info", session, -2, -1, -1, -1).findall("VM"):
        state = OPENNEBULA_VMS.get(int(number_of(vm, "STATE")), "pending")
        lcm = int(number_of(vm, "LCM_STATE"))
        if state == "active" and lcm in OPENNEBULA_FAILURES:
            state = "failed"
        elif state == "active" and lcm == 16:
            state = "unknown"
        states[state] += 1
    for state, number in states.items():
        yield "opennebula_vms", {"state": state}, number
    for store in asked(server, "one.datastorepool.info", session).findall("DATASTORE"):
        labels = {"datastore": text_of(store, "NAME")}
        for key in ("TOTAL", "USED", "FREE"):
            value = number_of(store, key + "_MB") * 1048576
            yield f"opennebula_datastore_{key.lower()}_bytes", labels, value


def stands_by() -> bool:
    """Whether oned is stopped on purpose: not running, and not wanted at the next start."""
    states = []
    for question in ("is-active", "is-enabled"):
        done = subprocess.run(
            ["systemctl", "--quiet", question, "opennebula.service"],
            check=False,
            stderr=subprocess.DEVNULL,
        )
        states.append(done.returncode == 0)
    return not any(states)


def asked(server: Any, method: str, *arguments: Any) -> ET.Element:  # noqa: ANN401
    """Give oned's answer. What goes wrong is told without the credentials."""
    call = server
    for name in method.split("."):
        call = getattr(call, name)
    try:
        answer = call(*arguments)
    except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
        raise MetricsError(f"oned, {method}: {type(error).__name__}") from None
    if not answer[0]:
        raise MetricsError(f"oned refuses {method}: {str(answer[1]).splitlines()[0]}")
    try:
        return ET.fromstring(answer[1])  # noqa: S314 - the machine's own oned
    except ET.ParseError as error:
        raise MetricsError(f"oned, {method}: {error}") from None


def text_of(element: ET.Element, path: str) -> str:
    """Give the text below an element."""
    return (element.findtext(path) or "").strip()


def number_of(element: ET.Element, path: str) -> float:
    """Give the number below an element, 0 where there is none."""
    return float(text_of(element, path) or 0)


COLLECTORS: dict[str, Callable[[dict[str, Any]], Iterable[Sample]]] = {
    "units": units,
    "certificates": certificates,
    "backups": backups,
    "squid": squid,
    "libvirt": libvirt,
    "opennebula": opennebula,
}


# --- writing and reading -----------------------------------------------------------------------


def is_wanted(name: str, wishes: dict[str, Any]) -> bool:
    """Whether there is anything for a collector on this machine."""
    return {
        "squid": bool(wishes["squid_port"]),
        "libvirt": bool(wishes["libvirt"]),
        "opennebula": bool(wishes["opennebula"]["enabled"]),
    }.get(name, True)


def measured(wishes: dict[str, Any]) -> tuple[list[Sample], list[str]]:
    """Give every sample, and what went wrong."""
    samples: list[Sample] = []
    troubles: list[str] = []
    for name, collector in COLLECTORS.items():
        if not is_wanted(name, wishes):
            continue
        success = 1
        try:
            # All of a collector, or nothing of it.
            samples += list(collector(wishes))
        except (MetricsError, ValueError, KeyError) as error:
            success = 0
            troubles.append(f"{name}: {error}")
        samples.append(("collector_success", {"collector": name}, success))
    samples.append(("metrics_time_seconds", {}, time.time()))
    return samples, troubles


def text(samples: Iterable[Sample]) -> str:
    """Write samples down as Prometheus reads them."""
    by_name: dict[str, list[str]] = {}
    for name, labels, value in samples:
        inner = ",".join(f'{key}="{escaped(said)}"' for key, said in labels.items())
        braces = f"{{{inner}}}" if inner else ""
        by_name.setdefault(name, []).append(f"b2ct_{name}{braces} {value:.15g}")
    lines: list[str] = []
    for name, these in by_name.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE b2ct_{name} {kind}", *these]
    return "\n".join(lines) + "\n"


def escaped(value: str) -> str:
    """Make a value safe between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write(path: Path, content: str) -> None:
    """Put a file in place whole: node_exporter may read it at any moment."""
    descriptor, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=".b2ct-")
    try:
        with os.fdopen(descriptor, "w") as stream:
            os.fchmod(descriptor, 0o644)
            stream.write(content)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def values(content: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Read samples back."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for line in content.splitlines():
        match = re.fullmatch(r"b2ct_(\w+)(?:\{(.*)\})? (\S+)", line)
        if match:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found.setdefault(match[1], []).append((labels, float(match[3])))
    return found


def judged(wishes: dict[str, Any], content: str, now: float) -> tuple[int, str]:
    """Give Nagios' exit code and line for a measurement."""
    found = values(content)
    age = now - found.get("metrics_time_seconds", [({}, 0.0)])[0][1]
    if age > STALE:
        return 3, "UNKNOWN: nothing was measured for 5 minutes; systemctl status b2ct-metrics"
    critical = [
        f"{labels['collector']} does not answer"
        for labels, value in found.get("collector_success", [])
        if not value
    ]
    critical += [
        f"the certificate {labels['name']} ends in {(value - now) / 86400:.1f} days"
        for labels, value in found.get("certificate_expiry_seconds", [])
        if value - now < wishes["certificate_days"] * 86400
    ]
    limits = {labels["name"]: value for labels, value in found.get("backup_limit_seconds", [])}
    critical += [
        f"the backup {labels['name']} is too old, or missing"
        for labels, value in found.get("backup_newest_seconds", [])
        if now - value > limits.get(labels["name"], 0)
    ]
    warnings = [f"{labels['unit']} has failed" for labels, _ in found.get("failed_unit", [])]
    if critical:
        return 2, "CRITICAL: " + "; ".join(critical + warnings)
    if warnings:
        return 1, "WARNING: " + "; ".join(warnings)
    names = [labels["collector"] for labels, _ in found.get("collector_success", [])]
    return 0, "OK: " + ", ".join(names)


def main() -> int:
    """Measure, or judge what was measured."""
    parser = argparse.ArgumentParser(
        prog="b2ct-metrics", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--nagios", action="store_true", help="judge the last measurement")
    options = parser.parse_args()
    wishes: dict[str, Any] = json.loads(CONFIGURATION.read_text())
    output = Path(wishes["output"])
    if options.nagios:
        code, line = judged(wishes, output.read_text() if output.exists() else "", time.time())
        print(line)
        return code
    samples, troubles = measured(wishes)
    write(output, text(samples))
    for trouble in troubles:
        print(f"b2ct-metrics: {trouble}", file=sys.stderr)
    # What cannot be measured is an alert of its own: the unit did its work.
    return 0


if __name__ == "__main__":
    sys.exit(main())
