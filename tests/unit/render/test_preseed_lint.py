"""Bad preseeds, and the words in which each is refused."""

from __future__ import annotations

import shutil

import pytest

from b2ct.model import ReleaseId
from b2ct.render import NoHashes, render_all
from b2ct.render.debian import lint, parse

from .test_preseed import debian_site

WEAK = "$1$c6gY9e2h$7xL0zqH0R5m4V0yqk1Jw1."
STRONG = "$6$c6gY9e2hVv0.ZzNf$" + "x" * 86


@pytest.fixture(scope="module")
def good():
    return render_all(debian_site(ReleaseId.DEBIAN_13), NoHashes(), ["node1"])[0].text


@pytest.fixture(scope="module")
def with_hashes():
    class OneHash:
        def hashed(self, account):
            return STRONG

    return render_all(debian_site(ReleaseId.DEBIAN_13), OneHash(), ["node1"])[0].text


def problems(text):
    return [f"{p.line}: {p.message}; {p.hint}" for p in lint.problems("x.preseed", text)]


def test_what_b2ct_writes_has_no_problem(good, with_hashes):
    assert problems(good) == []
    assert problems(with_hashes) == []


#: (what is added before the script, or a pair to replace, words of the problem)
ADDED = [
    ("d-i foo bogus x", "'foo' is no name of a question"),
    ("d-i netcfg/choose_interface", "is no answer for debconf"),
    ("d-i netcfg/choose_interface picklist auto", "'picklist' is no type of debconf's"),
    ("d-i clock-setup/ntp boolean yes", "answered by true or false, not by 'yes'"),
    ("d-i netcfg/choose_interface picklist auto", "Unknown type picklist"),
    ("d-i partman-auto/method string lvm", "lets the installer write to a disk that no script"),
    ("d-i partman/confirm boolean true", "lets the installer write to a disk that no script"),
    ("d-i partman-auto/disk string /dev/sda", "names /dev/sda, which may be another disk"),
    ("d-i grub-installer/bootdev string /dev/nvme0n1", "names /dev/nvme0n1"),
    (
        "d-i partman-auto/disk string /dev/disk/by-id/usb-Ultra_4C53-0:0",
        "can match the install key itself",
    ),
    ("d-i partman/early_command string sh /x", "partman/early_command goes on when it fails"),
    ("d-i preseed/early_command string sh /x", "preseed/early_command goes on when it fails"),
    ("d-i passwd/root-password password secret", "a password stands here in plaintext"),
    ("d-i passwd/user-password-again password secret", "a password stands here in plaintext"),
    ("d-i network-console/password password secret", "a password stands here in plaintext"),
    (f"d-i passwd/root-password-crypted password {WEAK}", "is no strong hash: a weak hash"),
    ("d-i passwd/root-password-crypted password hunter2", "is no strong hash: a weak text"),
    (f"d-i passwd/user-password-crypted password {STRONG}", "keeps its answers, this hash too"),
    ("d-i debian-installer/allow_unauthenticated boolean true", "switches checks off"),
    ("d-i debian-installer/allow_unauthenticated_ssl boolean true", "switches checks off"),
    (
        "d-i apt-setup/local5/repository string http://repo.example.org/x stable main",
        "reached without encryption",
    ),
    (
        "d-i apt-setup/local5/repository string [trusted=yes] https://repo.example.org/x stable x",
        "packages of this repository are not verified",
    ),
    ("d-i apt-setup/services-select multiselect security", "added without encryption"),
    ("d-i pkgsel/include string sudo Bad_Name", "'Bad_Name' is no name of a Debian package"),
    ("tasksel tasksel/first multiselect standard, gnome", "task 'gnome' is unknown"),
    ("#b2ct|echo root:secret | chpasswd", "a script holds a password"),
    ("#b2ct|useradd -p secret x", "a script holds a password"),
    ("#b2ct|cat <<X\n#b2ct|-----BEGIN OPENSSH PRIVATE KEY-----", "a script holds a password"),
    ("#b2ct|wget --no-check-certificate https://x", "switches the check of certificates off"),
    ("#b2ct|curl -k https://x", "switches the check of certificates off"),
    ("#b2ct|apt-get --allow-unauthenticated install x", "switches the check of signatures off"),
    ("#b2ct|echo deb [trusted=yes] https://x x x", "switches the check of signatures off"),
    ("# {{ view.title }}", "a mark of the template is left"),
]


@pytest.mark.parametrize(("line", "words"), ADDED)
def test_added_line_is_refused(good, line, words):
    head, mark, rest = good.partition("\n#b2ct|")
    number = head.count("\n") + 2
    text = f"{head}\n{line}{mark}{rest}"
    found = [problem for problem in problems(text) if words in problem]
    assert found, problems(text)
    own = [problem for problem in found if not problem.startswith("0:")]
    last = number + line.count("\n")
    assert not own or own[0].startswith((f"{number}:", f"{last}:")), (number, own)


REPLACED = [
    ("        guard_disk\n", "        :\n", "nothing calls guard_disk"),
    ("last_screen && break", "break", "nothing calls last_screen"),
    ("check-scrub", "look", "nothing checks that no copy of the preseed is left"),
    ("PasswordAuthentication no", "PasswordAuthentication yes", "ssh would take passwords"),
    ("string /dev/@{disk}", "string /dev/sdb", "names /dev/sdb, which may be another disk"),
    (
        "'card @{nic:eno1}'",
        "'card @{nic:eno7}'",
        "network card eno7 is not among those of the node",
    ),
    ("@{mac:eno1}", "@{mac:eno8}", "network card eno8 is not among those of the node"),
    ("URIs: https://downloads", "URIs: http://downloads", "reached without encryption"),
    ("'Signed-By: /etc/apt/keyrings/opennebula.asc'", "'Trusted: no'", "names no key"),
    ("chpasswd --encrypted", "chpasswd", "a script holds a password"),
    (
        "d-i partman/early_command string sh /tmp/b2ct/script disk || { reboot; sleep 600; }\n",
        "",
        "nothing chooses the disk",
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), REPLACED)
def test_broken_text_is_refused(with_hashes, old, new, words):
    assert old in with_hashes
    changed = with_hashes.replace(old, new)
    assert [problem for problem in problems(changed) if words in problem], problems(changed)


def test_plain_http_is_for_the_site_s_own_mirror_only():
    changes = {"install__mirrors": {"debian-13": {"url": "http://mirror.example.org/debian"}}}
    text = render_all(debian_site(ReleaseId.DEBIAN_13, **changes), NoHashes(), ["node1"])[0].text
    assert problems(text) == []
    other = text.replace("repository string http://mirror.", "repository string http://other.")
    assert [p for p in problems(other) if "without encryption" in p]


def test_all_problems_are_told_at_once(good):
    head, mark, rest = good.partition("\n#b2ct|")
    text = f"{head}\nd-i x\nd-i passwd/root-password password secret\n{mark}{rest}"
    assert len(problems(text)) >= 2


def test_debconf_s_own_reader_is_asked(good):
    assert shutil.which("debconf-set-selections")
    parse._checked.cache_clear()
    head, mark, rest = good.partition("\n#b2ct|")
    found = lint.problems("x.preseed", f"{head}\nd-i only-two{mark}{rest}")
    assert any("debconf-set-selections" in problem.hint for problem in found)


def test_without_debconf_our_own_reader_must_do(good, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    parse._checked.cache_clear()
    assert problems(good) == []
    assert problems(good.replace("\n#b2ct|", "\nd-i only-two\n#b2ct|", 1))
    parse._checked.cache_clear()
