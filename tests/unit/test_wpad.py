"""wpad.dat, written by the role's own template and evaluated by pacparser, as CVMFS does it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pacparser
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROXIES = ["10.20.0.31:3128", "10.20.0.32:3128"]
HOSTS = ["cvmfs-stratum-one.cern.ch", ".openhtc.io", "belle2db.sdcc.bnl.gov"]
BOTH = ("PROXY 10.20.0.31:3128; PROXY 10.20.0.32:3128; DIRECT",
        "PROXY 10.20.0.32:3128; PROXY 10.20.0.31:3128; DIRECT")  # fmt: skip

Answer = Callable[[str, str], str]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Let Ansible write the file."""
    folder = tmp_path_factory.mktemp("wpad")
    template = ROOT / "roles/wpad/templates/srv/b2ct/www/wpad.dat.j2"
    subprocess.run(
        [Path(sys.executable).parent / "ansible", "localhost", "-i", "localhost,", "-c", "local",
         "-e", json.dumps({"wpad_proxies": PROXIES, "wpad_hosts": HOSTS}),
         "-e", json.dumps({"ansible_python_interpreter": sys.executable}),
         "-m", "ansible.builtin.template", "-a", f"src={template} dest={folder}/wpad.dat"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    return (folder / "wpad.dat").read_text()


@pytest.fixture
def answer(script: str) -> Iterator[Answer]:
    pacparser.init()
    pacparser.parse_pac_string(script)

    def ask(url: str, client: str = "10.20.0.21") -> str:
        pacparser.setmyip(client)
        return str(pacparser.find_proxy(url))

    yield ask
    pacparser.cleanup()


@pytest.mark.parametrize(
    "url",
    [
        "http://cvmfs-stratum-one.cern.ch/cvmfs/belle.cern.ch/.cvmfspublished",
        "http://CVMFS-Stratum-One.cern.ch:8000/cvmfs/x",
        "http://s1cern-cvmfs.openhtc.io/cvmfs/x",
        "http://openhtc.io/",
        "http://belle2db.sdcc.bnl.gov/b2s/rest/v2/globalTags",
    ],
)
def test_what_the_caches_fetch_is_asked_through_them(url: str, answer: Answer) -> None:
    assert answer(url, "10.20.0.22") in BOTH


@pytest.mark.parametrize(
    "url",
    [
        "http://www.example.org/",
        "http://xopenhtc.io/",
        "http://cvmfs-stratum-one.cern.ch.evil.example/",
        "http://evil-cvmfs-stratum-one.cern.ch/",
        "https://cvmfs-stratum-one.cern.ch/",
        "ftp://cvmfs-stratum-one.cern.ch/",
    ],
)
def test_all_else_is_asked_directly(url: str, answer: Answer) -> None:
    assert answer(url, "10.20.0.22") == "DIRECT"


def test_clients_are_spread_over_the_caches(answer: Answer) -> None:
    url = "http://cvmfs-stratum-one.cern.ch/"
    found = {answer(url, f"10.20.0.{host}") for host in (21, 22)}
    assert found == set(BOTH)
    assert answer(url, "2001:db8::zz") in BOTH
