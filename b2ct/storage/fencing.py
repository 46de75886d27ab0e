"""Whether members can switch each other off: asked of every device, and proven on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from b2ct.errors import B2ctError
from b2ct.storage import sbd
from b2ct.storage.members import Members
from b2ct.suggest import did_you_mean

if TYPE_CHECKING:
    from ansible_collections.b2ct.cloud.plugins.module_utils.cluster_state import State

#: What is told of a device that says nothing.
_UNUSED: Final = "no member runs it; one that has just started takes its devices up after a while"
#: Seconds for a device to answer, for a member to be off and on, and to be back in the cluster.
DEVICE_S: Final = 150.0
FENCE_S: Final = 240
RETURN_S: Final = 1200.0
_PAUSE_S: Final = 2.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DeviceStatus:
    """A fencing device. ``watched_by`` is the member that asks it all the time."""

    name: str
    node: str
    agent: str
    level: int
    answers: bool
    watched_by: str
    said: str


@dataclass(frozen=True)
class FenceStatus:
    """All devices of a cluster, and SBD on its members where the site has it.

    ``enabled`` is None where the cluster did not say whether it fences at all.
    """

    site: str
    enabled: bool | None
    devices: tuple[DeviceStatus, ...]
    sbd: tuple[sbd.SbdStatus, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What must be mended before anything is shared."""
        found = []
        if self.enabled is None:
            found.append("the cluster does not say whether fencing is switched on")
        elif not self.enabled:
            found.append("fencing is switched off (stonith-enabled)")
        found += [f"{one.name} does not answer: {one.said}" for one in self.devices
                  if not one.answers]  # fmt: skip
        # What is wrong with a disk all members tell.
        found += dict.fromkeys(problem for one in self.sbd for problem in one.problems)
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's types."""
        return {
            "site": self.site,
            "enabled": self.enabled,
            "devices": [asdict(one) for one in self.devices],
            "sbd": [one.as_json() for one in self.sbd],
            "problems": list(self.problems),
            "good": not self.problems,
        }


@dataclass(frozen=True)
class Fenced:
    """A member that was switched off and came back; seconds since the order."""

    node: str
    by: str
    off_and_on: float
    back: float

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's types."""
        return {
            "node": self.node,
            "by": self.by,
            "off_and_on_s": round(self.off_and_on, 1),
            "back_s": round(self.back, 1),
        }


def status(members: Members, progress: Progress) -> FenceStatus:
    """Ask every device, through Pacemaker, whether it answers.

    :raises B2ctError: no member sees the cluster.
    """
    speaker, text = members.cluster()
    state = _read(text)
    wanted = [
        (device, name) for name in members.names for device in members.site.resolved[name].fence
    ]
    found = []
    for done, (device, name) in enumerate(wanted):
        progress("asking the devices", done, len(wanted))
        watching = state.running.get(device.name, ())
        # A device is asked where Pacemaker runs it: nobody asks the one that is for himself.
        place = watching[0] if watching else speaker
        asked = members.run(place, "stonith_admin --query %s", device.name, timeout_s=DEVICE_S)
        failed = [str(one) for one in state.failures if one.resource == device.name]
        said = "" if asked.code == 0 else asked.error or "; ".join(failed) or asked.text or _UNUSED
        found.append(
            DeviceStatus(device.name, name, device.agent, device.level, asked.code == 0,
                         watching[0] if watching else "", said)
        )  # fmt: skip
    progress("asking the devices", len(wanted), len(wanted))
    command = "crm_attribute --query --name stonith-enabled --quiet"
    asked = members.run(speaker, command)
    enabled = asked.text == "true" if asked.came else None
    return FenceStatus(members.site.site.name, enabled, tuple(found), sbd.status(members))


def refuse_unless_ready(members: Members, nodes: Sequence[str], progress: Progress) -> None:
    """Refuse a power cycle where it could do harm.

    :raises B2ctError: a node is no member, a member is away, or a device does not answer.
    """
    for name in nodes:
        if name not in members.names:
            raise B2ctError(f"{name!r} is no member of the cluster",
                            did_you_mean(name, members.names))  # fmt: skip
    state = _read(members.cluster()[1])
    away = [name for name in members.names if name not in state.online]
    if away or not state.quorate:
        told = f"{', '.join(away)} is not in the cluster" if away else "it has no quorum"
        raise B2ctError(f"the cluster is not whole: {told}", "bring all members back first")
    problems = status(members, progress).problems
    if problems:
        raise B2ctError(problems[0], "see all with: b2ct fence status SITE")


def test(members: Members, node: str, progress: Progress) -> Fenced:
    """Switch a member off and on through its devices, and wait until it is as before.

    :raises B2ctError: it was not switched off, or did not come back.
    """
    before = _read(members.cluster(without=node)[1])
    place, _ = members.cluster(without=node)
    begun = time.monotonic()
    progress(f"switching {node} off and on", 0, 0)
    limit = _limit_s(members)
    done = members.run(
        place, f"stonith_admin --reboot %s --timeout {limit}", node, timeout_s=limit + 60.0
    )
    if done.code != 0:
        raise B2ctError(
            f"{place} could not switch {node} off: {done.error or done.text}",
            "see which device fails with: b2ct fence status SITE",
        )
    cycled = time.monotonic() - begun
    missing = ["it was not asked"]
    while (waited := time.monotonic() - begun) < RETURN_S:
        progress(f"waiting for {node}", int(waited), 0)
        missing = _missing(before, _read(members.cluster(without=node)[1]), node)
        if not missing:
            return Fenced(node, place, cycled, time.monotonic() - begun)
        time.sleep(_PAUSE_S)
    raise B2ctError(
        f"{node} did not come back within {RETURN_S:.0f} s: {missing[0]}",
        f"look at its console, and at: journalctl -u pacemaker on {place}",
    )


def _limit_s(members: Members) -> int:
    """Give the seconds until a member must be off: a pill is waited for, and every level."""
    if members.site.sbd is None:
        return FENCE_S
    return max(FENCE_S, 2 * members.site.sbd_times.fence)


def _missing(before: State, now: State, node: str) -> list[str]:
    """Say what ran on a member before, and does not now."""
    if node not in now.online:
        return [f"{node} is not in the cluster"]
    lost = [
        name
        for name, places in before.running.items()
        if len(places) > len(now.running.get(name, ()))
    ]
    return [f"{name} does not run everywhere" for name in lost]


def _read(text: str) -> State:
    # Whoever imports the collection before Ansible's loader is there hides it from Ansible.
    from ansible_collections.b2ct.cloud.plugins.module_utils.cluster_state import read

    return read(text)
