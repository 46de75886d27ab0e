"""A handler that is used again judges as a new one would."""

from __future__ import annotations

import importlib
import random

import pytest
from pykickstart.version import makeVersion

from b2ct.model import Kind

from .cases import rendered

parse = importlib.import_module("b2ct.render.el.parse")
BASE = rendered("almalinux-9", Kind.HYPERVISOR).text
TEXTS = [
    BASE,
    BASE.replace("selinux --enforcing", "selinux --nonsense"),
    BASE.replace("rootpw", "rootpw --plaintext", 1),
    "network --device=eth0 --bootproto=dhcp\nnetwork --device=eth0 --bootproto=dhcp\n",
    "autopart\npart / --size=1\n",
    "part / --size=1\nautopart\n",
    "part / --size=1 --ondisk=sda\npart / --size=2\n",
    "timezone Europe/Rome --isUtc\ntimesource --ntp-server=a\ntimesource --ntp-server=a\n",
    "user --name=a\nuser --name=a\nsshkey --username=a key\nsshkey --username=a other\n",
    "volgroup a pv.1\nvolgroup a pv.2\nlogvol / --vgname=a --name=x --size=1\n",
    "%packages\n@core\n%end\n%packages --ignoremissing\nbash\n%end\n",
    "url --url=http://a\nrepo --name=b --baseurl=http://c\nrepo --name=b --baseurl=http://c\n",
    "%pre\ntrue\n%end\n%post --erroronfail\ntrue\n%end\nlang\n",
    "%post\nno end\n",
    "nonsense\n",
    "services --enabled=a --disabled=b\nfirewall --service=ssh\nfirewall --disabled\n",
    "bootloader --location=none\nclearpart --all\nzerombr yes\n",
]


@pytest.mark.parametrize("version", ["RHEL6", "RHEL7", "RHEL8", "RHEL9", "RHEL10"])
def test_used_handler_judges_as_a_new_one(version, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(parse, "handler_of", makeVersion)
        new = {text: parse._judge(version, text.splitlines()) for text in TEXTS}
    assert len(set(new.values())) > 8, "the texts differ in what is wrong with them"
    order = TEXTS * 3
    random.Random(1).shuffle(order)
    for text in order:
        assert parse._judge(version, text.splitlines()) == new[text]
