"""The acceptance report: self-contained, true, harmless; and its signature."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from b2ct.errors import B2ctError
from b2ct.load import load_site
from b2ct.verify import Check, HostResult, Outcome, Report, html, sign, text
from b2ct.verify.pictures import slowest, timeline
from b2ct.verify.words import plain

EXAMPLE = Path(__file__).resolve().parents[3] / "inventories" / "example"


def check(host: str, area: str, words: str, outcome: Outcome, at: float, **more: str) -> Check:
    return Check(host, area, "test_x", words, outcome, at, 0.5, **more)


def report() -> Report:
    passed, failed, skipped = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
    evil = "<script>alert('x')</script> & co"
    cache = (
        check("cache1", "connection", "The host answers", passed, 0.0),
        check("cache1", "squid", evil, failed, 0.5, detail="got <b>200</b>", journal="squid: no"),
        check("cache1", "cvmfs", "Left out", skipped, 1.0, detail="no client here"),
    )
    node = (check("node1", "connection", "The host answers", passed, 0.2),)
    hosts = (
        HostResult("cache1", ("all", "cache"), "10.20.0.31", cache),
        HostResult("node1", ("all", "hypervisor"), "10.20.0.21", node),
    )
    return Report("example", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1.5, "0.1.0", hosts)


class Tags(HTMLParser):
    """Notes every tag, and that each is closed."""

    void = frozenset({"meta", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing() -> None:
    page = html(report(), load_site(EXAMPLE))
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe"}
    assert not [attrs for _, attrs in tags.seen if {"src", "href"} & set(attrs)]
    assert not re.search(r"url\(|@import", page)


def test_the_page_tells_verdict_counts_failures_and_journal() -> None:
    page = html(report(), load_site(EXAMPLE))
    assert ">Not accepted<" in page
    assert "2026-01-02 03:04 UTC" in page
    assert "got &lt;b&gt;200&lt;/b&gt;" in page
    assert "squid: no" in page
    assert '<td class="v-cell-failed" title="failed">0/1</td>' in page
    assert '<td class="v-cell-none" title="not meant for this host">–</td>' in page
    assert "control1" in page, "the picture of the site is missing"


def test_the_pictures_are_xml_with_a_bar_a_check() -> None:
    svg = "{http://www.w3.org/2000/svg}"
    drawn = ElementTree.fromstring(timeline(report()))
    bars = drawn.findall(f".//{svg}rect")
    assert [bar.get("class") for bar in bars] == ["v-passed", "v-failed", "v-skipped", "v-passed"]
    assert float(bars[1].get("x") or 0) > float(bars[0].get("x") or 0)
    assert len(ElementTree.fromstring(slowest(report())).findall(f".//{svg}rect")) == 4


def test_quiet_text_tells_only_what_did_not_pass() -> None:
    shown = text(report(), verbose=False)
    assert "The host answers" not in shown
    assert "got <b>200</b>" in shown
    assert "          | squid: no" in shown


def test_a_report_without_hosts_or_checks_is_not_accepted() -> None:
    empty = Report("x", datetime.now(UTC), 0, "0", ())
    assert not empty.good
    skipped = check("a", "b", "c", Outcome.SKIPPED, 0)
    assert not HostResult("a", ("all",), "a", (skipped,)).good


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("it is closed\nassert False", "it is closed"),
        ("assert 'a' == 'b'", "assert 'a' == 'b'"),
        (
            "assert False\n +  where False = <service x>.is_running",
            "<service x>.is_running is False",
        ),
        (
            "Unexpected exit code 3 for CommandResult(backend=<x>, exit_status=3,"
            " command=b'ls \\'a\\'', _stdout='', _stderr='no\\nway')",
            "'ls 'a'' ended with code 3: no\nway",
        ),
    ],
)
def test_failures_in_plain_words(told: str, words: str) -> None:
    assert plain(told) == words


def test_a_signed_report_is_verified_by_gpg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "gpg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    file = tmp_path / "report.html"
    file.write_text("accepted")
    with pytest.raises(B2ctError, match="gpg cannot sign with ada@example"):
        sign(file, "ada@example.org")
    assert not (tmp_path / "report.html.asc").exists()
    make = ["--quick-generate-key", "ada@example.org", "ed25519", "sign", "1d"]
    subprocess.run(["gpg", "--batch", "--passphrase", "", *make], check=True, capture_output=True)
    try:
        signature = sign(file, "ada@example.org")
        verify = ["gpg", "--verify", str(signature), str(file)]
        assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
        file.write_text("Accepted")
        assert subprocess.run(verify, capture_output=True, check=False).returncode == 1
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False)
