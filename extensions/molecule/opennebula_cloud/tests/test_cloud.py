"""What the site says is inside the cloud, and with the real OpenNebula a machine runs there."""

import json

import pytest

from tests.opennebula.which import is_real

testinfra_hosts = ["ssh://control1"]

#: Says of each object of a pool its name, state and what else a test asks.
POOL = r"""
import json, sys, xmlrpc.client
from xml.etree import ElementTree
method, tag, *wanted = sys.argv[1:]
login = open("/var/lib/one/.one/one_auth").readline().strip()
arguments = () if tag in ("HOST", "DATASTORE") else (-2, -1, -1)
oned = xmlrpc.client.ServerProxy("http://127.0.0.1:2633/RPC2")
good, told, *_ = getattr(oned, method)(login, *arguments)
if not good:
    sys.exit(told)
print(json.dumps({one.findtext("NAME"): [one.findtext(key) for key in wanted]
                  for one in ElementTree.fromstring(told).findall(tag)}))
"""
#: Makes a machine of a template, waits until it runs, says how it is, and takes it away.
MACHINE = r"""
import sys, time, xmlrpc.client
from xml.etree import ElementTree
ACTIVE, RUNNING, DONE = "3", "3", "6"
login = open("/var/lib/one/.one/one_auth").readline().strip()
oned = xmlrpc.client.ServerProxy("http://127.0.0.1:2633/RPC2")
def call(method, *arguments):
    good, told, *_ = getattr(oned, method)(login, *arguments)
    if not good:
        sys.exit(f"{method}: {told}")
    return told
def waited(number, state, lcm):
    end = time.monotonic() + 240
    while True:
        vm = ElementTree.fromstring(call("one.vm.info", number))
        if (vm.findtext("STATE"), lcm) in ((state, None), (state, vm.findtext("LCM_STATE"))):
            return vm
        if time.monotonic() > end:
            sys.exit("it is in state %s, %s: %s" % (vm.findtext("STATE"),
                     vm.findtext("LCM_STATE"), ElementTree.tostring(vm)[-1500:]))
        time.sleep(1)
templates = ElementTree.fromstring(call("one.templatepool.info", -2, -1, -1))
template = next(int(one.findtext("ID")) for one in templates if one.findtext("NAME") == "machine")
number = call("one.template.instantiate", template, "trial", False, "", False)
vm = waited(number, ACTIVE, RUNNING)
history = vm.findall("HISTORY_RECORDS/HISTORY")[-1]
print(history.findtext("HOSTNAME"), vm.findtext("TEMPLATE/NIC/IP"),
      vm.findtext("TEMPLATE/DISK/IMAGE"), history.findtext("VM_MAD"))
call("one.vm.action", "terminate-hard", number)
waited(number, DONE, None)
"""


def pool(host, method, tag, *wanted):
    return json.loads(host.check_output("python3 -c %s %s %s %s", POOL, method, tag, wanted[0]))


def test_the_host_is_on(host):
    assert pool(host, "one.hostpool.info", "HOST", "STATE") == {"node1": ["2"]}


def test_the_network_is_there(host):
    assert pool(host, "one.vnpool.info", "VNET", "BRIDGE")["lan"] == ["br0"]


def test_the_image_has_its_data(host):
    assert pool(host, "one.imagepool.info", "IMAGE", "STATE") == {"scratch": ["1"]}


@pytest.mark.skipif(not is_real(), reason="the double of oned runs no machines")
def test_a_machine_of_the_template_runs(host):
    said = host.check_output("python3 -c %s", MACHINE)
    assert said == "node1 10.90.0.10 scratch dummy"


@pytest.mark.skipif(not is_real(), reason="the double brings no drivers")
def test_the_package_s_own_settings_are_left(host):
    """Attributes that stand in the package's file and are not the site's still do."""
    text = host.file("/etc/one/oned.conf").content_string
    assert "OpenNebula Configuration file" in text
    assert 'NAME           = "kvm"' in text
