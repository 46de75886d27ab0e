"""Every golden file is understood by the real daemons: no unknown key, nothing ignored.

Devices are not made of them here: the test machines' kernels know neither bonds nor VLANs.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[4] / "tests/golden/network"
#: Where networkd reads files that last until the next start.
RUN = "/run/systemd/network"
SHAPES = sorted(path.stem for path in GOLDEN.glob("*.el"))


def podman(host: str, script: str, text: str | None = None) -> str:
    """Run a script in a container; ``text`` is its input."""
    done = subprocess.run(
        ["podman", "exec", "--interactive", host, "sh", "-c", script],
        input=text, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"{host}: {script}: {done.stdout}{done.stderr}"
    return done.stdout


def files(shape: str, family: str) -> dict[str, str]:
    """Split a golden text into its files, by name."""
    text = (GOLDEN / f"{shape}.{family}").read_text()
    parts = re.split(r"^==> (\S+) \d+\n", text, flags=re.MULTILINE)[1:]
    return {Path(path).name: body for path, body in zip(parts[::2], parts[1::2], strict=True)}


def test_there_are_shapes() -> None:
    assert len(SHAPES) > 10


@pytest.mark.parametrize("shape", SHAPES)
def test_networkmanager_takes_every_connection(shape: str) -> None:
    """It reads them from a folder of their own, so that nothing comes up."""
    folder = "/etc/NetworkManager/system-connections"
    wanted = {name: text for name, text in files(shape, "el").items() if "nmconnection" in name}
    try:
        for name, text in wanted.items():
            parked = text.replace("[connection]\n", "[connection]\nautoconnect=false\n")
            podman("node1", f"umask 077; cat >{folder}/shape-{name}", parked)
            podman("node1", f"nmcli connection load {folder}/shape-{name}")
        known = podman("node1", "nmcli --terse --fields UUID,FILENAME connection show")
        for name, text in wanted.items():
            uuid = re.search(r"^uuid=(.*)$", text, re.MULTILINE)
            assert uuid is not None
            assert f"{uuid[1]}:{folder}/shape-{name}" in known
            # What it has understood, written down again, says the same.
            shown = podman("node1", f"nmcli connection show {uuid[1]}")
            for key, value in re.findall(r"^(mtu|mode|id|stp|address1)=(.*)$", text, re.MULTILINE):
                said = {"stp": "no", "id": value}.get(key, value)
                assert said in shown, f"{name}: {key}={value} is lost"
    finally:
        podman("node1", f"rm -f {folder}/shape-*; nmcli connection reload")


#: What networkd does with the files; that two of them are for one device, as they are here alone;
#: and a parameter of the kernel that a container may not set.
NO_COMPLAINT = r": (?:Rec|C)onfiguring with /|already configured by|: Read-only file system$"


def complaints(since: str) -> list[str]:
    """Give what networkd complains of."""
    read = f"journalctl --unit=systemd-networkd --output=cat --since='{since}'"
    told = podman("control1", f"journalctl --sync && sleep 1 && {read}")
    return [
        line
        for line in told.splitlines()
        if re.search(r"unknown|ignoring|invalid|failed to parse|90-", line, re.IGNORECASE)
        and not re.search(NO_COMPLAINT, line)
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_networkd_understands_every_line(shape: str) -> None:
    """What it does not understand, it writes to its journal and ignores."""
    wanted = {name: text for name, text in files(shape, "debian").items() if "b2ct" in name}
    since = podman("control1", "date '+%Y-%m-%d %H:%M:%S'").strip()
    try:
        for name, text in wanted.items():
            # Cards that are not there, and device names of their own: nothing of the host's.
            apart = re.sub(r"\b(br-service|br-private|eth0|eth1)\b", "shape0", text)
            podman("control1", f"mkdir -p {RUN} && cat >{RUN}/90-{name}", apart)
        podman("control1", "networkctl reload")
        assert complaints(since) == []
    finally:
        podman("control1", f"rm -f {RUN}/90-* && networkctl reload")


def test_networkd_would_say_so() -> None:
    """The test above can fail: a line that is wrong is found."""
    text = "[Match]\nName=shape9\n\n[Network]\nAddresss=10.0.0.1/24\n"
    since = podman("control1", "date '+%Y-%m-%d %H:%M:%S'").strip()
    podman("control1", f"mkdir -p {RUN} && cat >{RUN}/90-wrong.network", text)
    podman("control1", f"networkctl reload; rm {RUN}/90-wrong.network")
    assert any("'Addresss'" in line for line in complaints(since))
