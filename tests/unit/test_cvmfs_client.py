"""The configuration of CVMFS, written by the role's own templates and read as CVMFS reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from b2ct.inventory import inventory
from b2ct.load import load_site
from tests.unit.site_texts import BASE, altered

ROLE = Path(__file__).resolve().parents[2] / "roles/cvmfs_client/templates/etc/cvmfs"
KEY = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B\n-----END PUBLIC KEY-----"
SECTION = """\
cvmfs:
  clients: [hypervisor]
  quota: 4GiB
  domains:
    kek.jp:
      servers: ["http://one.kek.jp:80/cvmfs/@fqrn@", "http://two.kek.jp/cvmfs/@fqrn@"]
      keys:
        - |
          -----BEGIN PUBLIC KEY-----
          MIIBIjANBgkqhkiG9w0B
          -----END PUBLIC KEY-----
"""
CACHES = """\
  cache1:
    roles: [cache]
    hardware: box
    serial: C1
    nics: [eno1, ens1f0, ens1f1]
    addresses: {service: 10.20.0.31}
  cache2:
    roles: [cache]
    hardware: box
    serial: C2
    nics: [eno1, ens1f0, ens1f1]
    addresses: {service: 10.20.0.32}
"""


def read(folder: Path, template: str, variables: dict[str, object], *names: str) -> list[str]:
    """Let Ansible write a file, and a shell source it."""
    target = folder / Path(template).stem
    subprocess.run(
        [Path(sys.executable).parent / "ansible", "localhost", "-i", "localhost,", "-c", "local",
         "-e", json.dumps(variables),
         "-e", json.dumps({"ansible_python_interpreter": sys.executable}),
         "-m", "ansible.builtin.template", "-a", f"src={ROLE / template} dest={target}"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    script = f". {target}\n" + "".join(f'echo "${name}"\n' for name in names)
    done = subprocess.run(["sh", "-euc", script], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_what_the_client_reads(tmp_path: Path) -> None:
    text, _ = altered("hardware:\n  box:", f"{SECTION}hardware:\n  box:")
    (tmp_path / "site.yml").write_text(text + CACHES)
    described = inventory(load_site(tmp_path))
    groups = {group.name: group.hosts for group in described.groups}
    assert groups["cvmfs"] == ("node1",)
    variables = {
        key: value
        for key, value in described.site_variables.items()
        if key.startswith("cvmfs_client_")
    }
    assert read(
        tmp_path, "default.local.j2", variables,
        *("CVMFS_REPOSITORIES", "CVMFS_HTTP_PROXY", "CVMFS_QUOTA_LIMIT", "CVMFS_CACHE_BASE"),
    ) == [
        "belle.cern.ch,belle.kek.jp,grid.cern.ch,dirac.egi.eu,cernvm-prod.cern.ch",
        "http://10.20.0.31:3128|http://10.20.0.32:3128",
        "4096",
        "/var/lib/cvmfs",
    ]  # fmt: skip
    assert variables["cvmfs_client_domains"]["kek.jp"]["keys"] == [KEY]
    ours = {"__cvmfs_client_domain": "kek.jp", "__cvmfs_client_keys": [KEY, KEY]}
    assert read(
        tmp_path, "domain.d/domain.local.j2", variables | ours,
        "CVMFS_SERVER_URL", "CVMFS_PUBLIC_KEY",
    ) == [
        "http://one.kek.jp:80/cvmfs/@fqrn@;http://two.kek.jp/cvmfs/@fqrn@",
        "/etc/cvmfs/keys/kek.jp/b2ct-0.pub:/etc/cvmfs/keys/kek.jp/b2ct-1.pub",
    ]  # fmt: skip


def test_the_cache_may_fetch_from_the_servers_of_own_domains(tmp_path: Path) -> None:
    text, _ = altered("hardware:\n  box:", f"{SECTION}hardware:\n  box:")
    (tmp_path / "site.yml").write_text(text + CACHES)
    hosts = inventory(load_site(tmp_path)).site_variables["squid_stratum_ones"]
    assert {"one.kek.jp", "two.kek.jp"} <= set(hosts)


def test_without_a_cache_the_servers_are_asked_directly(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE)
    variables = dict(inventory(load_site(tmp_path)).site_variables)
    assert read(tmp_path, "default.local.j2", variables, "CVMFS_HTTP_PROXY") == ["DIRECT"]
