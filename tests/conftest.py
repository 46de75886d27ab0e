"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible.plugins.loader import init_plugin_loader
from hypothesis import settings

from tests.boot import qemu

# Tests import modules of the collection and run Ansible in the same process. Whoever comes first
# must import the collection as Ansible does, else Ansible does not know it later.
init_plugin_loader()

# How long one example takes depends on what else the machine does: no test asserts a time.
settings.register_profile("b2ct", deadline=None)
settings.load_profile("b2ct")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a deliberate change of a text rewrite its golden file; read the diff afterwards."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture(autouse=True)
def _machine_costs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note what each virtual machine of a test cost, for the summary."""

    def note(machine: qemu.Machine) -> None:
        request.node.user_properties.append(("machine", (machine.cpu_s, machine.wall_s)))

    qemu.on_end.append(note)
    yield
    qemu.on_end.remove(note)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many virtual machines ran and what they cost."""
    costs = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, value in report.user_properties
        if name == "machine"
    ]
    if costs:
        cpu, wall = (sorted(column) for column in zip(*costs, strict=True))
        terminalreporter.write_line(
            f"{len(costs)} virtual machines: {sum(cpu):.0f} CPU s in QEMU, "
            f"{cpu[0]:.1f} to {cpu[-1]:.1f} each; {sum(wall):.0f} s from start to end"
        )
