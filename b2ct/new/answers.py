"""What a new site file needs to know, each answer judged by the model's own types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from b2ct.check.places import keyboards, locales
from b2ct.errors import Problem, ProblemsError
from b2ct.model import RELEASES, ReleaseId
from b2ct.model.addresses import Address4, AnyAddress, Subnet4
from b2ct.model.types import PATTERNS, DomainName, HostName, HostOrAddress, SshKey, UserName
from b2ct.new.surroundings import Surroundings
from b2ct.suggest import did_you_mean

Judge = Callable[[str], str]

_LEAST_HOSTS: Final = 16


@dataclass(frozen=True)
class Answers:
    """Everything that the new file says, judged."""

    name: str
    domain: str
    admin: str
    ssh_key: str
    release: str
    subnet: IPv4Network
    gateway: IPv4Address
    dns: str
    ntp: str
    timezone: str
    keyboard: str
    language: str
    controls: int
    hypervisors: int


def _by(kind: Any) -> Judge:  # noqa: ANN401 - a type
    adapter = TypeAdapter(kind)

    def judge(text: str) -> str:
        try:
            return str(adapter.validate_python(text))
        except ValidationError as error:
            first = error.errors()[0]
            context = first.get("ctx", {})
            if "error" in context:
                raise ValueError(str(context["error"])) from None
            fitting = PATTERNS.get(context.get("pattern", ""), "something else")
            raise ValueError(f"{text!r} does not fit; write {fitting}") from None

    return judge


def _ssh_key(text: str) -> str:
    """Take a key, or the file that holds one."""
    path = Path(text).expanduser()
    if " " not in text.strip() and path.is_file():
        text = path.read_text("utf-8", "replace").strip()
    return _by(SshKey)(text)


def _release(text: str) -> str:
    known = [ident.value for ident in ReleaseId]
    if text not in known:
        raise ValueError(f"{text!r} is no release; {did_you_mean(text, known, at_most=14)}")
    if RELEASES[ReleaseId(text)].legacy:
        raise ValueError(
            f"{text} gets no security updates; start with a current release,"
            " a legacy one needs your consent in the file"
        )
    return text


def _subnet(text: str) -> str:
    subnet = IPv4Network(_by(Subnet4)(text))
    if subnet.num_addresses < _LEAST_HOSTS:
        raise ValueError(f"{subnet} is too small; give {_LEAST_HOSTS} addresses or more")
    return str(subnet)


def _timezone(text: str) -> str:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone; write one like Europe/Rome") from None
    return text


def _among(what: str, known: Callable[[], frozenset[str]], suffix: str = "") -> Judge:
    def judge(text: str) -> str:
        if text.removesuffix(suffix) not in known():
            raise ValueError(f"{text!r} is no {what}; {did_you_mean(text, known())}".rstrip("; "))
        return text

    return judge


def _number(least: int) -> Judge:
    def judge(text: str) -> str:
        if not text.isdigit() or not least <= int(text) <= 200:
            raise ValueError(f"{text!r} does not fit; write a number from {least} to 200")
        return str(int(text))

    return judge


@dataclass(frozen=True)
class Field:
    """One thing to know. ``default`` gives a guess, empty if there is none."""

    key: str
    question: str
    help: str
    judge: Judge
    default: Callable[[Surroundings, Mapping[str, str]], str]

    @property
    def option(self) -> str:
        """The command line option."""
        return f"--{self.key.replace('_', '-')}"


def _first_host(around: Surroundings, said: Mapping[str, str]) -> str:
    subnet = IPv4Network(said["subnet"])
    return str(subnet.network_address + 1)


FIELDS: Final[tuple[Field, ...]] = (
    Field(
        "domain",
        "DNS domain of the nodes",
        "DNS domain of the nodes, such as cloud.example.org.",
        _by(DomainName),
        lambda around, said: around.domain,
    ),
    Field(
        "admin",
        "Login name of the first admin",
        "Login name of the first admin.",
        _by(UserName),
        lambda around, said: around.login or "admin",
    ),
    Field(
        "ssh_key",
        "The admin's ssh public key, or its file",
        "The admin's ssh public key, or the file that holds it.",
        _ssh_key,
        lambda around, said: around.ssh_key,
    ),
    Field(
        "release",
        "Release to install",
        "Release to install, such as almalinux-9 or debian-13.",
        _release,
        lambda around, said: ReleaseId.ALMALINUX_9.value,
    ),
    Field(
        "subnet",
        "Subnet of the service network",
        "IPv4 subnet of the service network: installation, ssh and storage run there.",
        _subnet,
        lambda around, said: "10.20.0.0/24",
    ),
    Field(
        "gateway",
        "Gateway of the service network",
        "Gateway of the service network; its first address if not given.",
        _by(Address4),
        _first_host,
    ),
    Field(
        "dns",
        "Name server",
        "Address of a name server.",
        _by(AnyAddress),
        lambda around, said: around.dns or said["gateway"],
    ),
    Field(
        "ntp",
        "Time server",
        "Time server, name or address.",
        _by(HostOrAddress),
        lambda around, said: "pool.ntp.org",
    ),
    Field(
        "timezone",
        "Time zone",
        "Time zone, such as Europe/Rome; this machine's if not given.",
        _timezone,
        lambda around, said: around.timezone,
    ),
    Field(
        "keyboard",
        "Console keyboard",
        "Console keyboard, such as us or it; this machine's if not given.",
        _among("keyboard", keyboards),
        lambda around, said: around.keyboard,
    ),
    Field(
        "language",
        "Language",
        "System locale, such as en_US.UTF-8; this machine's if not given.",
        _among("locale", locales, ".UTF-8"),
        lambda around, said: around.language,
    ),
    Field(
        "controls",
        "Number of control nodes (1, or 2 for a pair)",
        "Number of control nodes.",
        _number(1),
        lambda around, said: "1",
    ),
    Field(
        "hypervisors",
        "Number of hypervisors",
        "Number of hypervisors.",
        _number(0),
        lambda around, said: "2",
    ),
)


def judge(name: str, given: Mapping[str, str | None], around: Surroundings) -> Answers:
    """Judge all answers at once; what is not given is guessed.

    :raises ProblemsError: with every answer that does not fit or is lacking.
    """
    problems: list[Problem] = []
    said: dict[str, str] = {"subnet": "10.20.0.0/24", "gateway": "10.20.0.1"}

    def take(where: str, judged: Judge, text: str) -> str:
        try:
            return judged(text)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            problems.append(Problem(where, 0, message, hint))
            return ""

    site = take("the site's name", _by(HostName), name)
    for field in FIELDS:
        text = given.get(field.key)
        if text is None:
            text = field.default(around, said)
            if not text:
                problems.append(
                    Problem(field.option, 0, "is needed and not known here", "give it this option")
                )
                continue
        judged = take(field.option, field.judge, text)
        said[field.key] = judged or said.get(field.key, "")
    if not problems:
        problems += _together(said)
    if problems:
        raise ProblemsError(problems)
    return Answers(
        name=site,
        domain=said["domain"],
        admin=said["admin"],
        ssh_key=said["ssh_key"],
        release=said["release"],
        subnet=IPv4Network(said["subnet"]),
        gateway=IPv4Address(said["gateway"]),
        dns=said["dns"],
        ntp=said["ntp"],
        timezone=said["timezone"],
        keyboard=said["keyboard"],
        language=said["language"],
        controls=int(said["controls"]),
        hypervisors=int(said["hypervisors"]),
    )


def _together(said: Mapping[str, str]) -> list[Problem]:
    subnet = IPv4Network(said["subnet"])
    gateway = IPv4Address(said["gateway"])
    problems = []
    if gateway not in subnet or gateway in (subnet.network_address, subnet.broadcast_address):
        problems.append(
            Problem("--gateway", 0, f"{gateway} is no host of {subnet}", "give the router's own")
        )
    # Network, broadcast, gateway and the control service's own address are taken.
    room = subnet.num_addresses - 4
    wanted = int(said["controls"]) + int(said["hypervisors"])
    if wanted > room:
        problems.append(
            Problem("--subnet", 0, f"{subnet} has no room for {wanted} nodes", "give a larger one")
        )
    return problems
