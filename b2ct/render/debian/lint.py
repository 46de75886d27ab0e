"""What a preseed means: the linter above debconf's own check.

A text may be perfectly valid and still wipe the wrong disk, show a password or take unsigned
packages. The rules work on any preseed, not on ours alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from b2ct.errors import Problem
from b2ct.render.debian.parse import Answer, Parsed, parse
from b2ct.render.debian.view import ANSWERS
from b2ct.render.fragments import gaps
from b2ct.render.quoting import shell_unquote

#: Questions whose answers let partman write to a disk, or GRUB to its first sectors.
_ERASING = re.compile(r"partman(?:-[a-z]+)*/(?!early_command$)\S+|grub-installer/bootdev")
_KERNEL_NAME = re.compile(r"/dev/(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)\b")
_USB = re.compile(r"by-id/usb-|by-path/\S*usb", re.IGNORECASE)
_DISK_GAP = "/dev/sda"  #: what the gap @{disk} is filled with for judgement
_STOPS = re.compile(r"\|\|\s*(?:\{\s*)?(?:reboot|poweroff|exit)\b")
_PLAIN = re.compile(r"passwd/(?:root|user)-password(?:-again)?|network-console/password(?:-again)?")
_STRONG = re.compile(r"\$(?:5|6|y)\$\S+")
_SCRIPT_SECRET = re.compile(
    r"\|\s*(?:chpasswd|passwd\b.*--stdin)(?!.*--encrypted)|\bchpasswd\b(?!.*(?:--encrypted|-e\b))"
    r"|useradd\b.*\s(?:-p|--password)[\s=]+[^$\s'\"]|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_UNSAFE = re.compile(
    r"(?P<trust>\[trusted=yes\]|^\s*'?Trusted:\s*yes|--allow-unauthenticated"
    r"|--no-check-gpg\b|AllowInsecureRepositories)"
    r"|(?P<tls>\bcurl\b[^|;]*\s(?:-k|--insecure)\b|\bwget\b[^|;]*--no-check-certificate"
    r"|Verify-Peer\s+\"?false)",
    re.IGNORECASE,
)
_URIS = re.compile(r"^\s*'?URIs:\s*(\S+?)'?\s*\\?$")
_UNAUTHENTICATED = (
    "debian-installer/allow_unauthenticated",
    "debian-installer/allow_unauthenticated_ssl",
)
_NODE_CARDS = re.compile(r"^ +NODE_CARDS=(.*)$")
_MARKER = re.compile(r"\{\{|\{%[-+ ]|[-+ ]%\}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9]+)?")
#: tasksel's tasks that a server could sensibly name (tasksel 3.7x of both releases).
_TASKS = frozenset({"standard", "ssh-server", "web-server", "laptop", "desktop"})


def problems(path: str, text: str) -> tuple[Problem, ...]:
    """Give every problem of a preseed: of its form, then of its meaning."""
    parsed = parse(path, text, ANSWERS)
    found = list(parsed.problems)
    for rule in (_disks, _commands, _secrets, _sources, _cards, _packages, _system):
        found += [Problem(path, *rest) for rest in rule(parsed)]
    found += [
        Problem(path, number, "a mark of the template is left", "report it: b2ct wrote this")
        for number, line in enumerate(text.split("\n"), 1)
        if _MARKER.search(line)
    ]
    return tuple(dict.fromkeys(found))


_Found = Iterator[tuple[int, str, str]]


def _disks(parsed: Parsed) -> _Found:
    for answer in parsed.answers:
        if not _ERASING.fullmatch(answer.question):
            continue
        if not answer.guarded:
            yield (
                answer.number,
                f"{answer.question} lets the installer write to a disk that no script looked at",
                f"let the script give it ({ANSWERS}), after disk and content were checked",
            )
        for device in _KERNEL_NAME.findall(answer.value):
            if not (answer.guarded and device == _DISK_GAP and _is_gap(parsed, answer)):
                yield (
                    answer.number,
                    f"{answer.question} names {device}, which may be another disk next time",
                    "let the script choose the disk by its serial number, by-id or by-path",
                )
        if _USB.search(answer.value):
            yield (
                answer.number,
                f"{answer.question} can match the install key itself",
                "name a disk that is not on USB",
            )
    if any(answer.question == "partman/confirm" for answer in parsed.answers):
        said = [line.text.strip() for line in parsed.script]
        for guard in ("guard_disk", "last_screen"):
            if not any(line == guard or line.startswith(f"{guard} ") for line in said):
                yield (
                    0,
                    f"partitioning is confirmed, but nothing calls {guard}",
                    "look at the disk and ask for consent before anything is erased",
                )


def _is_gap(parsed: Parsed, answer: Answer) -> bool:
    line = next(line for line in parsed.script if line.number == answer.number)
    return "@{disk}" in line.text and not _KERNEL_NAME.search(line.text)


def _commands(parsed: Parsed) -> _Found:
    for question in ("preseed/early_command", "partman/early_command"):
        answer = parsed.given(question)
        if answer is not None and not _STOPS.search(answer.value):
            yield (
                answer.number,
                f"{question} goes on when it fails",
                "end it with: || { reboot; sleep 600; }",
            )
    erases = any(answer.question == "partman/confirm" for answer in parsed.answers)
    if erases and parsed.given("partman/early_command") is None:
        yield 0, "nothing chooses the disk", "set partman/early_command"
    if parsed.script and not any("check-scrub" in line.text for line in parsed.script):
        yield (
            0,
            "nothing checks that no copy of the preseed is left on the disk",
            "remove the installer's copies at the end, and check it",
        )


def _secrets(parsed: Parsed) -> _Found:
    hint = "store a sha512-crypt hash ($6$…), or lock the account with *"
    for answer in parsed.answers:
        if _PLAIN.fullmatch(answer.question) and answer.value:
            yield answer.number, f"{answer.question}: a password stands here in plaintext", hint
        elif answer.question.endswith("-password-crypted") and answer.value not in {"*", "!"}:
            kind = "hash" if answer.value.startswith("$") else "text"
            if not _STRONG.fullmatch(answer.value):
                message = f"{answer.question} is no strong hash: a weak {kind}"
                yield answer.number, message, hint
            else:
                yield (
                    answer.number,
                    f"{answer.question}: the installer keeps its answers, this hash too",
                    "lock the account here, and let the script set the hash (chpasswd --encrypted)",
                )
    for line in parsed.script:
        if _SCRIPT_SECRET.search(line.text):
            yield (
                line.number,
                "a script holds a password or a private key in plaintext",
                "use hashes, and give keys out after the installation",
            )


def _sources(parsed: Parsed) -> _Found:
    for question in _UNAUTHENTICATED:
        answer = parsed.given(question)
        if answer is not None and answer.value == "true":
            yield answer.number, f"{question} switches checks off", "leave it out"
    mirror = parsed.given("mirror/http/hostname")
    own = f"http://{mirror.value}/" if mirror else None
    for answer in parsed.answers:
        if re.fullmatch(r"apt-setup/local\d+/repository", answer.question):
            yield from _address(answer.number, answer.value.removeprefix("deb "), own)
            if "trusted=yes" in answer.value:
                yield answer.number, "packages of this repository are not verified", "give its key"
        if answer.question == "apt-setup/services-select" and answer.value:
            yield (
                answer.number,
                "the installer's own services are added without encryption",
                "leave it empty; name them in apt-setup/local0/repository with https://",
            )
    signed = True
    start = 0
    for line in parsed.script:
        if match := _UNSAFE.search(line.text):
            what = "signatures" if match["trust"] else "certificates"
            yield line.number, f"a script switches the check of {what} off", "leave it on"
        if match := _URIS.match(line.text):
            if not signed:
                yield start, "a package source names no key", "add Signed-By:"
            signed, start = False, line.number
            yield from _address(line.number, match[1], own)
        signed = signed or "Signed-By:" in line.text
    if not signed:
        yield start, "a package source names no key", "add Signed-By:"


def _address(number: int, text: str, own: str | None) -> _Found:
    # The mirror of the site may be without encryption: its signatures are checked.
    if text.startswith("http://") and not (own and f"{text}/".startswith(own)):
        yield number, "a repository is reached without encryption", "use https://"


def _cards(parsed: Parsed) -> _Found:
    known = {
        card.partition("=")[0]
        for line in parsed.script
        if (match := _NODE_CARDS.match(line.text))
        for card in shell_unquote(match[1]).split()
    }
    for line in parsed.script:
        if "@{" not in line.text or line.text.lstrip().startswith("#"):
            continue
        for kind, name in gaps(line.text):
            if kind in {"nic", "mac"} and name and name not in known:
                yield (
                    line.number,
                    f"network card {name} is not among those of the node",
                    "name it in nics: or macs: of the node",
                )


def _packages(parsed: Parsed) -> _Found:
    for answer in parsed.answers:
        if answer.question == "pkgsel/include":
            for name in re.split(r"[\s,]+", answer.value):
                if name and not _PACKAGE.fullmatch(name):
                    yield answer.number, f"{name!r} is no name of a Debian package", "correct it"
        if answer.question == "tasksel/first":
            for name in (part.strip() for part in answer.value.split(",")):
                if name and name not in _TASKS:
                    known = ", ".join(sorted(_TASKS))
                    yield answer.number, f"task {name!r} is unknown", f"there are: {known}"


def _system(parsed: Parsed) -> _Found:
    installs = any(
        "openssh-server" in answer.value.split()
        for answer in parsed.answers
        if answer.question == "pkgsel/include"
    )
    if installs and not any("PasswordAuthentication no" in line.text for line in parsed.script):
        yield 0, "ssh would take passwords", "write PasswordAuthentication no for sshd"
