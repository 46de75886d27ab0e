"""Check a :class:`~iso_builder.plan.MediaPlan` before anything is built of it.

Titles, paths and arguments end up in the scripts of three boot loaders; nothing that one
of them would take for syntax gets that far.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from iso_builder.errors import MediaError
from iso_builder.plan import BootEntry, MediaPlan

#: ISO 9660 volume identifiers have 32 characters; these need no escape in any boot loader.
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_IDENT = re.compile(r"[a-z0-9-]+")
_RESERVED_IDENTS = ("local", "title")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.+-]{1,64})+")
#: What stands for itself on a command line of isolinux, grub 2 and grub legacy alike.
_ARGUMENTS = re.compile(r"(?:[A-Za-z0-9 _.,:/=@%+~^!\[\]()-]|\\x[0-9A-Fa-f]{2})*")
_SERIAL = re.compile(r"[A-Za-z0-9]+(?:,[0-9]+[noe]?[5-8]?r?)?")
_LONGEST_TITLE = 120
_LONGEST_TIMEOUT_S = 3600


def _path_problem(path: str) -> str:
    if not _PATH.fullmatch(path):
        return "is not an absolute path of letters, digits and _ . + - on the medium"
    if any(part in (".", "..") for part in path.split("/")):
        return "has a . or .. in it"
    return ""


def _title_problem(title: str) -> str:
    if not title.strip():
        return "is empty"
    if not title.isprintable():
        return "has a control character or a line break in it"
    if len(title) > _LONGEST_TITLE:
        return f"is longer than {_LONGEST_TITLE} characters"
    return ""


def _entry_problems(entry: BootEntry, there: Container[str]) -> Iterator[str]:
    name = f"entry {entry.ident!r}"
    if not _IDENT.fullmatch(entry.ident):
        yield f"{name}: an ident has only a-z, 0-9 and -"
    if entry.ident in _RESERVED_IDENTS:
        yield f"{name}: this ident is kept for the builder's own entry"
    if problem := _title_problem(entry.title):
        yield f"{name}: the title {entry.title!r} {problem}"
    paths = [entry.kickstart] if entry.kickstart else []
    for path in [*paths, *entry.initrds]:
        if problem := _path_problem(path):
            yield f"{name}: {path!r} {problem}"
        elif path not in there:
            yield f"{name}: {path} is not among the files of the medium"
    if not _ARGUMENTS.fullmatch(entry.arguments):
        odd = re.sub(r"\\x[0-9A-Fa-f]{2}", "", entry.arguments)
        wrong = sorted({c for c in odd if not _ARGUMENTS.fullmatch(c)})
        spelt = " ".join(repr(character) for character in wrong)
        yield f"{name}: the boot loaders would not pass these characters of the arguments: {spelt}"


def plan_problems(plan: MediaPlan, existing: Container[str] = ()) -> list[str]:
    """Everything that is wrong with the plan; ``existing`` are the paths the medium has already."""
    problems = []
    if not _LABEL.fullmatch(plan.label):
        problems.append(
            f"the volume label {plan.label!r} must have 1 to 32 letters, digits or _ . - characters"
        )
    if problem := _title_problem(plan.title):
        problems.append(f"the title {plan.title!r} {problem}")
    if not plan.entries:
        problems.append("it has no boot entry")
    if not 0 <= plan.timeout_s <= _LONGEST_TIMEOUT_S:
        problems.append(f"the time-out of {plan.timeout_s} s is not within 0 to 3600 s")
    if plan.serial is not None and not _SERIAL.fullmatch(plan.serial):
        problems.append(f"{plan.serial!r} is not a serial console such as ttyS0,115200n8")
    idents = [entry.ident for entry in plan.entries]
    problems += [
        f"the ident {i!r} is there twice" for i in sorted(set(idents)) if idents.count(i) > 1
    ]
    for path in plan.files:
        folders = [path[:at] for at in range(1, len(path)) if path[at] == "/"]
        problems += [
            f"the file {path} would lie in {folder}, which is a file"
            for folder in folders
            if folder in plan.files
        ]
        if problem := _path_problem(path):
            problems.append(f"the file {path!r} {problem}")
        elif path in existing:
            problems.append(f"the file {path} is on the base medium already")

    class _There:
        def __contains__(self, path: object) -> bool:
            return path in plan.files or path in existing

    for entry in plan.entries:
        problems += _entry_problems(entry, _There())
    return problems


def check_plan(plan: MediaPlan, existing: Container[str] = ()) -> None:
    """Raise a :class:`MediaError` that names every problem of the plan."""
    problems = plan_problems(plan, existing)
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise MediaError(f"the medium cannot be built as planned:{listed}")
