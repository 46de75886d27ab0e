"""What was deployed when: so that an interrupted deployment goes on where it stopped.

It lies with the logs below ``$XDG_STATE_HOME/b2ct`` (``~/.local/state/b2ct``), a folder a
site, readable by its owner only. It holds names, times and hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from b2ct import __version__
from b2ct.errors import B2ctError
from iso_builder.atomic import atomic_output

_FILE: Final = "deploy.json"
_LOGS_KEPT: Final = 30
#: Beside site.yml, what changes the outcome of a deployment.
_BESIDE: Final = ("vault.yml", "group_vars", "host_vars")


@dataclass(frozen=True)
class Done:
    """A stage that went well, on these hosts."""

    at: datetime
    hosts: frozenset[str]


@dataclass
class State:
    """The stages that are done for one state of the site's files."""

    folder: Path
    fingerprint: str
    done: dict[str, Done] = field(default_factory=dict)
    #: Whether something else was deployed from this site before.
    outdated: bool = False

    def finished(self, stage: str, hosts: Iterable[str]) -> Done | None:
        """Give when a stage was done on all of these hosts; None if it was not."""
        found = self.done.get(stage)
        return found if found is not None and found.hosts >= set(hosts) else None

    def begin(self, stage: str, hosts: Iterable[str]) -> None:
        """Note that a stage is no longer known to be done on these hosts, and write it down."""
        found = self.done.pop(stage, None)
        if found is not None and found.hosts - set(hosts):
            self.done[stage] = Done(found.at, found.hosts - set(hosts))
        self._write()

    def finish(self, stage: str, hosts: Iterable[str], at: datetime) -> None:
        """Note that a stage is done, and write it down."""
        before = self.done.get(stage)
        known = before.hosts if before is not None else frozenset()
        self.done[stage] = Done(at, known | set(hosts))
        self._write()

    def _write(self) -> None:
        data = {
            "b2ct": __version__,
            "fingerprint": self.fingerprint,
            "stages": {
                stage: {"at": done.at.isoformat(), "hosts": sorted(done.hosts)}
                for stage, done in self.done.items()
            },
        }
        with atomic_output(self.folder / _FILE, mode=0o600) as part:
            part.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def load(file: Path, site: str) -> State:
    """Read the state of a site; what was deployed from other contents of its files is forgotten.

    :param file: the site's site.yml.
    """
    folder = state_folder(file, site)
    wanted = fingerprint(file)
    state = State(folder, wanted)
    try:
        data = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        if data["fingerprint"] != wanted or data["b2ct"] != __version__:
            state.outdated = bool(data["stages"])
            return state
        state.done = {
            stage: Done(datetime.fromisoformat(done["at"]), frozenset(done["hosts"]))
            for stage, done in data["stages"].items()
        }
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Damaged: as if nothing was done, which costs time and nothing else.
        state.outdated = True
    return state


def state_folder(file: Path, site: str) -> Path:
    """Give the folder of a site's state and logs; make it, for its owner only."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    place = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]
    folder = Path(base) / "b2ct" / f"{site}-{place}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise B2ctError(
            f"cannot write to {folder}: {error.strerror}",
            "set XDG_STATE_HOME to a folder of your own",
        ) from None
    return folder


def open_log(folder: Path, what: str, now: datetime) -> tuple[Path, IO[str]]:
    """Make the log of a run, readable by its owner only; the oldest ones go."""
    for old in sorted(folder.glob(f"{what}-*.log"))[: -_LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    path = folder / f"{what}-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return path, os.fdopen(descriptor, "w", encoding="utf-8")


def fingerprint(file: Path) -> str:
    """Hash all files that a site is made of."""
    digest = hashlib.sha256()
    for name, content in _contents(file):
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _contents(file: Path) -> Iterator[tuple[str, bytes]]:
    yield file.name, file.read_bytes()
    for name in _BESIDE:
        beside = file.parent / name
        found = sorted(beside.rglob("*")) if beside.is_dir() else [beside]
        for path in found:
            if path.is_file():
                yield str(path.relative_to(file.parent)), path.read_bytes()


def shown(done: Mapping[str, Done]) -> str:
    """Name the stages that are done, for people."""
    return ", ".join(f"{stage} ({found.at:%H:%M})" for stage, found in done.items()) or "none"
