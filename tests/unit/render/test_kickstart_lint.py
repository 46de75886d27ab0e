"""Bad kickstarts, each with the message that is promised for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.model import Kind, Site
from b2ct.render import NoHashes, render_node
from b2ct.render.el import text_problems

from .cases import rendered

GOOD = rendered("almalinux-9", Kind.CONTROL).text
CENTOS7 = rendered("centos-7", Kind.CONTROL).text
HASH = f'"$6$saltsalt${"root":x<86}"'

#: What is changed, into what, and what is said of it.
BAD = [
    # pykickstart itself, with warnings as errors
    ("selinux --enforcing", "selinux --enforce", "unrecognized arguments: --enforce"),
    ("skipx", "skipy", "Unknown command: skipy"),
    ("timezone Europe/Rome --utc", "timezone Europe/Rome --isUtc", "deprecated"),
    ("logvol / --vgname=b2ct", "logvol / --vgroup=b2ct", "are required: --vgname"),
    ("repo --name=AppStream", "repo", "required"),
    ("skipx", "network --nonsense", "unrecognized arguments: --nonsense"),
    ("skipx", "auth --enableshadow", "use authselect instead"),
    ("skipx", "install", "install"),
    # disks
    ("skipx", "clearpart --all", "clearpart erases a disk that no script has looked at"),
    ("skipx", "zerombr", "zerombr erases a disk that no script has looked at"),
    ("skipx", "clearpart --all --drives=sda", "clearpart erases a disk that no script"),
    ("skipx", "ignoredisk --only-use=sda", "--only-use=sda can be the install key"),
    ("skipx", "part /x --size=1 --ondisk=/dev/nvme0n1", "--ondisk=/dev/nvme0n1 can be the"),
    ("skipx", "part /x --size=1 --ondisk=disk/by-id/usb-Stick", "is a USB device, as the install"),
    ("--only-use=@{disk}", "--only-use=sdb", "ignoredisk names another disk than the one"),
    ("--initlabel --drives=@{disk}", "--initlabel", "clearpart takes every disk"),
    ("    guard_disk\n", "", "%pre writes clearpart without asking whether"),
    ("        last_screen && break\n", "", "%pre writes clearpart without asking whether"),
    ("    run_dialog\n", "", "%pre writes clearpart without asking whether"),
    # includes
    ("%include /tmp/b2ct/network.ks", "%include /tmp/net.ks", "no %pre script writes this file"),
    ("        put storage.ks \\", "        put store.ks \\", "%include /tmp/b2ct/storage.ks: no"),
    ("skipx", "%include https://x.example/y.ks", "from the network: what runs is decided"),
    # secrets
    (f"rootpw --iscrypted {HASH}", "rootpw secret", "the password of root stands here in plain"),
    (f"rootpw --iscrypted {HASH}", "rootpw --plaintext secret", "the password of root stands"),
    (f"rootpw --iscrypted {HASH}", "rootpw --iscrypted secret", "is said to be a hash, but"),
    (f"rootpw --iscrypted {HASH}", 'rootpw --iscrypted "$1$a$b"', "is of a weak kind"),
    ("user --name=ada", "user --name=eve --password=x\nuser --name=ada", "the password of eve"),
    ("--iscrypted --password=", "--password=", "the password of ada stands here in plaintext"),
    ("skipx", "bootloader --password=x --boot-drive=a", "boot loader's password stands here"),
    ("skipx", "part /x --size=9 --encrypted --passphrase=y", "disk's passphrase stands here"),
    ("skipx", "network --device=wlan0 --essid=x --wpakey=12345678", "a wireless key stands here"),
    ("R=${B2CT_ROOT-}\nrm -f", "echo root:pw | chpasswd\nrm -f", "a script holds a password"),
    ("R=${B2CT_ROOT-}\nrm -f", "echo pw | passwd --stdin root\nrm -f", "a script holds a password"),
    ("R=${B2CT_ROOT-}\nrm -f", "useradd -p pw x\nrm -f", "a script holds a password"),
    ("R=${B2CT_ROOT-}\nrm -f", "# -----BEGIN OPENSSH PRIVATE KEY-----\nrm -f", "private key"),
    # network
    ("=@{nic:eno1},@{nic:eno2}", "=@{nic:eno1},@{nic:eno9}", "network card eno9 is none of this"),
    ("--device=bond0 --bondslaves", "--device=eth7 --bond", "network card eth7 is none of this"),
    ("--onboot=yes --activate", "--onboot=yes", "no network line has --activate"),
    # packages
    ("@^minimal-environment", "@^minimal-environmant", "no environment minimal-environmant"),
    ("@^minimal-environment", "@^minimal-environmant", "did you mean minimal-environment?"),
    ("\nchrony\n", "\n@virtualisation-host\n", "no package group virtualisation-host"),
    ("url --url=https://", "url --url=http://", "the installer checks no package signature"),
    ("baseurl=https://repo.alma", "baseurl=http://repo.alma", "http://repo.almalinux.org"),
    ("repo --name=AppStream", "repo --noverifyssl --name=AppStream", "whoever answers"),
    ("gpgcheck=1 ", "gpgcheck=0 ", "switches the signature check of packages off"),
    ("sslverify=1", "sslverify=0", "switches the check of certificates off"),
    ("'baseurl=https://", "'baseurl=http://", "adds a repository without encryption"),
    # the system
    ("selinux --enforcing", "selinux --permissive", "SELinux is switched off"),
    ("selinux --enforcing", "selinux --disabled", "SELinux is switched off"),
    ("selinux --enforcing\n", "", "there is no selinux command"),
    ("R=${B2CT_ROOT-}\nrm -f", "setenforce 0\nrm -f", "a script switches SELinux off"),
    ("firewall --enabled", "firewall --disabled", "the firewall is switched off"),
    ("lang en_US.UTF-8\n", "", "the installer will ask for the language: there is no lang"),
    (f"rootpw --iscrypted {HASH}\n", "", "the installer will ask for root's password"),
    # scripts
    ("%pre --erroronfail", "%pre", "%pre goes on when it fails"),
    ("%post --erroronfail", "%post", "%post goes on when it fails"),
    ("/root/anaconda-ks.cfg", "/root/else", "no %post script removes the copies"),
    ("skipx", "# {{ view.name }}", "a template's marker is left in the text"),
    ("skipx", "# {% if x %}", "a template's marker is left in the text"),
]


@pytest.mark.parametrize(("old", "new", "promised"), BAD)
def test_bad(old, new, promised):
    assert old in GOOD
    text = GOOD.replace(old, new)
    found = text_problems("x.ks", text, 9)
    said = [str(problem) for problem in found]
    assert any(promised in line for line in said), said
    for problem in found:
        assert problem.file == "x.ks"
        assert 0 <= problem.line <= len(text.splitlines())
        assert (
            problem.line > 0
            or "there is no" in str(problem)
            or "no " in problem.message
            or ("without asking" in problem.message)
        )


@pytest.mark.parametrize(
    ("old", "new", "line_of"),
    [
        ("skipx", "skipy", "skipy"),
        ("timezone Europe/Rome --utc", "timezone Europe/Rome --isUtc", "--isUtc"),
        ("--vgname=b2ct --name=swap", "--vgname=b2ct", "logvol swap"),
        ("@^minimal-environment", "@^minimum", "@^minimum"),
        ("gpgcheck=1 ", "gpgcheck=0 ", "gpgcheck=0"),
        ("@{nic:eno1},@{nic:eno2}", "@{nic:eno1},@{nic:eno9}", "eno9"),
        ("=@{disk} --timeout=5", "=@{disk} --timeout=five", "--timeout=five"),
    ],
)
def test_the_line_is_the_files_own(old, new, line_of):
    """Also for what stands in a fragment that %pre writes."""
    text = GOOD.replace(old, new)
    lines = text.splitlines()
    found = [problem for problem in text_problems("x.ks", text, 9) if problem.line]
    assert found
    for problem in found:
        assert line_of in lines[problem.line - 1], problem


def test_all_problems_in_one_run():
    text = GOOD
    for old, new, _ in (BAD[1], BAD[5], BAD[19], BAD[34], BAD[40]):
        text = text.replace(old, new, 1)
    assert len(text_problems("x.ks", text, 9)) >= 4


def test_a_release_is_judged_by_its_own_rules():
    """What EL 9 takes is not what EL 7 takes."""
    assert any("timesource" in str(problem) for problem in text_problems("x.ks", GOOD, 7))


def test_old_installer_needs_http():
    text = rendered("centos-6", Kind.CONTROL).text.replace("http://mirror", "https://mirror")
    (first, second) = text_problems("x.ks", text, 6)
    assert "opens the network by itself for http:// only" in first.message
    assert first.line and second.line


def test_a_group_of_another_release_is_unknown():
    text = CENTOS7.replace("@^minimal\n", "@^minimal-environment\n")
    assert any("EL 7 has no environment minimal-environment" in str(problem)
               for problem in text_problems("x.ks", text, 7))  # fmt: skip


def test_vlan_twice_is_still_refused():
    """The exception for a VLAN on its parent does not cover the same VLAN twice."""
    line = "network --device=bond0 --vlanid=9 --noipv4 --noipv6"
    text = GOOD.replace("skipx", f"{line}\n{line}")
    assert any("bond0 has already been defined" in str(found)
               for found in text_problems("x.ks", text, 9))  # fmt: skip


FOREIGN = """\
# A kickstart that b2ct did not write.
text
url --url=https://mirror.example.org/9
lang en_US.UTF-8
keyboard us
timezone UTC
rootpw --lock
selinux --enforcing
firewall --enabled
network --activate
%include /tmp/part.ks
bootloader
%packages
@core
%end
%pre --erroronfail
echo "ignoredisk --only-use=vda" > /tmp/part.ks
%end
%post --erroronfail
rm -f /root/anaconda-ks.cfg
%end
"""


def test_foreign_kickstart():
    (found,) = text_problems("their.ks", FOREIGN, 9)
    assert "ask for the partitions: there is no autopart or part or partition" in found.message


@pytest.mark.parametrize(
    ("old", "new", "promised"),
    [
        ("> /tmp/part.ks", "> /tmp/other.ks", "their.ks:11: %include /tmp/part.ks: no %pre"),
        ("bootloader", "clearpart --all", "clearpart takes every disk, the install key included"),
        ("bootloader", "autopart", "autopart takes every disk, the install key included"),
        ("network --activate", "", "no network line has --activate"),
    ],
)
def test_bad_foreign_kickstart(old, new, promised):
    found = [str(problem) for problem in text_problems("their.ks", FOREIGN.replace(old, new), 9)]
    assert any(promised in line for line in found), found


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=300), st.sampled_from([6, 7, 8, 9, 10]))
def test_any_text_is_judged_without_a_traceback(text, major):
    for problem in text_problems("x.ks", text, major):
        assert str(problem).startswith("x.ks")


@settings(max_examples=40)
@given(data=st.data())
def test_cut_and_mixed_kickstarts_are_judged_without_a_traceback(data):
    lines = GOOD.splitlines()
    start = data.draw(st.integers(0, len(lines)))
    stop = data.draw(st.integers(start, min(len(lines), start + 60)))
    where = data.draw(st.integers(0, len(lines)))
    mixed = [*lines[:start], *lines[stop:]]
    mixed[where:where] = data.draw(st.lists(st.sampled_from(lines), max_size=5))
    for problem in text_problems("x.ks", "\n".join(mixed), 9):
        assert 0 <= problem.line <= len(mixed)


#: Texts that the model lets through in free fields, made to break out of a line or a word.
NASTY = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=":\"'\\$`"),
    max_size=30,
) | st.sampled_from(["; reboot", "%end", "#x", "--lock --x", "*", "@{disk}", "{{ x }}", "| a"])


@settings(max_examples=25)
@given(comment=NASTY)
def test_no_value_breaks_out(comment, example):
    """Whatever an admin is called, the text has the same lines and the value is one word."""
    admin = example.site.admins[0].model_copy(update={"full_name": comment})
    general = example.site.model_copy(update={"admins": (admin,)})
    site = Site.model_construct(**{**dict(example), "site": general})
    node = site.resolved["control1"]
    from pykickstart.parser import KickstartParser
    from pykickstart.version import makeVersion

    text = render_node(site, node, NoHashes()).text
    assert text.count("\n") == render_node(example, node, NoHashes()).text.count("\n")
    handler = makeVersion("RHEL9")
    KickstartParser(handler, missingIncludeIsFatal=False).readKickstartFromString(text)
    assert handler.user.userList[0].gecos == comment
    assert handler.user.userList[0].lock
