"""A site.yml to a checked Site, or all its problems in one run."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from b2ct.check import Report, check
from b2ct.errors import B2ctError, Note, Problem, ProblemsError
from b2ct.load.document import Document, parse
from b2ct.load.explain import explain
from b2ct.load.repair import without_faults
from b2ct.load.text import decode
from b2ct.model import Site
from b2ct.suggest import nearest

SITE_FILE: Final = "site.yml"
MAX_BYTES: Final = 32 << 20


@dataclass(frozen=True)
class LoadedSite:
    """A site without problems, the file it came from, and advice about it."""

    site: Site
    path: Path
    notes: tuple[Note, ...]


def load_site(path: Path) -> Site:
    """Load and check a site.

    :param path: the site's folder or its site.yml.
    :raises ProblemsError: with every problem of the file, each with its line.
    :raises B2ctError: there is no such file, or it cannot be read.
    """
    return read_site(path).site


def read_site(path: Path) -> LoadedSite:
    """Load and check a site, with the advice that :func:`load_site` leaves out."""
    file = site_file(path)
    return judge(parse(decode(read_bytes(file), str(file)), str(file)), file)


def check_text(text: str, file: Path) -> Site:
    """Check the text of a site file that is not written yet."""
    return judge(parse(text, str(file)), file).site


def judge(document: Document, file: Path) -> LoadedSite:
    """Turn a document into a checked site; raise all its problems."""
    problems = list(document.problems)
    if not isinstance(document.data, dict):
        empty = document.data is None
        told = "the file is empty" if empty else "this is no site: sections belong here"
        hint = "write one with: b2ct new SITE" if empty else "begin with 'plugin: b2ct.cloud.site'"
        raise ProblemsError([*problems, Problem(document.file, 0 if empty else 1, told, hint)])
    notes: tuple[Note, ...] = ()
    site: Site | None = None
    try:
        site = Site.model_validate(document.data)
        broken: frozenset[tuple[str | int, ...]] = frozenset()
    except ValidationError as error:
        problems += explain(error.errors(include_url=False), document)
        rest = without_faults(document.data, error)
        if rest is not None:
            site, broken = rest
    if site is not None:
        report = Report(site, document.file, document, broken)
        check(report)
        problems += report.problems
        notes = report.notes
    if problems or site is None:
        raise ProblemsError(problems)
    return LoadedSite(site, file, notes)


def site_file(path: Path) -> Path:
    """Give the site.yml of a folder, or the file itself; refuse what is neither."""
    try:
        if path.is_dir():
            path = path / SITE_FILE
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise B2ctError(f"{path} does not exist", _where_else(path)) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(mode):
        raise B2ctError(f"{path} is no regular file", "name a site's folder or its site.yml")
    return path


def read_bytes(file: Path) -> bytes:
    """Read a YAML file of reasonable size."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(file, error) from None
    if len(raw) > MAX_BYTES:
        raise B2ctError(
            f"{file} is larger than {MAX_BYTES >> 20} MiB", "name a site's folder or its site.yml"
        )
    return raw


def _unreadable(path: Path, error: OSError | ValueError) -> B2ctError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return B2ctError(f"cannot read {path}: {reason}", "name a site's folder or its site.yml")


def _where_else(path: Path) -> str:
    folder = path.parent if path.name == SITE_FILE else path
    try:
        if path.name == SITE_FILE and folder.is_dir():
            return f"the folder holds no {SITE_FILE}; write one with: b2ct new {folder.name}"
        beside = [item.name for item in folder.parent.iterdir() if (item / SITE_FILE).is_file()]
    except OSError:
        beside = []
    near = nearest(folder.name, beside)
    if near is not None:
        return f"did you mean {folder.parent / near}?"
    return f"write a new site with: b2ct new {folder.name}"
