"""The media of the boot matrix and what a guest must find on each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from iso_builder.plan import BootEntry, MediaPlan
from tests.boot.probe import Found
from tests.boot.qemu import Firmware
from tests.media.bases import Style

LABEL = "B2CT-TEST"
#: Names as the renderer gives them: long, with a dot inside, in a folder.
KICKSTARTS = {
    "/b2ct/hv1.example.org.cfg": b"# kickstart of hv1\n" + b"#" * 5000 + b"\n",
    "/b2ct/control-node-2.example.org.cfg": b"# kickstart of control-node-2\n",
}
DEFAULT_KICKSTART = "/b2ct/hv1.example.org.cfg"


def two_node_plan(label: str = LABEL) -> MediaPlan:
    """Return a plan of two nodes, started from the serial console after a second."""
    entries = tuple(
        BootEntry(ident=f"node-{number}", title=f"Install node {number}", kickstart=path)
        for number, path in enumerate(KICKSTARTS, start=1)
    )
    return MediaPlan(
        label=label,
        title="Test site",
        entries=entries,
        files=KICKSTARTS,
        timeout_s=1,
        serial="ttyS0,115200n8",
    )


def check_found(
    found: Found, *, style: Style, firmware: Firmware, label: str = LABEL, devices: Sequence[str]
) -> None:
    """Assert that the guest found its kickstart and second stage by the label it was told.

    ``devices`` are those that must carry the label, and no other may.
    """
    assert not found.errors
    assert found.firmware == firmware.partition("-")[0]
    assert found.secure_boot == (firmware == "uefi-secure")
    assert not found.missing
    assert sorted(device for device, seen in found.volumes if seen == label) == sorted(devices)
    where = f"{label}:{DEFAULT_KICKSTART}"
    argument = "ks" if style == "el6" else "inst.ks"
    assert f" {argument}=hd:LABEL={where} " in found.cmdline
    digest = hashlib.sha256(KICKSTARTS[DEFAULT_KICKSTART]).hexdigest()
    assert sorted(found.kickstarts) == sorted((where, device, digest) for device in devices)
    assert found.stage2
    assert {size for *_, size in found.stage2} == {2 << 20}
    assert {name for name, *_ in found.stage2} <= {label, "-"}
