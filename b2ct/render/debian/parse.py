"""A preseed taken apart: its own answers, the script it carries, and what that writes."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from b2ct.errors import Problem
from b2ct.render.environment import SCRIPT_MARK
from b2ct.render.fragments import FragmentSet, NumberedLine, fragment_sets, kept

#: debconf-devel(7), "type"; and ``seen``, which d-i's debconf-set-selections knows besides.
TYPES = frozenset(
    {"boolean", "error", "multiselect", "note", "password", "seen", "select", "string", "text"}
)
#: debconf.conf(5)
_DATABASES = """\
Config: configdb
Templates: templatedb

Name: configdb
Driver: File
Filename: {folder}/config.dat

Name: templatedb
Driver: File
Filename: {folder}/templates.dat
"""
_ANSWER = re.compile(r"(\S+)\s+(\S+)\s+(\S+)(?:\s(.*))?")
_QUESTION = re.compile(r"[A-Za-z0-9_.+-]+(?:/[A-Za-z0-9_.+-]+)+")


@dataclass(frozen=True)
class Answer:
    """One line for debconf. ``guarded``: the script gives it after it has judged the disk."""

    number: int
    owner: str
    question: str
    kind: str
    value: str
    guarded: bool = False


@dataclass(frozen=True)
class Parsed:
    """A preseed. ``script`` has the numbers of the preseed's lines."""

    path: str
    answers: tuple[Answer, ...]
    script: tuple[NumberedLine, ...]
    sets: tuple[FragmentSet, ...]
    problems: tuple[Problem, ...]

    def given(self, question: str) -> Answer | None:
        """Give the preseed's own answer to a question; the last one counts."""
        found = [a for a in self.answers if a.question == question and not a.guarded]
        return found[-1] if found else None


def parse(path: str, text: str, fragment: str) -> Parsed:
    """Take a preseed apart; ``fragment`` names the one that holds guarded answers."""
    lines = text.split("\n")
    script = tuple(
        NumberedLine(number, line.removeprefix(SCRIPT_MARK))
        for number, line in enumerate(lines, 1)
        if line.startswith(SCRIPT_MARK)
    )
    offset = script[0].number - 1 if script else 0
    sets = fragment_sets([line.text for line in script])
    problems: list[Problem] = []
    answers: list[Answer] = []
    for number, line in _joined(lines):
        _read(path, number, line, answers, problems, guarded=False)
    for found in sets:
        for numbered in found.fragments.get(fragment, ()):
            # Lines for one firmware only are answers all the same.
            for variant in (frozenset({"efi"}), frozenset({"bios"})):
                for one in kept([numbered], variant):
                    _read(path, one.number + offset, one.text, answers, problems, guarded=True)
    problems += _debconf(path, lines)
    unique = dict.fromkeys(answers)
    return Parsed(path, tuple(unique), script, sets, tuple(dict.fromkeys(problems)))


def _joined(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Give the lines that are no comments, continued ones joined, with their numbers."""
    start, collected = 0, ""
    for number, line in enumerate(lines, 1):
        if not collected and (not line.strip() or line.startswith("#")):
            continue
        start = start or number
        if line.endswith("\\"):
            collected += line[:-1]
            continue
        yield start, collected + line
        start, collected = 0, ""


def _read(
    path: str,
    number: int,
    line: str,
    answers: list[Answer],
    problems: list[Problem],
    *,
    guarded: bool,
) -> None:
    match = _ANSWER.fullmatch(line.strip())
    if match is None:
        hint = "write: owner question type answer"
        problems.append(Problem(path, number, f"{line.strip()!r} is no answer for debconf", hint))
        return
    owner, question, kind, value = match[1], match[2], match[3], (match[4] or "").strip()
    message = None
    if not _QUESTION.fullmatch(question):
        message = f"{question!r} is no name of a question"
    elif kind not in TYPES:
        message = f"{kind!r} is no type of debconf's"
    elif kind == "boolean" and value not in {"true", "false"}:
        message = f"{question} is answered by true or false, not by {value!r}"
    if message:
        hint = "write: owner question type answer"
        problems.append(Problem(path, number, message, hint))
        return
    answers.append(Answer(number, owner, question, kind, value, guarded))


def _debconf(path: str, lines: list[str]) -> list[Problem]:
    """Ask debconf's own reader, where there is one; whatever it says is a problem."""
    own = "\n".join(line for line in lines if not line.startswith("#"))
    told = _checked(own + "\n")
    hint = "debconf-set-selections --checkonly says so"
    return [Problem(path, 0, line, hint) for line in told]


@lru_cache(maxsize=64)
def _checked(text: str) -> tuple[str, ...]:
    # The machine's own database would be locked, and is not for everybody to read.
    with tempfile.TemporaryDirectory(prefix="b2ct-debconf-") as folder:
        system = Path(folder, "debconf.conf")
        system.write_text(_DATABASES.format(folder=folder))
        try:
            done = subprocess.run(
                ["debconf-set-selections", "--checkonly"],
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                env={**os.environ, "DEBCONF_SYSTEMRC": str(system), "LC_ALL": "C.UTF-8"},
            )
        except FileNotFoundError:
            return ()  # not a Debian machine: our own reading above must do
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode != 0 and not said:
        said = [f"debconf-set-selections ended with status {done.returncode}"]
    return tuple(said)
