"""Key ``fence`` of a node or its hardware: how the machine is switched off by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from b2ct.model.types import Model, matching

FenceAgent = Annotated[
    str,
    matching(
        r"^fence_[a-z0-9_]{1,40}$", "the name of a fence agent's program, such as fence_ipmilan"
    ),
]
_Option = Annotated[
    str, matching(r"^[a-z][a-z0-9_]{0,40}$", "an option as the agent's manual page names it")
]
_Value = bool | int | float | str
#: Stands for the node's name in the value of an option, so that alike machines share the text.
NODE_PLACEHOLDER: Final = "{node}"
#: Options that name the outlet, machine or socket; the node's name where none is given.
PLUG_OPTIONS: Final = ("plug", "port")

#: Agents that speak to the very machine that they switch: its management board.
BOARD_AGENTS: Final = frozenset(
    """
    fence_drac5 fence_idrac fence_ilo fence_ilo2 fence_ilo3 fence_ilo4 fence_ilo5 fence_imm
    fence_ipmilan fence_redfish
    """.split()  # noqa: SIM905 - a list of ten lines is not read
)
#: Agents that people use; another one may well be named.
FENCE_AGENTS: Final = BOARD_AGENTS | frozenset(
    """
    fence_apc fence_apc_snmp fence_bladecenter fence_brocade fence_cisco_ucs fence_eaton_snmp
    fence_hpblade fence_ibmblade fence_mpath fence_rhevm fence_sbd fence_scsi fence_virsh
    fence_virt fence_vmware_rest fence_vmware_soap fence_wti fence_xvm
    """.split()  # noqa: SIM905 - the same
)


class FenceDevice(Model):
    """One way to switch a machine off."""

    agent: FenceAgent = Field(description="The fence agent's program, such as fence_ipmilan")
    options: dict[_Option, _Value] = Field(
        default_factory=dict,
        description="The agent's own options, no secrets; {node} stands for the node's name",
    )
    with_previous: bool = Field(
        False,
        description="Belongs to the level of the entry before it: both switch off, as with two"
        " power supplies",
    )


@dataclass(frozen=True)
class ResolvedDevice:
    """One device of a node with everything filled in.

    ``level`` counts from 1; a lower one is tried first, all devices of one level act together.
    ``plug`` is what the device knows the node as, where that is not its name.
    """

    name: str
    agent: str
    level: int
    options: Mapping[str, str]
    plug: str | None


def resolved_devices(node: str, devices: tuple[FenceDevice, ...]) -> tuple[ResolvedDevice, ...]:
    """Fill in the devices of a node."""
    found: list[ResolvedDevice] = []
    for position, device in enumerate(devices):
        level = found[-1].level if found else 0
        if not device.with_previous or not found:
            level += 1
        options = {
            name: _text(value).replace(NODE_PLACEHOLDER, node)
            for name, value in device.options.items()
        }
        plugs = [options.pop(name) for name in PLUG_OPTIONS if name in options]
        found.append(
            ResolvedDevice(
                name=f"fence-{node}-{position + 1}",
                agent=device.agent,
                level=level,
                options=MappingProxyType(options),
                plug=plugs[0] if plugs else None,
            )
        )
    return tuple(found)


def _text(value: bool | int | float | str) -> str:
    """Write a value as fence agents read it."""
    return str(int(value)) if isinstance(value, bool) else str(value)
