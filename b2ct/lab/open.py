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
from b2ct.lab.plan import plan
from b2ct.load import LoadedSite, read_site

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
        written = write_inventory(folder, found.running)
        return Up(found, written, found.begin(progress), time.monotonic() - begun)
    if found is not None:
        say("removing what is left of a lab that ended without b2ct lab down")
        found.down()
    shutil.rmtree(folder, ignore_errors=True)
    lab = create(loaded, folder, say, resume=resume)
    try:
        lab.start_keeper()
        started = lab.begin(progress)
    except B2ctError:
        say(f"what the machines said: {folder}/NODE/console.log; remove the lab: b2ct lab down")
        raise
    return Up(lab, folder / INVENTORY, started, time.monotonic() - begun)


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
    return Lab(
        folder,
        make.make(
            loaded.site, loaded.path, planned, image=made, folder=folder, accel=accel, saved=saved
        ),
    )
