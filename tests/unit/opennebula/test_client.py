"""Calls to oned: TLS, logins, what answers strangely; and templates, both ways."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula import template as texts
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.client import Client
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.errors import OneError
from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.merge import lacking
from hypothesis import given
from hypothesis import strategies as st

from tests.oned import Fault
from tests.oned.attributes import parse as oneds_reading
from tests.unit.opennebula.conftest import PASSWORD, Cloud

CLUSTER = {"name": "production"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("garbage", "is no XML-RPC"),
        ("bomb", "declares an XML document type"),
        ("502", "HTTP status 502"),
    ],
)
def test_strange_answers_are_told(cloud: Cloud, kind: str, words: str) -> None:
    cloud.oned.faults.append(Fault("one.clusterpool.info", kind, times=9))
    assert words in cloud.fails("cluster", **CLUSTER)


def test_reading_is_tried_twice_and_changing_once(cloud: Cloud) -> None:
    cloud.oned.faults.append(Fault("one.clusterpool.info", "drop-before"))
    cloud.done("cluster", **CLUSTER)
    cloud.oned.faults.append(Fault("one.cluster.update", "silence", seconds=1.5))
    task = {**CLUSTER, "template": {"RESERVED_CPU": 5}, "timeout": 1}
    words = cloud.fails("cluster", **task)
    assert "no answer in time" in words and "may have made this change or not" in words
    assert cloud.done("cluster", **{**task, "timeout": 30})["changed"]


def test_nobody_answers(cloud: Cloud) -> None:
    cloud.oned.stop()
    words = cloud.fails("cluster", **CLUSTER)
    assert "cannot be reached" in words and "nothing was changed" in words
    assert "systemctl status opennebula" in words


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://one.example.org:2633/RPC2", "in the clear"),
        ("https://oneadmin:secret@one.example.org/RPC2", "which logs would show"),
        ("one.example.org", "is no address of oned"),
    ],
)
def test_endpoints_that_are_refused(cloud: Cloud, endpoint: str, words: str) -> None:
    said = cloud.fails("cluster", **CLUSTER, endpoint=endpoint)
    assert words in said


def test_login_must_be_closed_to_others(cloud: Cloud) -> None:
    cloud.auth_file.chmod(0o644)
    assert "is open to others" in cloud.fails("cluster", **CLUSTER)
    cloud.auth_file.chmod(0o600)
    cloud.auth_file.write_text("no login\n")
    assert "holds no login" in cloud.fails("cluster", **CLUSTER)
    cloud.auth_file.unlink()
    assert "cannot be read" in cloud.fails("cluster", **CLUSTER)


def test_caller_without_rights(cloud: Cloud) -> None:
    cloud.done("user", name="bob", password="bobs-password")
    cloud.auth_file.write_text("bob:bobs-password\n")
    words = cloud.fails("cluster", **CLUSTER)
    assert "Not authorized to perform CREATE CLUSTER" in words
    assert "'bob' lacks the right" in words


@pytest.fixture
def tls(cloud: Cloud, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A TLS front before the double, as nginx is before oned."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    oned = cloud.oned

    class Front(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import urllib.request

            body = self.rfile.read(int(self.headers["Content-Length"]))
            with urllib.request.urlopen(oned.endpoint, body) as answer:
                text = answer.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}/RPC2", tmp_path / "ca.pem"
    server.shutdown()
    server.server_close()


def test_tls_endpoint_is_verified(cloud: Cloud, tls: tuple[str, Path]) -> None:
    endpoint, ca_file = tls
    words = cloud.fails("cluster", **CLUSTER, endpoint=endpoint)
    assert "certificate" in words and "ca_file" in words and "nothing was changed" in words
    assert cloud.done("cluster", **CLUSTER, endpoint=endpoint, ca_file=str(ca_file))["changed"]
    other = endpoint.replace("localhost", "127.0.0.1")
    assert "not to be trusted" in cloud.fails(
        "cluster", **CLUSTER, endpoint=other, ca_file=str(ca_file)
    )


def test_login_is_in_no_message(cloud: Cloud) -> None:
    client = Client(cloud.oned.endpoint, str(cloud.auth_file))
    with pytest.raises(OneError) as caught:
        client.call("one.host.info", 77)
    assert PASSWORD not in str(caught.value)
    with pytest.raises(OneError) as caught:
        client.call("one.nothing.known")
    assert "does not take the call" in str(caught.value)


# -- what must not happen again (as with community.general) ------------------


def test_host_stays_in_its_cluster(cloud: Cloud) -> None:
    cloud.done("cluster", **CLUSTER)
    cloud.done("host", name="node1", cluster="production")
    assert not cloud.done("host", name="node1")["changed"]
    assert cloud.one("host", "node1")["clusters"] == [100]
    assert "there is no cluster 'test'" in cloud.fails("host", name="node1", cluster="test")


def test_host_that_cannot_be_monitored(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
    words = cloud.fails("host", name="broken1", wait_timeout=0)
    assert "Error monitoring Host broken1" in words
    capfd.readouterr()
    cloud.done("host", name="broken1")
    # In a process of Ansible's controller, as this one, a module's warning is shown at once.
    shown = " ".join(capfd.readouterr().err.split())
    assert "[WARNING]: host 'broken1' has failed" in shown


def test_image_that_fails_is_told_in_oneds_words(cloud: Cloud) -> None:
    task = {"name": "broken", "datastore": "default", "size": 5, "type": "datablock"}
    assert "Error copying image" in cloud.fails("image", **task)
    assert "state: absent" in cloud.fails("image", **task)
    words = cloud.fails("image", name="broken", datastore="files")
    assert "has datastore 'default', which cannot be changed" in words


def test_image_in_a_datastore_that_was_just_made(cloud: Cloud) -> None:
    """oned knows no room in it at first, and refuses images until it has looked."""
    cloud.oned.world.image_delay = 1.0
    cloud.done("datastore", name="images", ds_mad="fs", tm_mad="ssh")
    cloud.done("image", name="disk", datastore="images", size=5, type="datablock")


def test_attributes_that_oned_added_stay(cloud: Cloud) -> None:
    task = {"name": "images", "ds_mad": "fs", "tm_mad": "ssh"}
    cloud.done("datastore", **task)
    cloud.done("datastore", **task, template={"LIMIT_MB": 5})
    attributes = cloud.attributes("datastore", "images")
    assert attributes["RESTRICTED_DIRS"] == "/"
    assert attributes["SAFE_DIRS"] == "/var/tmp"
    assert attributes["DISK_TYPE"] == "FILE"


def test_security_groups_and_ranges_of_a_network(cloud: Cloud) -> None:
    cloud.done("security_group", name="ssh")
    one = {"type": "IP4", "ip": "10.0.0.5", "size": 10}
    task = {"name": "public", "vn_mad": "bridge", "security_groups": ["ssh"]}
    cloud.done("network", **task, address_ranges=[one])
    assert not cloud.done("network", name="public", address_ranges=[one])["changed"]
    assert cloud.attributes("vn", "public")["SECURITY_GROUPS"] == "100"
    two = {"type": "IP4", "ip": "10.0.1.5", "size": 10}
    cloud.done("network", name="public", address_ranges=[one, two])
    assert len(cloud.one("vn", "public")["ranges"]) == 2
    assert not cloud.done("network", name="public", address_ranges=[two])["changed"]
    over = {"type": "IP4", "ip": "10.0.0.1", "size": 10}
    words = cloud.fails("network", name="public", address_ranges=[over])
    assert "overlaps range 0" in words and "twice" in words
    cloud.done("network", name="public", address_ranges=[two], purge_address_ranges=True)
    assert [part["IP"] for part in cloud.one("vn", "public")["ranges"]] == ["10.0.1.5"]


def test_template_without_vcpu(cloud: Cloud) -> None:
    cloud.done("template", name="small", template={"CPU": 1})
    assert not cloud.done("template", name="small", template={"CPU": 1})["changed"]


def test_own_account_is_kept(cloud: Cloud) -> None:
    assert "logs in as" in cloud.fails("user", name="oneadmin", password="another-password")
    assert "logs in as" in cloud.fails("user", name="oneadmin", state="absent")


# -- templates -----------------------------------------------------------------------------------

_TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=30
).filter(lambda text: "]]>" not in text)
_KEY = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
_VECTOR = st.dictionaries(_KEY, _TEXT, min_size=1, max_size=3)
_PART = st.one_of(_TEXT, _VECTOR)


@given(st.dictionaries(_KEY, st.one_of(_PART, st.lists(_PART, min_size=2, max_size=3)), max_size=4))
def test_oned_reads_what_is_written(template: dict[str, object]) -> None:
    wanted = texts.normalised(template)
    try:
        written = texts.compose(wanted)
    except OneError as error:
        assert "backslash" in str(error)
        return
    expected = [
        [key, part]
        for key, value in wanted.items()
        for part in (value if isinstance(value, list) else [value])
    ]
    assert oneds_reading(written) == expected
    if not written.startswith("<"):
        assert texts.parse(written) == wanted


def test_own_syntax_is_read() -> None:
    assert texts.parse('CPU = 1 # half\nNIC=[ NETWORK = "a b",\n  MODEL=virtio ]\nE=\n') == {
        "CPU": "1",
        "NIC": {"NETWORK": "a b", "MODEL": "virtio"},
        "E": "",
    }
    with pytest.raises(OneError, match="line 2"):
        texts.parse("CPU=1\nMEMORY")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"A": None}, "no value"),
        ({"A": {"B": {"C": 1}}}, "deeper"),
        ({"A": "\x07"}, "control character"),
        ({"A": "]]>"}, "cannot store"),
        ({"a b": 1}, "no key"),
        ({"a": 1, "A": 2}, "twice"),
        ([], "neither"),
    ],
)
def test_what_no_template_holds(template: object, words: str) -> None:
    with pytest.raises(OneError, match=words):
        texts.normalised(template)


def test_only_named_keys_count() -> None:
    present = {"A": "1", "B": "2", "V": {"X": "1", "Y": "2"}, "L": [{"N": "1"}, {"N": "2"}]}
    assert lacking({"A": "1", "V": {"X": "1"}}, present) == {}
    assert lacking({"V": {"X": "3"}}, present) == {"V": {"X": "3", "Y": "2"}}
    assert lacking({"L": [{"N": "2"}, {"N": "1"}]}, present) != {}
    assert lacking({"L": [{"N": "2"}, {"N": "1"}]}, present, ("L",)) == {}
    assert lacking({"NEW": []}, present) == {}
