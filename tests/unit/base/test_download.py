"""Downloads that break, resume and are refused."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from b2ct.base.download import Client, NotFoundError, Retries, discard, part_of
from b2ct.errors import B2ctError
from tests.unit.base.server import WebServer

BODY = bytes(range(251)) * 20000  # 5 MB: more than one block
SHA = hashlib.sha256(BODY).hexdigest()
ONCE = Client(Retries(attempts=1, pause_s=0.0), timeout_s=5.0)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder / "medium.iso"


def get(client: Client, url: str, target: Path) -> tuple[str, bool]:
    """Download and rename, as fetch does; return the SHA256 and whether it was put together."""
    with client.download(url, target) as done:
        assert hashlib.sha256(done.part.read_bytes()).hexdigest() == done.sha256
        assert done.part.stat().st_size == done.size
        done.part.replace(target)
        discard(done.part)
    return done.sha256, done.resumed


def names(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def broken(web: WebServer, target: Path) -> None:
    """Leave the first 2 MB of the medium as an earlier run's partial file."""
    web.files["/m"].truncate = [2_000_000]
    with pytest.raises(B2ctError, match="cannot get"):
        get(ONCE, web.url + "/m", target)
    assert part_of(target).stat().st_size == 2_000_000
    assert not target.exists()
    web.asked.clear()


def test_whole(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY)
    seen: list[tuple[str, int, int]] = []
    with client.download(web.url + "/m", target, lambda *step: seen.append(step)) as done:
        assert (done.sha256, done.resumed) == (SHA, False)
        done.part.replace(target)
        discard(done.part)
    assert seen[0] == ("downloading medium.iso", 0, len(BODY))
    assert seen[-1] == ("downloading medium.iso", len(BODY), len(BODY))
    assert names(target) == ["medium.iso"]


def test_a_truncated_answer_is_continued_in_the_same_run(
    web: WebServer, client: Client, target: Path
) -> None:
    web.put("/m", BODY, truncate=[1_000_000, 1_500_000])
    assert get(client, web.url + "/m", target) == (SHA, True)
    assert [asked.range for asked in web.asked] == [None, "bytes=1000000-", "bytes=2500000-"]
    assert web.asked[1].if_range == web.files["/m"].tag


def test_the_next_run_continues(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY)
    broken(web, target)
    assert get(client, web.url + "/m", target) == (SHA, True)
    assert [asked.range for asked in web.asked] == ["bytes=2000000-"]


def test_a_date_will_do_where_there_is_no_etag(
    web: WebServer, client: Client, target: Path
) -> None:
    date = "Wed, 01 Jan 2025 00:00:00 GMT"
    web.put("/m", BODY, etag=None, last_modified=date)
    broken(web, target)
    assert get(client, web.url + "/m", target) == (SHA, True)
    assert (web.asked[0].range, web.asked[0].if_range) == ("bytes=2000000-", date)


@pytest.mark.parametrize("habit", ["ignores ranges", "has a new file"])
def test_a_whole_answer_starts_again(
    web: WebServer, client: Client, target: Path, habit: str
) -> None:
    web.put("/m", b"x" * len(BODY) if habit == "has a new file" else BODY)
    broken(web, target)
    web.put("/m", BODY, ignore_range=habit == "ignores ranges")
    assert get(client, web.url + "/m", target) == (SHA, False)
    assert [asked.range for asked in web.asked] == ["bytes=2000000-"]


def test_a_partial_file_of_another_address_is_not_continued(
    web: WebServer, client: Client, target: Path
) -> None:
    web.put("/m", BODY)
    broken(web, target)
    web.put("/mirror/m", BODY)
    assert get(client, web.url + "/mirror/m", target) == (SHA, False)
    assert web.asked[0].range is None


def test_a_shorter_file_there_starts_again(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY)
    broken(web, target)
    web.put("/m", BODY[:1000], etag=web.files["/m"].tag)
    assert get(client, web.url + "/m", target) == (hashlib.sha256(BODY[:1000]).hexdigest(), False)


def test_another_range_than_asked_is_not_taken(
    web: WebServer, client: Client, target: Path
) -> None:
    web.put("/m", BODY, shift_range=7)
    broken(web, target)
    assert get(client, web.url + "/m", target) == (SHA, False)


@pytest.mark.parametrize(
    "habits", [{"etag": None}, {"etag": 'W/"weak"'}, {"accept_ranges": "none"}], ids=str
)
def test_what_cannot_be_continued_is_not_kept(
    web: WebServer, target: Path, habits: dict[str, str | None]
) -> None:
    web.put("/m", BODY, truncate=[2_000_000], **habits)
    with pytest.raises(B2ctError, match="cannot get"):
        get(ONCE, web.url + "/m", target)
    assert names(target) == []


def test_no_length_announced(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY, chunked=True)
    assert get(client, web.url + "/m", target) == (SHA, False)


def test_a_busy_server_is_asked_again(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY, statuses=[503, 500])
    assert get(client, web.url + "/m", target) == (SHA, False)
    web.put("/list", b"text", statuses=[429])
    assert client.small(web.url + "/list") == b"text"


def test_giving_up_names_the_reason(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY, statuses=[503] * 9)
    with pytest.raises(B2ctError) as caught:
        get(client, web.url + "/m", target)
    assert caught.value.message.endswith("the server answers 503 Service Unavailable")
    assert len(web.asked) == 3
    assert names(target) == []


@pytest.mark.parametrize("status", [404, 410])
def test_not_found_is_told_at_once(
    web: WebServer, client: Client, target: Path, status: int
) -> None:
    web.put("/m", BODY, statuses=[status])
    with pytest.raises(NotFoundError, match=rf"/m is not there \({status}\)"):
        get(client, web.url + "/m", target)
    assert len(web.asked) == 1


def test_forbidden(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY, statuses=[403])
    with pytest.raises(B2ctError, match="the server answers 403 Forbidden"):
        get(client, web.url + "/m", target)


def test_nobody_listens(client: Client, target: Path) -> None:
    with pytest.raises(B2ctError) as caught:
        get(client, "http://127.0.0.1:9/m", target)
    assert "Connection refused" in caught.value.message
    assert "<" not in caught.value.message
    assert "https_proxy" in caught.value.hint


def test_redirects(web: WebServer, client: Client, target: Path) -> None:
    web.put("/old", b"", redirect="/new")
    web.put("/new", b"", redirect=web.url + "/m")
    web.put("/m", BODY)
    assert get(client, web.url + "/old", target) == (SHA, False)
    web.put("/loop", b"", redirect="/loop")
    with pytest.raises(B2ctError, match="more than 8 redirects"):
        client.small(web.url + "/loop")
    web.put("/away", b"", redirect="file:///etc/passwd")
    with pytest.raises(B2ctError, match="which is not on the web"):
        client.small(web.url + "/away")


def test_tls(tls_web: WebServer, web: WebServer, target: Path) -> None:
    client = Client(Retries(attempts=1), timeout_s=5.0)
    tls_web.put("/m", BODY)
    tls_web.put("/moved", b"", redirect="/m")
    assert get(client, tls_web.url + "/moved", target) == (SHA, False)
    tls_web.put("/down", b"", redirect=web.url + "/m")
    with pytest.raises(B2ctError, match=r"redirects from https to http://127.*: refused"):
        client.small(tls_web.url + "/down")
    assert web.asked == []


def test_an_unknown_ca(tls_web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    tls_web.put("/m", BODY)
    with pytest.raises(B2ctError) as caught:
        Client().small(tls_web.url + "/m")
    assert caught.value.message.startswith("no trusted TLS connection to localhost:")
    assert "SSL_CERT_FILE" in caught.value.hint
    assert tls_web.asked == []


def test_a_second_run_is_told_to_wait(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY)
    with part_of(target).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(B2ctError, match="by another run of b2ct"):
            get(client, web.url + "/m", target)
    assert web.asked == []


def test_no_room_is_seen_before_the_download(web: WebServer, client: Client, target: Path) -> None:
    web.put("/m", BODY, announce=1 << 60)
    with pytest.raises(B2ctError, match=r"MiB free, medium\.iso needs 1099511627776 MiB more"):
        get(client, web.url + "/m", target)
    assert names(target) == []


def test_a_small_file_must_be_small(web: WebServer, client: Client) -> None:
    web.put("/key", BODY * 2)
    with pytest.raises(B2ctError, match="too large"):
        client.small(web.url + "/key")


LIMITED = """
import resource, sys
from pathlib import Path
from b2ct.base.download import Client
from b2ct.errors import B2ctError
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
try:
    with Client().download(sys.argv[1], Path(sys.argv[2])):
        pass
except B2ctError as error:
    print(error.message, error.hint, sep="|")
"""


def test_a_full_disk_keeps_what_can_be_continued(
    web: WebServer, client: Client, target: Path
) -> None:
    web.put("/m", BODY)
    argv = [sys.executable, "-c", LIMITED, web.url + "/m", str(target)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {part_of(target)}: File too large|")
    assert part_of(target).stat().st_size == 3 << 20
    web.asked.clear()
    assert get(client, web.url + "/m", target) == (SHA, True)
    assert web.asked[0].range == f"bytes={3 << 20}-"
