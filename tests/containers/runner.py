"""Runs the molecule scenarios, each in a session of its own, and says how they went."""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.containers import el, images
from tests.containers.places import CACHE, ROOT, SCENARIOS
from tests.containers.session import Session, SessionError, admin_public_key, remove_dead
from tests.containers.verify import roles

_EL = re.compile(r"^(?:almalinux|rocky|rhel|centos-stream)-(\d+)")
_LOGS = ROOT / "build" / "molecule"


@dataclass
class Outcome:
    """How a scenario went."""

    name: str
    reason: str = ""
    tests: int = 0
    wall_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether everything held, and there was something to hold."""
        return not self.reason


def scenarios() -> list[str]:
    """Give the names of all scenarios."""
    return sorted(file.parent.name for file in SCENARIOS.glob("*/molecule.yml"))


def images_of(scenario: str) -> list[str]:
    """Give the images that a scenario's hosts need."""
    inventory = SCENARIOS / scenario / "inventory"
    site = yaml.safe_load((inventory / "site.yml").read_text())
    default = site["install"]["release"]
    names = {
        _image(node.get("release", default)) for node in site["nodes"].values()
    }  # fmt: skip
    # Hosts besides the site's nodes, and host_vars, name theirs.
    for file in (*inventory.glob("*.yml"), *inventory.glob("*_vars/**/*.yml")):
        names.update(re.findall(r"^\s*test_image:\s*(\w+)", file.read_text(), re.M))
    if unknown := names - set(images.ALL):
        raise SystemExit(
            f"scenario {scenario} wants images that do not exist: {', '.join(sorted(unknown))};"
            f" there are {', '.join(images.ALL)}"
        )
    return sorted(names)


def _image(release: str) -> str:
    found = _EL.match(release)
    return f"el{found[1]}" if found else release.replace("-", "")


def environment_of(names: Sequence[str], session: Session) -> dict[str, str]:
    """Give what create.yml wants to know of the images, and put the EL packages where it looks."""
    repository = session.folder / "el-repository"
    repository.mkdir(exist_ok=True)
    if any(images.ALL[name].is_el for name in names):
        el.hand_over(images.el_repository(), repository)
    known = {f"B2CT_IMAGE_{name}": images.reference(images.ALL[name]) for name in names}
    return known | {"B2CT_EL_REPOSITORY": str(repository)}


def molecule(*arguments: str) -> list[str]:
    """Give a molecule command with the shared configuration."""
    return ["molecule", "--base-config", str(SCENARIOS / "config.yml"), *arguments]


def test(name: str, *, quiet: bool) -> Outcome:
    """Run one scenario from nothing to nothing."""
    outcome = Outcome(name)
    begin = time.monotonic()
    session = Session(f"{name}-{os.getpid()}")
    log = _LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        wanted = images_of(name)
        images.ensure(wanted)
        session.start()
        with log.open("w") as file:
            done = session.run(
                ["bash", "-c", '"$@"; code=$?; times; exit $code', "bash",
                 *molecule("test", "--scenario-name", name)],
                extra=environment_of(wanted, session), stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT, stdout=file if quiet else None,
            )  # fmt: skip
        if done.returncode:
            outcome.reason = _reason(log) if quiet else f"exit code {done.returncode}"
        outcome.tests = sum(map(_tests, session.folder.glob("verify-*.xml")))
        if not outcome.reason and not outcome.tests:
            outcome.reason = "no test ran in verify"
    except (SessionError, SystemExit, OSError) as error:
        outcome.reason = str(error)
    finally:
        session.stop()
    outcome.wall_s = time.monotonic() - begin
    return outcome


def _tests(report: Path) -> int:
    """Count the tests of a JUnit report that ran and were not skipped."""
    cases = ET.parse(report).getroot().iter("testcase")
    return sum(1 for case in cases if case.find("skipped") is None)


def _reason(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    for line in plain:
        if re.match(r"\s*(fatal:|\[ERROR\]|ERROR|FAILED )", line):
            return f"{line.strip()[:140]} (see {log.relative_to(ROOT)})"
    return f"see {log.relative_to(ROOT)}"


def run(names: Sequence[str], workers: int, *, whole: bool) -> int:
    """Run scenarios side by side; print a table; say 1 when one of them failed."""
    if not names:
        print("there is no scenario in extensions/molecule")
        return 1
    images.ensure(sorted({image for name in names for image in images_of(name)}))
    quiet = len(names) > 1
    outcomes = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for outcome in pool.map(lambda name: test(name, quiet=quiet), names):
            outcomes.append(outcome)
            print(_row(outcome), flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    failed = [outcome.name for outcome in outcomes if not outcome.passed]
    print(
        f"{len(outcomes)} scenarios, {len(failed)} failed, "
        f"{sum(outcome.tests for outcome in outcomes)} tests, "
        f"{used.ru_utime + used.ru_stime:.0f} CPU s on the controller"
    )
    for name in failed:
        print(f"  again, step by step: tools/molecule up {name}")
    if whole and (bare := roles_without_scenario()):
        print(f"no scenario runs these roles: {', '.join(bare)}")
        return 1
    return 1 if failed else 0


def roles_without_scenario() -> list[str]:
    """Give the roles that no scenario's converge.yml uses, itself or through playbooks/."""
    used = {role for name in scenarios() for role in roles(SCENARIOS / name)}
    # Roles that other roles include are run with these.
    for file in (ROOT / "roles").rglob("*.yml"):
        used.update(re.findall(r"\bname: b2ct\.cloud\.(\w+)$", file.read_text(), re.M))
    return sorted({path.name for path in (ROOT / "roles").iterdir() if path.is_dir()} - used)


def _row(outcome: Outcome) -> str:
    verdict = "passed" if outcome.passed else "FAILED"
    text = f"{outcome.name:24} {verdict}  {outcome.tests:4} tests  {outcome.wall_s:5.0f} s"
    return f"{text}  {outcome.reason}" if outcome.reason else text


# --- the command line -------------------------------------------------------------------------

_USAGE = """\
tools/molecule test [SCENARIO …]        run scenarios from nothing to nothing (all of them)
tools/molecule up SCENARIO              make a session that stays, with the scenario's containers
tools/molecule converge SCENARIO [ARG…] run any molecule command in it: converge, idempotence,
                                        side-effect (the check mode run), verify, …
tools/molecule in SCENARIO COMMAND …    run a command in it, such as: podman exec -it node1 bash
tools/molecule down SCENARIO            end it
tools/molecule images                   make the images and the EL packages now
tools/molecule key                      print the public key of the scenarios' admin
tools/molecule list                     list scenarios and sessions
"""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="tools/molecule", usage=_USAGE, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command")
    parser.add_argument("scenario", nargs="?")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    # A killed run must not leave containers: end as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.command == "key":
        print(admin_public_key())
        return 0
    _check_machine()
    remove_dead()
    if options.command == "test":
        names = [options.scenario, *options.rest] if options.scenario else scenarios()
        workers = int(os.environ.get("WORKERS") or os.cpu_count() or 1)
        return run(_known(names), workers, whole=not options.scenario)
    if options.command == "images":
        images.ensure(list(images.ALL))
        return 0
    if options.command == "list":
        print("scenarios:", *scenarios())
        folder = CACHE / "sessions"
        print("sessions:", *sorted(path.name for path in folder.glob("*")))
        return 0
    if not options.scenario:
        parser.error(f"{options.command} needs a scenario")
    (name,) = _known([options.scenario])
    return _by_hand(options.command, name, options.rest)


def _by_hand(command: str, name: str, rest: list[str]) -> int:
    # Sessions of several checkouts stand in one cache.
    session = Session(f"{name}-{ROOT.name}")
    wanted = images_of(name)
    if command == "up":
        images.ensure(wanted)
        session.start(keep=True)
        return session.run(
            molecule("create", "--scenario-name", name), extra=environment_of(wanted, session)
        ).returncode
    if command == "down":
        session.stop()
        return 0
    if command == "in":
        return session.run(rest or ["bash"], extra=environment_of(wanted, session)).returncode
    command = {"check-mode": "side-effect"}.get(command, command)
    return session.run(
        molecule(command, "--scenario-name", name, *rest), extra=environment_of(wanted, session)
    ).returncode


def _known(names: Sequence[str]) -> list[str]:
    if unknown := [name for name in names if name not in scenarios()]:
        raise SystemExit(f"no scenario {', '.join(unknown)}; there are {', '.join(scenarios())}")
    return list(names)


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise SystemExit(
            "containers with systemd need root; run: sudo "
            + shlex.join(["env", f"PATH={os.environ.get('PATH', '')}", *sys.orig_argv])
        )
    programs = ("podman", "crun", "mmdebstrap", "slirp4netns", "nsenter", "rpmbuild", "rpmsign",
                "createrepo_c", "gpg", "ssh")  # fmt: skip
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise SystemExit(f"these programs are missing: {', '.join(missing)}; run: make setup-test")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SessionError as problem:
        sys.exit(str(problem))
