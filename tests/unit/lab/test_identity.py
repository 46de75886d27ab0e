"""What a lab tells a guest of itself."""

from __future__ import annotations

from pathlib import Path

from b2ct.lab.identity import identity
from b2ct.lab.keys import new_key
from b2ct.lab.plan import plan
from b2ct.lab.settings import Settings
from b2ct.load import load_site

SITES = Path(__file__).resolve().parents[2] / "lab/sites"


def test_a_guest_is_told_all_that_the_installer_would_know() -> None:
    site = load_site(SITES / "ha2")
    guest = plan(site, Settings.model_validate({})).guests[0]
    host_key = new_key("control1")
    told = identity(
        site, guest, lab_key="ssh-ed25519 AAAA lab\n", host_key=host_key, power_port=1, token="t0"
    )
    files = {file["path"]: file for file in told["files"]}
    service = files["/etc/systemd/network/30-b2ct-lan0.network"]["content"]
    assert "Address=10.77.0.11/24" in service
    assert "@{" not in "".join(file["content"] for file in told["files"])
    # A private network whose cable is out must not be looked for behind the host.
    closed = files["/etc/systemd/network/10-b2ctlab.network.d/site.conf"]["content"]
    assert "Destination=10.78.0.0/24\nType=unreachable\nTable=77\n" in closed
    secret = [file["path"] for file in told["files"] if file["mode"] & 0o077 == 0]
    assert secret == ["/etc/b2ctlab/power.json", "/etc/ssh/ssh_host_ed25519_key"]
    assert told["volumes"] == {"database": 256 << 20}
    assert told["accounts"][0]["keys"][-1] == "ssh-ed25519 AAAA lab"
