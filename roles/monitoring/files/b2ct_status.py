#!/usr/bin/python3
"""b2ct-status: the site on one plain page, or in one line for Nagios, from Prometheus.

The page is one file without scripts, readable on a telephone. It needs nothing but Python 3.8.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import http.client
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

PATIENCE = 15
#: Minutes after which a reader should not believe the page any more.
STALE_MINUTES = 5
_FILES = '{fstype!~"tmpfs|ramfs|squashfs|iso9660|autofs|fuse.*"}'
_CPUS = "count by(host) (node_cpu_seconds_total{mode='idle'})"
_FREE = f"node_filesystem_avail_bytes{_FILES} / (node_filesystem_size_bytes{_FILES} > 0)"
_REQUESTS = "(rate(b2ct_squid_requests_total[1h]) > 0)"
_STORES = "b2ct_opennebula_datastore"
#: Columns of the table of machines: title, question, how the answer is written.
COLUMNS = (
    ("load", f"node_load5 / on(host) {_CPUS}", "{:.2f}"),
    (
        "memory",
        "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
        "{:.0f} %",
    ),
    ("fullest disk", f"max by(host) (100 * (1 - {_FREE}))", "{:.0f} %"),
    ("up for", "(time() - node_boot_time_seconds) / 86400", "{:.0f} d"),
    ("VMs", "sum by(host) (b2ct_libvirt_domains{state='running'})", "{:.0f}"),
    ("hits", f"100 * rate(b2ct_squid_hits_total[1h]) / {_REQUESTS}", "{:.0f} %"),
)
#: Lines about the cloud: title, question, how the answer is written.
CLOUD = (
    ("hosts that OpenNebula can use", "count(b2ct_opennebula_host_state <= 2)", "{:.0f}"),
    (
        "hosts in error",
        "count(b2ct_opennebula_host_state == 3 or b2ct_opennebula_host_state == 5)",
        "{:.0f}",
    ),
    ("active virtual machines", "sum(b2ct_opennebula_vms{state='active'})", "{:.0f}"),
    ("failed virtual machines", "sum(b2ct_opennebula_vms{state='failed'})", "{:.0f}"),
    (
        "fullest datastore",
        f"max(100 * {_STORES}_used_bytes / ({_STORES}_total_bytes > 0))",
        "{:.0f} %",
    ),
)
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
h1{font-size:1.4rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}
.state{border-radius:.5rem;color:#fff;font-weight:600;padding:.75rem 1rem}
.ok{background:#1b6e37}.warning{background:#8a5a00}.critical{background:#a11c1c}
ul{list-style:none;margin:0;padding:0}
li{border-left:.4rem solid #8a5a00;margin:.5rem 0;padding:.25rem .75rem}
li.critical{background:none;border-color:#a11c1c}li.warning{background:none}
small{opacity:.75}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #8885;padding:.3rem .6rem;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.down td:first-child::after{color:#c33;content:" \\2716 down"}
"""


class StatusError(Exception):
    """Why Prometheus cannot be asked, in one line."""


class Prometheus:
    """Questions to a Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **arguments: str) -> Any:  # noqa: ANN401 - JSON
        """Give the data of an answer."""
        question = urllib.parse.urlencode(arguments)
        address = f"{self.url}/api/v1/{path}" + (f"?{question}" if question else "")
        # No proxy: it is this machine itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=PATIENCE) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            raise StatusError(f"Prometheus answers {error.code} to {path}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise StatusError(f"Prometheus does not answer: {reason}") from None
        if said.get("status") != "success":
            raise StatusError(f"Prometheus refuses {path}: {said.get('error', 'no reason given')}")
        return said["data"]

    def by_host(self, question: str) -> dict[str, float]:
        """Give the answers to a question, by host."""
        result = self.get("query", query=question)["result"]
        return {one["metric"].get("host", ""): float(one["value"][1]) for one in result}

    def alerts(self) -> list[dict[str, Any]]:
        """Give the alerts that are raised, the worst and oldest first."""
        found = [one for one in self.get("alerts")["alerts"] if one["state"] == "firing"]
        return sorted(found, key=lambda one: (severity(one) != "critical", one["activeAt"]))


def severity(alert: dict[str, Any]) -> str:
    """Give how bad an alert is."""
    return "critical" if alert["labels"].get("severity") == "critical" else "warning"


def summary(alert: dict[str, Any]) -> str:
    """Give what is wrong."""
    return str(alert["annotations"].get("summary") or alert["labels"].get("alertname"))


def number(template: str, value: float) -> str:
    """Write an answer down; NaN and infinity are no answers."""
    return template.format(value) if abs(value) < float("inf") else ""


# --- the page ----------------------------------------------------------------------------------


def page(prometheus: Prometheus, title: str, now: float) -> tuple[str, bool]:
    """Give the page, and whether Prometheus could be asked."""
    try:
        alerts = prometheus.alerts()
        parts = [
            state(alerts), listed(alerts), machines(prometheus), cloud(prometheus),
        ]  # fmt: skip
        good = True
    except StatusError as error:
        parts = [
            f'<p class="state critical">Nothing is known: {html.escape(str(error))}</p>',
            "<p>On the control node: <code>systemctl status prometheus</code></p>",
        ]
        good = False
    moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    safe = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="refresh" content="60">\n'
        f"<title>{safe}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{safe}</h1>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<p><small>As of {moment}. If that is more than {STALE_MINUTES} minutes ago, nobody"
        " writes this page any more: <code>systemctl status b2ct-status</code>.</small></p>\n"
        "</body>\n</html>\n"
    ), good


def state(alerts: list[dict[str, Any]]) -> str:
    """Give the first line, which is all that most readers want."""
    worst = [severity(one) for one in alerts]
    number_critical = worst.count("critical")
    if not alerts:
        return '<p class="state ok">All is well.</p>'
    if number_critical:
        rest = (
            f", {len(alerts) - number_critical} to look at" if len(alerts) > number_critical else ""
        )
        return f'<p class="state critical">{number_critical} critical{rest}</p>'
    return f'<p class="state warning">{len(alerts)} to look at</p>'


def listed(alerts: list[dict[str, Any]]) -> str:
    """Give what is wrong, since when, and what to do."""
    items = []
    for one in alerts:
        since = html.escape(one["activeAt"][:16].replace("T", " "))
        action = html.escape(one["annotations"].get("action", ""))
        items.append(
            f'<li class="{severity(one)}"><strong>{html.escape(summary(one))}</strong><br>'
            f"{action}<br><small>{html.escape(one['labels'].get('alertname', ''))},"
            f" since {since} UTC</small></li>"
        )
    return f"<ul>\n{chr(10).join(items)}\n</ul>" if items else ""


def machines(prometheus: Prometheus) -> str:
    """Give the table of machines."""
    result = prometheus.get("query", query='up{job="node"}')["result"]
    if not result:
        return "<h2>Machines</h2>\n<p>Prometheus asks no machine yet.</p>"
    columns = [(title, prometheus.by_host(question), form) for title, question, form in COLUMNS]
    columns = [column for column in columns if column[1]]
    heads = "".join(f"<th>{html.escape(title)}</th>" for title, _, _ in columns)
    rows = []
    for one in sorted(result, key=lambda one: str(one["metric"].get("host", ""))):
        host = one["metric"].get("host", "")
        down = one["value"][1] != "1"
        cells = ""
        for _, answers, form in columns:
            said = number(form, answers[host]) if host in answers and not down else ""
            cells += f"<td>{html.escape(said)}</td>"
        roles = html.escape(one["metric"].get("roles", ""))
        rows.append(
            ('<tr class="down">' if down else "<tr>")
            + f"<td>{html.escape(host)} <small>{roles}</small></td>{cells}</tr>"
        )
    return (
        f'<h2>Machines</h2>\n<div class="wide"><table>\n<tr><th>machine</th>{heads}</tr>\n'
        + "\n".join(rows)
        + "\n</table></div>"
    )


def cloud(prometheus: Prometheus) -> str:
    """Give the lines about OpenNebula, where it is measured."""
    lines = []
    for title, question, form in CLOUD:
        for value in prometheus.by_host(question).values():
            lines.append(f"<tr><td>{html.escape(title)}</td><td>{number(form, value)}</td></tr>")
    return f"<h2>Cloud</h2>\n<table>\n{chr(10).join(lines)}\n</table>" if lines else ""


def write(path: Path, content: str) -> None:
    """Put a file in place whole: somebody may read it at any moment."""
    descriptor, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=".b2ct-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(descriptor, 0o644)
            stream.write(content)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def nagios(prometheus: Prometheus) -> tuple[int, str]:
    """Give Nagios' exit code and line for the whole site."""
    try:
        alerts = prometheus.alerts()
        targets = prometheus.by_host('up{job="node"}')
    except StatusError as error:
        return 3, f"UNKNOWN: {error}"
    if not targets:
        return 3, "UNKNOWN: Prometheus asks no machine"
    text = "; ".join(summary(one) for one in alerts)
    if any(severity(one) == "critical" for one in alerts):
        return 2, f"CRITICAL: {text}"
    if alerts:
        return 1, f"WARNING: {text}"
    return 0, f"OK: {len(targets)} machines, no alert"


def main() -> int:
    """Write the page, or print Nagios' line."""
    parser = argparse.ArgumentParser(prog="b2ct-status", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("page", "nagios"):
        command = commands.add_parser(name)
        command.add_argument("--url", required=True)
        if name == "page":
            command.add_argument("--folder", type=Path, required=True)
            command.add_argument("--title", required=True)
    options = parser.parse_args()
    prometheus = Prometheus(options.url)
    if options.command == "nagios":
        code, line = nagios(prometheus)
        print(line)
        return code
    text, good = page(prometheus, options.title, time.time())
    write(options.folder / "index.html", text)
    # The page tells it; the unit is to fail too.
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
