"""Where a site's lab is, and the way from a site.yml to a lab that runs."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2ct.deploy.state import state_folder
from b2ct.errors import B2ctError
from b2ct.lab import golden, image, make, settings
from b2ct.lab.accel import accelerator
from b2ct.lab.inventory import FOLDER as INVENTORY
from b2ct.lab.inventory import write_inventory
from b2ct.lab.lab import Lab, Progress
from b2ct.lab.plan import Plan, plan
from b2ct.load import LoadedSite, read_site, site_file

_FOLDER: Final = "lab"


@dataclass(frozen=True)
class Up:
    """What came of bringing a lab up."""

    lab: Lab
    inventory: Path
    #: Nodes that were started.
    started: tuple[str, ...]
    seconds: float


def lab_folder(site: Path, name: str) -> Path:
    """Give the folder of a site's lab: one lab for each site.yml and user."""
    return state_folder(site, name) / _FOLDER


def find(path: Path) -> Lab:
    """Give the lab of a site.

    :raises B2ctError: it has none.
    """
    loaded = read_site(path)
    found = Lab.at(lab_folder(loaded.path, loaded.site.site.name))
    if found is None:
        raise B2ctError(
            f"{loaded.site.site.name} has no lab", f"start one with: b2ct lab up {path}"
        )
    return found


def up(path: Path, say: image.Say, progress: Progress, *, resume: bool = True) -> Up:
    """Bring up the lab of a site: make it, or start what is off of it.

    What a lab left that died with its host is removed first.

    :param resume: let new guests resume from a saved machine; else they boot.
    """
    begun = time.monotonic()
    loaded = read_site(path)
    folder = lab_folder(loaded.path, loaded.site.site.name)
    found = Lab.at(folder)
    if found is not None and found.keeper is not None:
        started = _start_again(found, progress)
        return Up(found, write_inventory(folder, found.running), started, _since(begun))
    if found is not None:
        say("removing what is left of a lab that ended without b2ct lab down")
        found.down()
    shutil.rmtree(folder, ignore_errors=True)
    lab = create(loaded, folder, say, resume=resume)
    try:
        lab.start_keeper()
        lab.begin(progress)
    except BaseException:
        if lab.keeper is None:
            lab.down()
        raise
    names = tuple(guest.name for guest in lab.running.guests)
    return Up(lab, folder / INVENTORY, names, _since(begun))


def create(
    loaded: LoadedSite,
    folder: Path,
    say: image.Say,
    *,
    wanted: settings.Settings | None = None,
    resume: bool = True,
) -> Lab:
    """Lay out the lab of a site in a new folder; nothing runs yet.

    :param resume: let guests resume from a saved machine, which is made if need be.
    """
    found = wanted or settings.read_settings(loaded.path)
    planned = plan(loaded.site, found)
    make.demand_programs()
    make.demand_memory(planned)
    cache = image.cache_folder()
    made = image.ensure(cache, say)
    accel = accelerator(made, say)
    saved = {}
    if resume:
        for guest in planned.guests:
            saved[guest.name] = golden.ensure(cache, made, guest, accel, say)
    running = make.make(
        loaded.site, loaded.path, planned, image=made, folder=folder, accel=accel, saved=saved
    )
    return Lab(folder, running)


def planned(path: Path) -> Plan:
    """Give what a lab of a site would be; refuse what it could not be."""
    loaded = read_site(path)
    return plan(loaded.site, settings.read_settings(site_file(path)))


def _start_again(lab: Lab, progress: Progress) -> tuple[str, ...]:
    off = [guest for guest in lab.running.guests if lab.power(guest.name, "status") == "off"]
    for guest in off:
        lab.power(guest.name, "on")
    for done, guest in enumerate(off):
        progress("booting", done, len(off))
        lab.greet(guest)
        lab.await_ssh(guest)
    if off:
        progress("booting", len(off), len(off))
    return tuple(guest.name for guest in off)


def _since(begun: float) -> float:
    return time.monotonic() - begun
