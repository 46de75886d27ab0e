from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from b2ct.base.download import Client, Retries
from b2ct.base.store import Store
from tests.unit.base.keys import Key, KeyMaker
from tests.unit.base.server import WebServer, serve
from tests.unit.base.vendor import SIGNED_ENTRY, Site


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the tester's store nor catalogue, proxy or certificates play a part."""
    monkeypatch.setenv("B2CT_BASE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("B2CT_CATALOGUE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def maker() -> Iterator[KeyMaker]:
    made = KeyMaker()
    yield made
    made.close()


@pytest.fixture(scope="session")
def vendor(maker: KeyMaker) -> Key:
    return maker.make("Vendor <vendor@example.org>")


@pytest.fixture(scope="session")
def stranger(maker: KeyMaker) -> Key:
    return maker.make("Stranger <stranger@example.org>")


@pytest.fixture(scope="session")
def old_key(maker: KeyMaker) -> Key:
    return maker.make("Old <old@example.org>", expired=True)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_web(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WebServer]:
    """An https server whose CA the system trusts, as far as SSL_CERT_FILE says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serve(context) as server:
        yield server


@pytest.fixture
def client() -> Client:
    return Client(Retries(attempts=3, pause_s=0.0), timeout_s=5.0)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def site(
    web: WebServer, maker: KeyMaker, vendor: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    file = tmp_path / "catalogue.yml"
    monkeypatch.setenv("B2CT_CATALOGUE", str(file))
    made = Site(web, maker, vendor, file)
    made.publish()
    made.write(SIGNED_ENTRY)
    return made
