"""6.10: Sunstone answers at the root of the front, and the scheduler has a unit of its own."""

testinfra_hosts = ["ssh://control1"]
GET = r"""
import sys, urllib.request
print(urllib.request.urlopen("https://cloud.scenario.example.org/", timeout=20).read().decode())
"""


def test_sunstone(host):
    assert "Sunstone (stand-in) GET /" in host.check_output("python3 -c %s", GET)


def test_scheduler(host):
    assert host.service("opennebula-scheduler").is_running


def test_oned_is_of_the_release_line(host):
    assert "6.10" in host.check_output("rpm -q --queryformat '%{VERSION}' opennebula")
