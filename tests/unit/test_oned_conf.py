"""oned.conf: changed in place, and nothing but what was asked for."""

from __future__ import annotations

import pytest

from plugins.module_utils.oned_conf import ConfError, merged, parse, without_secrets

TEXT = """\
# The daemon. PORT = 1 is no setting.
LOG = [
  SYSTEM      = "file",   # or syslog
  DEBUG_LEVEL = 3
]
PORT = 2633
LISTEN_ADDRESS = "0.0.0.0"
DB = [ BACKEND = "sqlite",
       TIMEOUT = 2500 ]
#LISTEN_ADDRESS = "10.0.0.1"
VM_MAD = [
    NAME = "kvm", EXECUTABLE = "one_vmm_exec", ARGUMENTS = "-t 15 -r 0 kvm # a" ]
VM_MAD = [
    NAME = "lxc", EXECUTABLE = "one_vmm_exec" ]
AUTH_MAD = [ EXECUTABLE = "one_auth_mad", AUTHN = "ssh,x509" ]
"""


def test_reading() -> None:
    entries = parse(TEXT)
    assert [entry.name for entry in entries] == [
        "LOG", "PORT", "LISTEN_ADDRESS", "DB", "VM_MAD", "VM_MAD", "AUTH_MAD",
    ]  # fmt: skip
    keys = entries[4].keys
    assert keys is not None
    assert keys["ARGUMENTS"].value == "-t 15 -r 0 kvm # a"


@pytest.mark.parametrize(
    ("settings", "old", "new"),
    [
        ({"PORT": 2634}, "PORT = 2633", "PORT = 2634"),
        ({"LISTEN_ADDRESS": "127.0.0.1"}, 'ADDRESS = "0.0.0.0"', 'ADDRESS = "127.0.0.1"'),
        ({"LOG": {"DEBUG_LEVEL": 5}}, "DEBUG_LEVEL = 3", "DEBUG_LEVEL = 5"),
        ({"LOG": {"USE_VMS": "yes"}}, "LEVEL = 3\n", 'LEVEL = 3,\n    USE_VMS = "yes"\n'),
        ({"VM_MAD": {"NAME": "lxc", "EXECUTABLE": "x"}}, '"lxc", EXECUTABLE = "one_vmm_exec"',
         '"lxc", EXECUTABLE = "x"'),
        ({"VM_MAD": {"NAME": "kvm", "ARGUMENTS": 'a"b\\c'}}, '"-t 15 -r 0 kvm # a"',
         '"a\\"b\\\\c"'),
    ],
)  # fmt: skip
def test_only_that_changes(settings: dict, old: str, new: str) -> None:
    after = merged(TEXT, settings)
    assert TEXT.count(old) == 1
    assert after == TEXT.replace(old, new)
    assert merged(after, settings) == after


def test_what_stands_already_stays_to_the_letter() -> None:
    wanted = {"PORT": 2633, "LOG": {"SYSTEM": "file"}, "DB": {"BACKEND": "sqlite"}}
    assert merged(TEXT, wanted) == TEXT
    assert merged(TEXT, {"PORT": "2633"}) == TEXT


def test_new_attributes_go_to_the_end() -> None:
    after = merged(TEXT, {"ONEGATE_ENDPOINT": "https://f/onegate", "HOOK": {"A": 1}})
    assert after == TEXT + 'ONEGATE_ENDPOINT = "https://f/onegate"\nHOOK = [\n    A = 1 ]\n'


def test_a_vector_as_a_whole() -> None:
    wanted = {"DB": {"BACKEND": "mysql", "SERVER": "localhost", "PASSWD": "p"}}
    after = merged(TEXT, wanted, frozenset({"DB"}))
    assert "TIMEOUT" not in after
    assert merged(after, wanted, frozenset({"DB"})) == after
    assert "SERVER" in merged(after, wanted)


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (TEXT, {"VM_MAD": {"EXECUTABLE": "x"}}, "VM_MAD stands 2 times"),
        (TEXT, {"PORT": {"A": 1}}, "PORT is a single value"),
        (TEXT, {"LOG": "file"}, "LOG is a list of keys"),
        ("A = 1\nB [", {"A": 1}, "line 2: an = is expected after B"),
        ("A = [ B = 1", {"A": {"B": 1}}, "line 1: a name is expected here"),
        ("A = \n", {"A": 1}, "line 2: a value is expected here"),
    ],
)
def test_refusals(text: str, settings: dict, words: str) -> None:
    with pytest.raises(ConfError, match=words.replace("[", r"\[")):
        merged(text, settings)


def test_no_password_in_a_diff() -> None:
    text = merged(TEXT, {"DB": {"PASSWD": 'se"cr]et', "X": 1}})
    assert 'se\\"cr]et' in text
    told = without_secrets(text)
    assert "se" not in told.split("PASSWD")[1].split(",")[0]
    assert "cr]et" not in told
    assert "secret" not in without_secrets("DB = [passwd = secret]")
