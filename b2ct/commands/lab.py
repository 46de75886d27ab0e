"""`b2ct lab`: a site as virtual machines on this host, to rehearse on."""

from __future__ import annotations

import dataclasses
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import click

from b2ct.commands._options import site_argument
from b2ct.console import ProgressPrinter, human_time

_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Results as JSON; progress as JSON lines on stderr."
)
_NODE = click.argument("node", metavar="NODE")


@click.group()
def command() -> None:
    """Rehearse a site on virtual machines of this host.

    The nodes of a site.yml become virtual machines with its names, addresses, networks and
    accounts; a power switch stands for their IPMI. Roles, deploy and verify reach them over ssh as
    they reach servers. What a site file does not say of virtual machines (memory, shared disks)
    stands in a lab.yml beside it.

    Machines have Debian 12. Where KVM runs no guest they are emulated, some ten times slower.

    \b
    Example:
      b2ct lab up torino
      b2ct lab ssh torino node1
      b2ct deploy "$(b2ct lab inventory torino)"
      b2ct lab power torino node1 off
      b2ct lab down torino
    """


@command.command("up")
@site_argument
@click.option(
    "--resume/--boot",
    default=True,
    help="New machines resume from a saved one of their shape (the default), or boot.",
)
@_json_option
def up_command(site: Path, *, resume: bool, as_json: bool) -> None:
    """Start the lab of a site, or what is off of it.

    The first lab of all makes the machines' image from Debian's packages, which takes some
    minutes and root's rights, and keeps it in $B2CT_LAB_CACHE, else ~/.cache/b2ct/lab.

    \b
    Example:
      b2ct lab up torino
    """
    from b2ct.lab.open import up

    with ProgressPrinter(as_json=as_json, unit="nodes") as progress:
        done = up(site, _say(as_json), progress, resume=resume)
    names = [guest.name for guest in done.lab.running.guests]
    if as_json:
        data = {
            "lab": done.lab.running.name,
            "started": list(done.started),
            "nodes": names,
            "inventory": str(done.inventory),
            "seconds": round(done.seconds, 1),
        }
        click.echo(json.dumps(data, indent=2))
        return
    took = human_time(done.seconds)
    started = f"{', '.join(done.started)} started in {took}" if done.started else "all nodes are on"
    click.echo(f"{done.lab.running.name}: {started}.", err=True)
    click.echo(f"Log in:  b2ct lab ssh {shlex.quote(str(site))} {names[0]}", err=True)
    click.echo(f"Deploy:  b2ct deploy {shlex.quote(str(done.inventory))}", err=True)


def _say(as_json: bool) -> Callable[[str], None]:
    def say(text: str) -> None:
        click.echo(json.dumps({"event": "note", "text": text}) if as_json else text, err=True)

    return say


@command.command("status")
@site_argument
@_json_option
def status_command(site: Path, *, as_json: bool) -> None:
    """Show the machines of a lab: power, ssh port, what they use.

    The exit code is 0 when every node is on, 1 when one is not.

    \b
    Example:
      b2ct lab status torino
    """
    from b2ct.lab.open import find
    from b2ct.lab.status import status

    found = status(find(site))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2, default=str))
    else:
        click.echo(f"{found.lab}: {'running' if found.running else 'not running'}, {found.accel}")
        rows = [("NODE", "POWER", "SSH", "CPU s", "MiB")]
        rows += [
            (
                node.name,
                node.power,
                f"127.0.0.1:{node.ssh_port}",
                f"{node.cpu_s:.0f}",
                str(node.memory_mib),
            )
            for node in found.nodes
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
        click.echo(f"Inventory: {found.inventory}")
    if not found.all_on:
        click.get_current_context().exit(1)


@command.command("inventory")
@site_argument
def inventory_command(site: Path) -> None:
    """Print the folder in which Ansible and b2ct find the lab's machines.

    It holds a copy of the site.yml as it is now, and for each node the way to its virtual machine.

    \b
    Example:
      ansible-playbook -i "$(b2ct lab inventory torino)/site.yml" playbooks/site.yml
    """
    from b2ct.lab.inventory import write_inventory
    from b2ct.lab.open import find

    lab = find(site)
    click.echo(write_inventory(lab.folder, lab.running))


@command.command("ssh", context_settings={"ignore_unknown_options": True})
@site_argument
@_NODE
@click.argument("words", metavar="[COMMAND]…", nargs=-1, type=click.UNPROCESSED)
def ssh_command(site: Path, node: str, words: tuple[str, ...]) -> None:
    """Log in to a node of a lab as the site's first admin, or run a command there.

    The exit code is that of ssh.

    \b
    Example:
      b2ct lab ssh torino node1
      b2ct lab ssh torino node1 sudo dmesg
    """
    from b2ct.lab.open import find

    done = subprocess.run([*find(site).ssh_argv(node), *words], check=False)
    click.get_current_context().exit(done.returncode)


@command.command("power")
@site_argument
@_NODE
@click.argument("action", type=click.Choice(["on", "off", "reboot", "status"]))
def power_command(site: Path, node: str, action: str) -> None:
    """Switch a node of a lab, as its IPMI would: off pulls the plug.

    \b
    Example:
      b2ct lab power torino node1 off
    """
    from b2ct.lab.open import find

    click.echo(f"{node}: {find(site).power(node, action)}")


@command.command("cable")
@site_argument
@_NODE
@click.argument("card", metavar="CARD")
@click.argument("action", type=click.Choice(["pull", "plug"]))
def cable_command(site: Path, node: str, card: str, action: str) -> None:
    """Pull the cable of a node's network card, or plug it in again.

    \b
    Example:
      b2ct lab cable torino node1 eno2 pull
    """
    from b2ct.lab.open import find

    lab = find(site)
    (lab.pull if action == "pull" else lab.plug)(node, card)
    click.echo(f"{node}: {card} {'pulled' if action == 'pull' else 'plugged in'}")


@command.command("disk")
@site_argument
@_NODE
@click.argument("disk", metavar="DISK")
@click.argument("action", type=click.Choice(["break", "mend"]))
def disk_command(site: Path, node: str, disk: str, action: str) -> None:
    """Let each read and write of a node's disk fail, or work again.

    DISK is own (the one below DRBD's volumes), or a path of a shared disk: broken on one path
    only, a cable of the SAN is out.

    \b
    Example:
      b2ct lab disk torino node1 lun0-path1 break
    """
    from b2ct.lab.open import find

    lab = find(site)
    (lab.break_disk if action == "break" else lab.mend_disk)(node, disk)
    click.echo(f"{node}: {disk} {'fails' if action == 'break' else 'works'}")


@command.command("freeze")
@site_argument
@_NODE
@click.option("--thaw", is_flag=True, help="Let it go on.")
def freeze_command(site: Path, node: str, *, thaw: bool) -> None:
    """Stop a node's processors, as a machine that hangs: it is on, and does nothing.

    \b
    Example:
      b2ct lab freeze torino node1
      b2ct lab freeze torino node1 --thaw
    """
    from b2ct.lab.open import find

    lab = find(site)
    (lab.thaw if thaw else lab.freeze)(node)
    click.echo(f"{node}: {'goes on' if thaw else 'frozen'}")


@command.command("down")
@site_argument
def down_command(site: Path) -> None:
    """End a lab: every process of it, its disks, its keys. Images stay for the next one.

    \b
    Example:
      b2ct lab down torino
    """
    from b2ct.lab.open import find

    lab = find(site)
    lab.down()
    click.echo(f"{lab.running.name}: gone", err=True)


@command.command("image")
def image_command() -> None:
    """Make the image of the labs' machines, if it is not there.

    \b
    Example:
      sudo B2CT_LAB_CACHE=/srv/b2ct-lab b2ct lab image
    """
    from b2ct.lab import image

    click.echo(image.ensure(image.cache_folder(), _say(False)).folder)
