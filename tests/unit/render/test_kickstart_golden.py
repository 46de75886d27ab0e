"""Every release and kind: the model accepts it, the text is exact, pykickstart and linter pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.model import Kind
from b2ct.render import render_all
from b2ct.render.el import problems

from .cases import EL_RELEASES, SomeHashes, case_site, every_el_release, rendered

GOLDEN = Path(__file__).parents[2] / "golden/kickstart"
KINDS = (Kind.CONTROL, Kind.HYPERVISOR, None)


def name(release: str, kind: Kind | None) -> str:
    return f"{release}-{kind.value if kind else 'site'}.ks"


@pytest.mark.parametrize("kind", KINDS, ids=["control", "hypervisor", "site"])
@pytest.mark.parametrize("release", every_el_release())
def test_text_is_valid_for_its_release(release: str, kind: Kind | None) -> None:
    assert problems(rendered(release, kind)) == ()


@pytest.mark.parametrize("kind", KINDS, ids=["control", "hypervisor", "site"])
@pytest.mark.parametrize("release", EL_RELEASES)
def test_text_is_exact(release: str, kind: Kind | None, request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / name(release, kind)
    text = rendered(release, kind).text
    if request.config.getoption("--update-golden"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"if this is meant: pytest --update-golden {__file__}"


def test_no_golden_file_is_left_over() -> None:
    expected = {name(release, kind) for release in EL_RELEASES for kind in KINDS}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_the_whole_site_renders_the_same_in_processes() -> None:
    site = case_site("almalinux-9")
    alone = render_all(site, SomeHashes(), jobs=1)
    assert [text.sha256 for text in render_all(site, SomeHashes(), jobs=2)] == [
        text.sha256 for text in alone
    ]
