"""Preseed texts: golden files for each release and kind, and what must be true of all."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from b2ct import __version__
from b2ct.data import data_folder
from b2ct.errors import B2ctError
from b2ct.model import RELEASES, ReleaseId, Site
from b2ct.render import NoHashes, render_all, render_node, render_site
from b2ct.render.environment import SCRIPT_MARK, carried

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/golden/preseed"
_RAW = yaml.safe_load((ROOT / "inventories/example/site.yml").read_text())
RELEASE_IDS = (ReleaseId.DEBIAN_12, ReleaseId.DEBIAN_13)
#: Parts of the script that are the same for everybody; the golden files only name them.
_SHARED = sorted(
    path.relative_to(data_folder("kickstart_templates"))
    for folder in ("pre", "debian")
    for path in (data_folder("kickstart_templates") / "partials" / folder).glob("*.sh")
)
HASH = "$6$c6gY9e2hVv0.ZzNf$" + "x" * 86


class OneHash:
    """The same hash for root and nobody else."""

    def hashed(self, account):
        return HASH if account == "root" else None


def debian_site(release, **changes):
    """The example site with every node on one release of Debian."""
    raw = copy.deepcopy(_RAW)
    raw["install"]["release"] = release.value
    for node in raw["nodes"].values():
        node.pop("release", None)
    for path, value in changes.items():
        *above, last = path.split("__")
        place = raw
        for key in above:
            place = place[key]
        place[last] = value
    return Site.model_validate(raw)


def script_of(text):
    """The script that a preseed carries, as the machine takes it out."""
    lines = [line for line in text.splitlines() if line.startswith(SCRIPT_MARK)]
    return "\n".join(line.removeprefix(SCRIPT_MARK) for line in lines) + "\n"


def shortened(text):
    """The text with the shared parts of its script named instead of written out."""
    for name in _SHARED:
        part = carried((data_folder("kickstart_templates") / name).read_text())
        if part in text:
            text = text.replace(part, f"[{name}]\n")
    return text.replace(__version__, "<version>")


def cases():
    for release in RELEASE_IDS:
        yield release, "control1"
        yield release, "node1"
        yield release, None


@pytest.mark.parametrize(("release", "node"), list(cases()))
def test_golden(release, node, request):
    site = debian_site(release)
    if node is None:
        rendered, kind = render_site(site, RELEASES[release], OneHash()), "site"
    else:
        rendered = render_all(site, OneHash(), [node])[0]
        kind = rendered.kind.value
    text = shortened(rendered.text)
    assert text.count("[partials/") >= 12, "the shared parts are not in the script as they stand"
    golden = GOLDEN / f"{release.value}-{kind}.preseed"
    if request.config.getoption("--update-golden", False):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.fixture(scope="module")
def site_script():
    return script_of(
        render_site(debian_site(ReleaseId.DEBIAN_13), RELEASES["debian-13"], OneHash()).text
    )


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix"])
def test_the_script_is_sound_for_every_shell(site_script, shell):
    done = subprocess.run(
        [*shell.split(), "-n"], check=False, input=site_script, text=True, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_shellcheck_finds_nothing(site_script, tmp_path):
    assert shutil.which("shellcheck")
    file = tmp_path / "script"
    # Facts are set in one part and used in another; the recipe's $words are partman's.
    file.write_text("#!/bin/sh\n# shellcheck disable=SC2016,SC2034,SC2317\n" + site_script)
    done = subprocess.run(
        ["shellcheck", "-s", "sh", file], check=False, capture_output=True, text=True
    )
    assert done.stdout == ""


def test_the_installer_sees_no_answer_in_the_script():
    """Its own reader drops comments first (debconf-set-selections of preseed-common)."""
    text = render_all(debian_site(ReleaseId.DEBIAN_13), NoHashes(), ["node1"])[0].text
    seen = [line for line in text.splitlines() if not re.match(r"#|\s*$", line)]
    assert seen and all(line.startswith("d-i ") for line in seen)
    assert not [line for line in seen if line.endswith("\\")]


def test_no_hash_is_an_answer():
    text = render_all(debian_site(ReleaseId.DEBIAN_12), OneHash(), ["control1"])[0].text
    assert [line for line in text.splitlines() if HASH in line] == [f"{SCRIPT_MARK}root:{HASH}"]


def test_busybox_takes_the_script_out(tmp_path):
    """The command of the preseed itself, on the interpreter of the installer."""
    text = render_all(debian_site(ReleaseId.DEBIAN_13), NoHashes(), ["node1"])[0].text
    command = next(line for line in text.splitlines() if "preseed/early_command" in line)
    command = command.split(" string ", 1)[1].partition(" && sh ")[0]
    command = command.replace("/tmp/b2ct", f"{tmp_path}/b2ct").replace(
        "/preseed.cfg", f"{tmp_path}/p"
    )
    (tmp_path / "p").write_text(text)
    subprocess.run(["busybox", "sh", "-c", command], check=True)
    assert (tmp_path / "b2ct/script").read_text() == script_of(text)


VOLUMES = {"root": {"size": "20GiB", "mount": "/"}, "swap": {"purpose": "swap", "size": "4GiB"}}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ["mirror/protocol select https", "mirror/https/directory string /debian"]),
        (
            {"install__mirrors": {"debian-13": {"url": "http://mirror.example.org:8080/deb/"}}},
            [
                "mirror/protocol select http",
                "mirror/http/hostname string mirror.example.org:8080",
                "mirror/http/directory string /deb",
            ],
        ),
        ({"site__keyboard": "de-nodeadkeys"}, ["xkb-keymap select de", 'XKBVARIANT="nodeadkeys"']),
        ({"site__keyboard": "fr"}, ["xkb-keymap select fr(latin9)"]),
        ({"site__language": "it_IT"}, ["debian-installer/locale string it_IT.UTF-8"]),
        ({"install__packages": ["tmux"]}, [" sudo tmux xfsprogs"]),
        ({"install__serial_console": None}, ["debian-installer/add-kernel-opts string\n"]),
        (
            {"nodes__node1__addresses": {"service": "dhcp"}},
            ["'dhcp @{nic:eno1}'", "'DHCP=ipv4'", "'UseDNS=no'", "'127.0.1.1 node1."],
        ),
        (
            {"networks__service__vlan": 20},
            ["'vlan @{nic:eno1} 20'", "'address @{nic:eno1}.20 10.20.0.21/24'", "'VLAN=eno1.20'"],
        ),
        (
            {"nodes__node1__attach": {"service": {"device": "bond0"}}},
            ["'bond bond0 802.3ad @{nic:ens1f0} @{nic:ens1f1}'", "'LACPTransmitRate=fast'"],
        ),
        # Without a volume for the rest, the last one must not get it.
        (
            {"nodes__node1__volumes": VOLUMES, "hardware__hypervisor__volumes": {}},
            ["guided_size string 25770 MB"],
        ),
    ],
)
def test_what_the_site_says_is_in_the_text(changes, found):
    text = render_all(debian_site(ReleaseId.DEBIAN_13, **changes), NoHashes(), ["node1"])[0].text
    for piece in found:
        assert piece in text


def test_partman_gets_whole_extents():
    volumes = {**VOLUMES, "odd": {"size": "1025MiB", "mount": "/srv", "purpose": "data"}}
    site = debian_site(ReleaseId.DEBIAN_13, hardware__hypervisor__volumes=volumes)
    text = render_node(site, site.resolved["node1"], NoHashes()).text
    # 1028 MiB are 257 extents of 4 MiB and 1,077,936,128 bytes; partman cuts to whole extents.
    assert " 1078 1078 1078 ext4 $lvmok{ } in_vg{ b2ct } lv_name{ odd } " in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes__node1__disk": None, "hardware__hypervisor__disk": None}, "has no install disk"),
        ({"nodes__node1__addresses": {}}, "has no address on the service network"),
        ({"hardware__hypervisor__volumes": {"a": {"size": "1GiB", "mount": "/a"}}}, "mounted on /"),
    ],
)
def test_what_cannot_be_installed_is_refused(changes, message):
    site = debian_site(ReleaseId.DEBIAN_13, **changes)
    with pytest.raises(B2ctError, match=message):
        render_node(site, site.resolved["node1"], NoHashes())
