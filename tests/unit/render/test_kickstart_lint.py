"""Bad kickstarts, and the words in which each is refused."""

from __future__ import annotations

import pytest

from b2ct.model import Kind
from b2ct.render.el import text_problems

from .cases import rendered

GOOD = rendered("almalinux-9", Kind.HYPERVISOR).text
SELINUX = "selinux --enforcing\n"
PACKAGES = "%packages\n"
STRONG = "$6$saltsalt$" + "x" * 86


def problems(text: str, major: int = 9) -> list[str]:
    return [str(problem) for problem in text_problems("x.ks", text, major)]


def replaced(old: str, new: str) -> str:
    assert GOOD.count(old) >= 1, f"{old!r} is no longer in the text: correct this table"
    return GOOD.replace(old, new, 1)


def added(line: str) -> str:
    """The good kickstart with one more command."""
    return replaced(SELINUX, f"{SELINUX}{line}\n")


def test_what_b2ct_writes_has_no_problem() -> None:
    assert problems(GOOD) == []


#: (a command that is added, words of the problem)
ADDED = [
    # pykickstart, errors and warnings alike
    ("nonsense", "Unknown command: nonsense"),
    ("network --nonsense", "unrecognized arguments: --nonsense"),
    ("install", "install"),
    # disks
    ("clearpart --all", "clearpart erases a disk that no script has looked at"),
    ("zerombr", "zerombr erases a disk that no script has looked at"),
    ("part /x --size=1 --ondisk=sda", "--ondisk=sda can be the install key: kernel names change"),
    ("part /x --size=1 --ondisk=/dev/nvme0n1", "--ondisk=/dev/nvme0n1 can be the install key"),
    (
        "part /x --size=1 --ondisk=/dev/disk/by-id/usb-Ultra_4C53-0:0",
        "is a USB device, as the install key is; name a fixed disk",
    ),
    # secrets
    ("user --name=eve --password=secret", "the password of eve stands here in plaintext"),
    ("user --name=eve --iscrypted --password=secret", "said to be a hash, but it is none"),
    ("user --name=eve --iscrypted --password=$1$abc$def", "the password hash of eve is of a weak"),
    ("part /x --size=1 --encrypted --passphrase=secret", "a disk's passphrase stands here"),
    # sources
    ("repo --name=x --baseurl=http://example.org/x", "http://example.org/x is not encrypted"),
    ("repo --name=x --noverifyssl --baseurl=https://example.org/x", "from whoever answers"),
    # system
    ("firewall --disabled", "the firewall is switched off"),
    # includes
    ("%include /tmp/nobody.ks", "%include /tmp/nobody.ks: no %pre script writes this file"),
    ("%include https://example.org/x.ks", "from the network: what runs is decided elsewhere"),
    ("# {{ site.name }}", "a template's marker is left in the text"),
]

#: (text to replace, replacement, words of the problem)
REPLACED = [
    (SELINUX, "selinux --permissive\n", "SELinux is switched off; write selinux --enforcing"),
    (SELINUX, SELINUX + "auth --enableshadow\n", "use authselect instead"),
    (SELINUX, "", "there is no selinux command"),
    ("lang en_US.UTF-8\n", "", "the installer will ask for the language"),
    ("%pre --erroronfail", "%pre", "%pre goes on when it fails; write %pre --erroronfail"),
    ("%post --erroronfail", "%post", "%post goes on when it fails; write %post --erroronfail"),
    ("\n    guard_disk\n", "\n", "%pre writes clearpart without asking whether the disk may be"),
    ("clearpart --all --initlabel --drives=@{disk}", "clearpart --all", "takes every disk"),
    ("ignoredisk --only-use=@{disk}", "ignoredisk --only-use=sdb", "names another disk than"),
    ("--device=@{nic:eno1}", "--device=@{nic:eno9}", "network card eno9 is none of this node's"),
    ("\n        last_screen && break\n", "\n", "%pre writes clearpart without asking"),
    (PACKAGES, f"{PACKAGES}@virtualisation-hypervisor\n", "did you mean virtualization-hypervisor"),
    (PACKAGES, f"{PACKAGES}@^nothing-like-it\n", "EL 9 has no environment nothing-like-it"),
    ("gpgcheck=1", "gpgcheck=0", "a script switches the signature check of packages off"),
    ("sslverify=1", "sslverify=0", "a script switches the check of certificates off"),
    ("write 0440", "setenforce 0\nwrite 0440", "a script switches SELinux off"),
    ("write 0440", "echo root:x | chpasswd\nwrite 0440", "a script holds a password or a private"),
    ("/root/anaconda-ks.cfg", "/root/other", "removes the copies of this kickstart"),
]


@pytest.mark.parametrize(("line", "said"), ADDED)
def test_added(line: str, said: str) -> None:
    found = problems(added(line))
    assert any(said in problem for problem in found), found
    number = added(line).splitlines().index(line) + 1
    assert any(problem.startswith(f"x.ks:{number}: ") for problem in found), found


@pytest.mark.parametrize(("old", "new", "said"), REPLACED)
def test_replaced(old: str, new: str, said: str) -> None:
    text = GOOD.replace(old, new) if old.startswith("/root") else replaced(old, new)
    found = problems(text)
    assert any(said in problem for problem in found), found


def test_no_way_to_the_packages() -> None:
    found = problems(GOOD.replace(" --activate", ""))
    assert any("no network line has --activate" in problem for problem in found), found


def test_a_foreign_kickstart_is_judged_too() -> None:
    found = "\n".join(problems("clearpart --all\nautopart\nrootpw secret\n"))
    for said in (
        "x.ks:1: clearpart takes every disk, the install key included",
        "x.ks:2: autopart erases a disk that no script has looked at",
        "x.ks:3: the password of root stands here in plaintext",
    ):
        assert said in found


def test_all_problems_come_in_one_run() -> None:
    bad = added("nonsense").replace("lang en_US.UTF-8\n", "clearpart --all\n")
    found = "\n".join(problems(bad))
    for said in ("Unknown command", "clearpart erases", "will ask for the language"):
        assert said in found


def test_a_release_is_judged_by_its_own_rules() -> None:
    """What EL 9 takes is not what EL 7 takes."""
    found = problems(GOOD, 7)
    assert any("timesource" in problem for problem in found), found


def test_the_installer_of_el_6_opens_the_network_for_http_only() -> None:
    text = rendered("centos-6", Kind.CONTROL).text
    assert problems(text, 6) == []
    changed = text.replace("url --url=http://", "url --url=https://")
    assert any("for http:// only" in problem for problem in problems(changed, 6))
