"""What the role ``wpad`` promises: clients are told of the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

GROUPS = ("control",)
UNITS = ("nginx",)

#: Asks the web server on the same machine under a name, and prints status, type and text.
ASK = """\
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=20)
connection.request("GET", sys.argv[2], headers={"Host": sys.argv[1]})
answer = connection.getresponse()
print(answer.status, answer.headers.get("Content-Type", "-"))
print(answer.read().decode())
"""


def _ask(host: Host, name: str, path: str) -> tuple[str, str]:
    status, _, text = host.check_output("python3 -c %s %s %s", ASK, name, path).partition("\n")
    return status, text


@pytest.fixture
def proxies(wanted: Mapping[str, Any]) -> list[str]:
    """Give the caches; a site without them has nothing to be told."""
    found: list[str] = wanted["wpad_proxies"]
    if not found:
        pytest.skip("the site has no cache, or wants no wpad.dat")
    return found


def test_is_served(host: Host, wanted: Mapping[str, Any], proxies: list[str]) -> None:
    """wpad.dat is served under each of its names, with the type that clients expect."""
    for name in wanted["wpad_names"]:
        status, text = _ask(host, name, "/wpad.dat")
        assert status == "200 application/x-ns-proxy-autoconfig", f"as {name}: {status}"
        assert "function FindProxyForURL(url, host)" in text


def test_names_every_cache(host: Host, wanted: Mapping[str, Any], proxies: list[str]) -> None:
    """wpad.dat names every cache of the site."""
    _, text = _ask(host, wanted["wpad_names"][0], "/wpad.dat")
    missing = [proxy for proxy in proxies if f'"{proxy}"' not in text]
    assert missing == [], f"not in wpad.dat: {', '.join(missing)}"


def test_nothing_else_is_served(host: Host, wanted: Mapping[str, Any], proxies: list[str]) -> None:
    """Under the names of wpad.dat nothing else is served."""
    status, _ = _ask(host, wanted["wpad_names"][0], "/")
    assert status.startswith("404")
