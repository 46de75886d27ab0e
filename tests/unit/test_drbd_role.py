"""What DRBD and Heartbeat call from the roles drbd and heartbeat, with stand-ins for programs."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment

ROLE = Path(__file__).parents[2] / "roles/drbd"
PLUGIN = ROLE.parent / "heartbeat/templates/usr/lib/stonith/plugins/external/b2ct.j2"
AGENT = ROLE.parent / "heartbeat/templates/etc/ha.d/resource.d/b2ct-agent.j2"
DRBDADM = ROLE.parent / "heartbeat/templates/usr/local/lib/b2ct-ha/drbdadm.j2"
NODES = [
    {"name": "control1.example.org", "host": "control1", "address": "10.0.0.1"},
    {"name": "control2.example.org", "host": "control2", "address": "10.0.0.2"},
]
#: What DRBD's programs go by.
ASKED = """\
#!/bin/bash
echo "$(uname -n) ${DRBD_NODE_ID_0-} ${DRBD_NODE_ID_1-} ${DRBD_PEER-} $(uname -s)"
exit 4
"""


def rendered(template: Path, variables: dict[str, object]) -> str:
    """Render a template as Ansible's module does."""
    environment = Environment(trim_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"quote": shlex.quote, "comment": "# {}".format}
    return environment.from_string(template.read_text()).render(variables)


@pytest.mark.parametrize(("here", "peer"), [("control1", ""), ("control2", "control1.example.org")])
def test_pacemaker_s_handlers_know_machines_by_the_names_of_the_cluster(
    tmp_path: Path, here: str, peer: str
) -> None:
    program = tmp_path / "crm-fence-peer.9.sh"
    program.write_text(ASKED)
    program.chmod(0o755)
    variables = {
        "drbd_nodes": NODES,
        "inventory_hostname": here,
        "__drbd_peer": next(node for node in NODES if node["host"] != here),
        "ansible_managed": "managed",
    }
    script = rendered(ROLE / "templates/usr/local/sbin/b2ct-drbd-cluster.j2", variables)
    script = script.replace("/usr/lib/drbd/", f"{tmp_path}/")
    done = subprocess.run(
        ["bash", "-c", script, "b2ct-drbd-cluster", program.name],
        env={
            "PATH": "/usr/bin:/bin",
            "DRBD_NODE_ID_0": "control1.example.org",
            "DRBD_NODE_ID_1": "control2.example.org",
            "DRBD_PEER": peer,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    told = "control1" if peer else ""
    assert done.stdout == f"{here} control1 control2 {told} Linux\n", done.stderr
    assert done.returncode == 4, "DRBD judges by the exit code"


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_every_handler_of_pacemaker_goes_through_it(family: str) -> None:
    found = yaml.safe_load((ROLE / f"vars/{family}.yml").read_text())["__drbd_handlers_pacemaker"]
    assert len(found) == 2
    for command in found.values():
        assert shlex.split(command)[0] == "/usr/local/sbin/b2ct-drbd-cluster"


@dataclass
class Standby:
    """A machine whose peer is control1, with stand-ins for what the pair's programs call."""

    folder: Path

    def says(self, program: str, code: int, word: str = "") -> None:
        file = self.folder / program
        file.write_text(
            f'#!/bin/sh\necho "{program} $*" >> {self.folder}/calls\necho "{word}"\nexit {code}\n'
        )
        file.chmod(0o755)

    def has_volume(self, role: str, state: str, outdated: str = "", notices: int = 0) -> None:
        """Let DRBD tell a volume's state, and another one once its copy shall be outdated.

        :param notices: how often it tells that it is connected before it has noticed that it is not
        """
        file = self.folder / "drbdadm"
        file.write_text(
            f"""#!/bin/bash
state={self.folder}/state
case $1 in
    role) echo {role} ;;
    dstate) cat $state ;;
    cstate)
        echo x >> {self.folder}/asked
        [ $(wc -l < {self.folder}/asked) -gt {notices} ] && echo WFConnection || echo Connected
        ;;
    *)
        echo "drbdadm $*" >> {self.folder}/calls
        if [ "$1" = outdate ]; then
            [ -z "{outdated}" ] || echo "{outdated}" > $state
        fi
        ;;
esac
"""
        )
        file.chmod(0o755)
        (self.folder / "state").write_text(f"{state}\n")

    def has_links(self, route: str, held: str = "") -> None:
        """Let the kernel tell the route to the address, and whether the address is here."""
        file = self.folder / "ip"
        file.write_text(
            f'#!/bin/sh\ncase $* in *addr*) echo "{held}" ;; *) echo "{route}" ;; esac\n'
        )
        file.chmod(0o755)

    def calls(self) -> list[str]:
        """Give what was called since the last time."""
        file = self.folder / "calls"
        found = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in found if not line.startswith(("logger", "cl_status"))]

    def run(self, template: Path, *arguments: str, **variables: object) -> int:
        script = rendered(template, {"ansible_managed": "managed", **variables})
        script = script.replace("/run/b2ct-ha", str(self.folder / "run"))
        for folder in ("/usr/libexec/heartbeat/", "/usr/local/sbin/", "/sbin/"):
            script = script.replace(folder, f"{self.folder}/")
        return subprocess.run(
            ["bash", "-c", script, template.stem, *arguments],
            env={"PATH": f"{self.folder}:/usr/bin:/bin", "DRBD_RESOURCE": "database",
                 "hostlist": "control1,control2"},
            check=False,
        ).returncode  # fmt: skip

    def drbd_asks(self) -> int:
        """Call DRBD's handler for a lost peer."""
        program = ROLE / "templates/usr/local/sbin/b2ct-drbd-fence-peer.j2"
        return self.run(
            program, __drbd_peer={"name": "control1", "host": "control1"}, __drbd_ask_s=10
        )

    def heartbeat_asks(self) -> int:
        """Call Heartbeat's plugin."""
        volumes = [{"resource": "database"}]
        return self.run(
            PLUGIN, "reset", "control1", heartbeat_volumes=volumes, heartbeat_deadtime=20,
            heartbeat_address="10.77.0.5/24",
        )  # fmt: skip

    def dopd_asks(self) -> int:
        """Call what dopd calls when the other machine wants this copy outdated."""
        return self.run(DRBDADM, "outdate", "database")


LINKED = "10.77.0.0/24 dev lan0 proto kernel scope link src 10.77.0.12"


@pytest.fixture
def standby(tmp_path: Path) -> Standby:
    found = Standby(tmp_path)
    for program in ("logger", "b2ct-fence"):
        found.says(program, 0)
    found.says("drbd-peer-outdater", 5)
    found.says("cl_status", 0, "dead")
    found.says("sleep", 0)
    found.says("systemd-run", 0)
    found.has_links(LINKED)
    found.has_volume("Secondary/Unknown", "UpToDate/DUnknown")
    return found


ASKED_TO_OUTDATE = "drbd-peer-outdater -r database -p control1 -t 10"
SWITCHED_OFF = "b2ct-fence control1 reboot"


def test_what_heartbeat_has_switched_off_drbd_believes_once(standby: Standby) -> None:
    assert standby.heartbeat_asks() == 0
    assert standby.calls() == [SWITCHED_OFF]
    assert standby.drbd_asks() == 7
    assert standby.calls() == []
    assert standby.drbd_asks() == 7
    assert standby.calls() == [ASKED_TO_OUTDATE, SWITCHED_OFF]


def test_a_machine_that_came_back_since_is_switched_off_again(standby: Standby) -> None:
    assert standby.heartbeat_asks() == 0
    standby.calls()
    standby.says("cl_status", 0, "active")
    assert standby.drbd_asks() == 7
    assert standby.calls() == [ASKED_TO_OUTDATE, SWITCHED_OFF]


def test_a_machine_that_is_alive_outdates_its_copy(standby: Standby) -> None:
    standby.says("drbd-peer-outdater", 4)
    assert standby.drbd_asks() == 4
    assert standby.calls() == [ASKED_TO_OUTDATE]


def test_what_drbd_has_switched_off_heartbeat_leaves_alone_once(standby: Standby) -> None:
    assert standby.drbd_asks() == 7
    assert standby.calls() == [ASKED_TO_OUTDATE, SWITCHED_OFF]
    assert standby.heartbeat_asks() == 0
    assert standby.calls() == []
    assert standby.heartbeat_asks() == 0
    assert standby.calls() == [SWITCHED_OFF]


def test_what_was_switched_off_long_ago_does_not_count(standby: Standby) -> None:
    assert standby.heartbeat_asks() == 0
    assert standby.drbd_asks() == 7
    for stamp in (standby.folder / "run").iterdir():
        os.utime(stamp, (stamp.stat().st_atime - 400, stamp.stat().st_mtime - 400))
    standby.calls()
    assert standby.drbd_asks() == 7
    assert standby.calls() == [ASKED_TO_OUTDATE, SWITCHED_OFF]


def test_without_fencing_writes_wait_unless_the_admin_says_so(standby: Standby) -> None:
    standby.says("b2ct-fence", 1)
    assert standby.drbd_asks() == 1
    assert standby.heartbeat_asks() == 1
    (standby.folder / "run/peer-is-off").touch()
    assert standby.drbd_asks() == 7
    assert standby.heartbeat_asks() == 0


@pytest.mark.parametrize("told", ["", f"{LINKED} linkdown"])
def test_a_machine_without_a_link_to_the_clients_switches_nobody_off(
    standby: Standby, told: str
) -> None:
    """Heartbeat asks again until the cable is back."""
    standby.has_links(told)
    assert standby.heartbeat_asks() == 1
    assert standby.calls() == ["sleep 5"]


def test_when_the_cable_is_back_it_shoots_only_if_the_other_one_is_away(standby: Standby) -> None:
    standby.has_links("")
    assert standby.heartbeat_asks() == 1
    standby.calls()
    standby.has_links(LINKED)
    assert standby.heartbeat_asks() == 0
    assert standby.calls() == ["sleep 3"] * 5 + [SWITCHED_OFF]


def test_when_only_this_machine_was_away_it_starts_anew(standby: Standby) -> None:
    standby.has_links("")
    assert standby.heartbeat_asks() == 1
    standby.calls()
    standby.has_links(LINKED)
    standby.has_volume("Secondary/Primary", "UpToDate/UpToDate", notices=1000)
    assert standby.heartbeat_asks() == 1
    assert standby.calls() == [START_ANEW, "sleep 10"]


def test_a_machine_whose_copy_was_outdated_switches_nobody_off(standby: Standby) -> None:
    """The replication breaks first, and the other link later."""
    standby.has_volume("Secondary/Unknown", "Outdated/DUnknown")
    assert standby.heartbeat_asks() == 1
    assert standby.calls() == [START_ANEW, "sleep 10"]


def test_a_machine_that_holds_the_address_does_not_start_anew(standby: Standby) -> None:
    standby.has_volume("Secondary/Unknown", "Outdated/DUnknown")
    standby.has_links(LINKED, held="2: lan0 inet 10.77.0.5/24")
    assert standby.heartbeat_asks() == 1
    assert standby.calls() == []


START_ANEW = (
    "systemd-run --quiet --collect sh -c"
    " systemctl kill --signal KILL heartbeat; systemctl --no-block restart heartbeat"
)
HEAD_START = "sleep 20"


@pytest.mark.parametrize(
    ("role", "state", "waits"),
    [
        ("Secondary/Unknown", "DUnknown/DUnknown", True),
        ("Secondary/Unknown", "Inconsistent/DUnknown", True),
        ("Secondary/Unknown", "Consistent/DUnknown", False),
        ("Primary/Unknown", "UpToDate/Outdated", False),
    ],
)
def test_a_machine_that_could_not_take_over_lets_the_active_one_shoot_first(
    standby: Standby, role: str, state: str, *, waits: bool
) -> None:
    """Its copy was catching up when both lost each other."""
    standby.has_volume(role, state)
    assert standby.heartbeat_asks() == 0
    assert standby.calls() == [*([HEAD_START] if waits else []), SWITCHED_OFF]


OUTDATE = "drbdadm outdate database"


def test_a_copy_is_outdated_once_drbd_has_noticed_that_it_is_alone(standby: Standby) -> None:
    standby.has_volume("Secondary/Primary", "UpToDate/UpToDate", "Outdated/DUnknown", notices=3)
    assert standby.dopd_asks() == 0
    assert standby.calls() == ["sleep 1", "sleep 1", "sleep 1", OUTDATE]


def test_success_that_changed_nothing_is_none(standby: Standby) -> None:
    """What `drbdadm outdate` says while DRBD still thinks that it is connected."""
    standby.has_volume("Secondary/Primary", "UpToDate/UpToDate", notices=1000)
    assert standby.dopd_asks() == 1
    assert standby.calls() == ["sleep 1"] * 8 + [OUTDATE]


def test_a_volume_in_use_is_not_outdated(standby: Standby) -> None:
    standby.has_volume("Primary/Unknown", "UpToDate/DUnknown")
    assert standby.dopd_asks() == 17
    assert standby.calls() == []


def test_a_machine_that_comes_back_during_the_head_start_is_left_on(standby: Standby) -> None:
    standby.has_volume("Secondary/Unknown", "Inconsistent/DUnknown")
    standby.says("cl_status", 0, "active")
    assert standby.heartbeat_asks() == 1
    assert standby.calls() == [HEAD_START]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Filesystem", "proc", "/proc", "proc", "status"], "running"),
        (["Filesystem", "/dev/drbd0", "/proc", "ext4", "status"], "stopped"),
        (["IPaddr2", "127.0.0.1/8", "status"], "running"),
        (["IPaddr2", "192.0.2.1/24", "status"], "stopped"),
        (["Filesystem", "/dev/drbd0", "/m", "ext4", "start"], "agent: /dev/drbd0 /m ext4 start"),
        (["IPaddr2", "192.0.2.1/24", "stop"], "agent: 192.0.2.1/24 stop"),
    ],
)
def test_the_kernel_tells_the_status_and_the_agent_does_the_rest(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    for name in ("Filesystem", "IPaddr2"):
        (tmp_path / name).write_text('#!/bin/sh\necho "agent: $*"\n')
        (tmp_path / name).chmod(0o755)
    script = rendered(AGENT, {"ansible_managed": "managed"})
    script = script.replace("/etc/ha.d/resource.d", str(tmp_path))
    done = subprocess.run(
        ["sh", "-c", script, "b2ct-agent", *arguments],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == said, done.stderr
    # What LSB says of a service that does not run.
    assert done.returncode == (3 if said == "stopped" else 0)
