"""Lists of check sums in the vendors' styles."""

from __future__ import annotations

import pytest

from b2ct.base.checksums import Listed, parse_checksums, pick
from b2ct.errors import B2ctError

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"SHA256 (x.iso) = {A}\n", (Listed("x.iso", A),)),
        (f"{A}  x.iso\n", (Listed("x.iso", A),)),
        (f"{A} *x.iso\r\n", (Listed("x.iso", A),)),
        (f"{A.upper()}  ./iso/x.iso\n", (Listed("x.iso", A),)),
        (
            f"# x.iso: 12 bytes\nSHA256 (x.iso) = {A}\n{B}  y.iso",
            (Listed("x.iso", A), Listed("y.iso", B)),
        ),
        (
            f"MD5 (x.iso) = {A[:32]}\nSHA512 (x.iso) = {A}{B}\n{A}{B}  x.iso\n{A[:40]}  x.iso\n",
            (),
        ),
        (f"SHA256 (x.iso) = {A}\nSHA256 (x.iso) = {A}\n", (Listed("x.iso", A),)),
    ],
)
def test_styles(text: str, expected: tuple[Listed, ...]) -> None:
    assert parse_checksums(text) == expected


def test_two_digests_for_one_name_are_refused() -> None:
    with pytest.raises(B2ctError, match=r"two SHA256 for x\.iso"):
        parse_checksums(f"SHA256 (x.iso) = {A}\n{B}  x.iso\n")


def test_the_highest_version_fits() -> None:
    names = ["debian-13.9.0-amd64-netinst.iso", "debian-13.10.0-amd64-netinst.iso"]
    names += ["debian-edu-13.11.0-amd64-netinst.iso", "debian-mac-13.12.0-amd64-netinst.iso"]
    files = tuple(Listed(name, A) for name in names)
    chosen = pick(files, "debian-13.*-amd64-netinst.iso")
    assert chosen is not None
    assert chosen.name == "debian-13.10.0-amd64-netinst.iso"
    assert pick(files, "debian-12.*-amd64-netinst.iso") is None
