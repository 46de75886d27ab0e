"""The catalogue: what the package brings, and what a site may write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from b2ct.base.catalogue import IsoEntry, NetbootEntry, load_catalogue, parse
from b2ct.errors import B2ctError, ProblemsError
from b2ct.model.releases import ReleaseId

GOOD = """\
- id: mine
  title: Mine
  addresses: [https://example.org/iso]
  file: mine.iso
  signature: none
"""


def test_every_release_has_a_medium() -> None:
    catalogue = load_catalogue()
    for release in ReleaseId:
        assert catalogue.get_iso(release.value).id == release.value
    for ident in ("debian-12-netboot", "debian-13-netboot"):
        assert isinstance(catalogue.get(ident), NetbootEntry)


def test_the_vendors_are_asked_over_tls_and_known_by_full_fingerprint() -> None:
    for entry in load_catalogue().entries:
        if isinstance(entry, NetbootEntry):
            assert entry.mirror.startswith("https://")
            continue
        addresses = [*entry.addresses, *([entry.key.address] if entry.key else [])]
        assert all(address.startswith("https://") for address in addresses)
        if entry.signed:
            assert entry.key is not None
            assert re.fullmatch("[0-9A-F]{40}", entry.key.fingerprint or "")
        else:
            # An unsigned medium is pinned, or says why it cannot be.
            assert entry.note
        assert all(address.endswith("/") for address in entry.addresses)


def test_only_the_medium_of_a_dead_release_may_have_an_expired_key() -> None:
    entries = [e for e in load_catalogue().entries if isinstance(e, IsoEntry) and e.key]
    assert [e.id for e in entries if e.key and e.key.accept_expired] == ["centos-6"]


BAD = [
    ("sha256: 12ab", 6, "sha256: a SHA256 is 64 hex digits"),
    ("adresses: [x]", 6, "adresses: unknown key; did you mean addresses?"),
    ("sha256:\n    - 1", 7, "sha256: Input should be a valid string"),
    ("key: {address: https://x/k}", 1, "`key` has no use with `signature: none`"),
    ("file: ../etc/passwd", 6, "'../etc/passwd' has a character that is not allowed here"),
    ("file: a*.iso", 1, "a * in `file` is filled in from a signed list"),
    ("addresses: [ftp://example.org/]", 6, "an address begins with https://"),
    ("addresses: []", 6, "at least 1 item"),
    ("signature: inline", 1, "a signature needs `checksums`"),
    ("kind: floppy", 6, "kind: "),
]


@pytest.mark.parametrize(("line", "number", "message"), BAD, ids=[line for line, _, _ in BAD])
def test_mistakes_are_told_with_file_and_line(line: str, number: int, message: str) -> None:
    key = line.partition(":")[0]
    kept = [old for old in GOOD.splitlines() if not old.strip().startswith(f"{key}:")]
    text = "\n".join([*kept, *(["  #"] * (5 - len(kept))), f"  {line}"]) + "\n"
    with pytest.raises(ProblemsError) as caught:
        parse(text, "my.yml")
    problems = [str(problem) for problem in caught.value.problems]
    assert any(p.startswith(f"my.yml:{number}: ") and message in p for p in problems), problems


def test_fingerprints_are_full() -> None:
    text = (
        GOOD.replace("none", "inline")
        + "  checksums: S\n  key: {address: https://x/k, fingerprint: %s}\n"
    )
    spaced = "bf18 ac28 7617 8908 d6e7  1267 d36c b86c b86b 3716"
    entry = parse(text % spaced, "f")[0]
    assert isinstance(entry, IsoEntry)
    assert entry.key is not None
    assert entry.key.fingerprint == "BF18AC2876178908D6E71267D36CB86CB86B3716"
    with pytest.raises(ProblemsError) as caught:
        parse(text % "B86B3716", "f")
    assert "f:7: key.fingerprint: a fingerprint is 40 hex digits" in str(caught.value.problems[0])


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(ProblemsError) as caught:
        parse(GOOD + "  nonsense: 1\n" + GOOD + "- 7\n" + GOOD, "f")
    assert [problem.line for problem in caught.value.problems] == [6, 12, 13]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- [", "f:1: not YAML"),
        ("id: x", "f:1: a catalogue is a list of media; begin each medium with `- id: …`"),
    ],
)
def test_what_is_no_catalogue(text: str, message: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        parse(text, "f")
    assert str(caught.value.problems[0]).startswith(message)


def test_a_site_adds_and_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config/b2ct/catalogue.yml"
    file.parent.mkdir(parents=True)
    file.write_text(GOOD + GOOD.replace("id: mine", "id: debian-12"))
    catalogue = load_catalogue()
    assert catalogue.get("mine").title == "Mine"
    assert catalogue.get("debian-12").title == "Mine"
    assert catalogue.get("debian-13").title != "Mine"
    monkeypatch.setenv("B2CT_CATALOGUE", str(tmp_path / "none.yml"))
    with pytest.raises(B2ctError, match="B2CT_CATALOGUE names"):
        load_catalogue()


def test_did_you_mean() -> None:
    with pytest.raises(B2ctError) as caught:
        load_catalogue().get("almalinux9")
    assert caught.value.hint == "did you mean almalinux-9?"
