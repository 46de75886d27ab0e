"""A small site as text, to be altered by the tables of bad apples.

A table entry replaces a piece of the text; ``#!`` in the replacement marks the line whose
number the problem must carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from b2ct.errors import ProblemsError
from b2ct.load import read_site

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1mnM5oQ7XkqYbYlZTz9Hk7Vj0x2bq1mY0mWJ3l5m8a ada"

#: What every site says before its networks.
HEAD = f"""\
plugin: b2ct.cloud.site
site:
  name: unit
  domain: example.org
  label: UNIT
  timezone: Europe/Rome
  keyboard: it
  language: en_US.UTF-8
  admins:
    - name: ada
      ssh_keys: [{SSH_KEY}]
  dns: {{servers: [192.0.2.53]}}
  time_servers: [ntp.example.org]
"""
BASE = f"""\
{HEAD}networks:
  service:
    purpose: service
    ipv4:
      subnet: 10.20.0.0/24
      gateway: 10.20.0.1
    service_addresses: {{control: 10.20.0.5}}
  private:
    purpose: private
    vlan: 30
    ipv4:
      subnet: 10.30.0.0/16
      vm_ranges:
        - {{first: 10.30.1.0, last: 10.30.250.255}}
install:
  release: almalinux-9
hardware:
  box:
    bonds:
      bond0: {{members: [ens1f0, ens1f1], mode: active-backup}}
    attach:
      service: {{device: eno1}}
      private: {{device: bond0, bridge: br-private}}
    disk:
      rule: {{type: nvme, min_size: 900GB}}
      size: 960GB
    volumes:
      root: {{size: 40GiB, mount: /}}
      swap: {{purpose: swap, size: 8GiB}}
      images: {{purpose: datastore, size: rest, mount: /var/lib/one}}
nodes:
  control1:
    roles: [control]
    hardware: box
    serial: SN0001
    macs: {{eno1: "52:54:00:20:00:11", ens1f0: "52:54:00:20:00:12", ens1f1: "52:54:00:20:00:13"}}
    addresses: {{service: 10.20.0.11}}
  node1:
    roles: [hypervisor]
    hardware: box
    serial: SN0002
    macs: {{eno1: "52:54:00:20:01:11", ens1f0: "52:54:00:20:01:12", ens1f1: "52:54:00:20:01:13"}}
    addresses: {{service: 10.20.0.21}}
"""


@dataclass(frozen=True)
class Apple:
    """A fault: ``old`` becomes ``new``; ``told`` is the exact message, hint included."""

    name: str
    old: str
    new: str
    told: str


def altered(old: str, new: str, text: str = BASE) -> tuple[str, int]:
    """Give the altered text and the marked line, 0 without a mark."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    marked = text.replace(old, new)
    lines = marked.splitlines(keepends=True)
    line = next((number for number, found in enumerate(lines, 1) if "#!" in found), 0)
    return marked, line


def told(path: Path, text: str) -> list[str]:
    """Write the text to ``site.yml`` of a folder and give what is told of it, without the path."""
    file = path / "site.yml"
    file.write_text(text)
    with pytest.raises(ProblemsError) as caught:
        read_site(file)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def notes(path: Path, text: str) -> list[str]:
    """Write a good text and give the advice about it, without the path."""
    file = path / "site.yml"
    file.write_text(text)
    return [str(note).removeprefix(f"{file}:") for note in read_site(file).notes]
