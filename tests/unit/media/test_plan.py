"""Which nodes a medium is for, and what its menu offers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from b2ct.errors import B2ctError
from b2ct.media import (
    Manifest,
    kickstart_plan,
    menu,
    oemdrv_files,
    oemdrv_releases,
    require_release,
    select_nodes,
)
from b2ct.model import RELEASES, Family, ReleaseId, Site
from b2ct.render import Rendered

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site() -> Site:
    text = (ROOT / "inventories/example/site.yml").read_text()
    return Site.model_validate(yaml.safe_load(text))


def rendered(site: Site, release: ReleaseId = ReleaseId.ALMALINUX_9) -> Rendered:
    return Rendered("example", None, RELEASES[release], "example.ks", "text\n")


def manifest() -> Manifest:
    return Manifest(
        kind="usb",
        site="example",
        release="almalinux-9",
        label="B2CT-EXAMPL",
        nodes=("control1",),
        kickstarts={"/b2ct/example.ks": "00"},
    )


def test_one_node_is_the_only_entry(site: Site) -> None:
    selection = select_nodes(site, ["control1"], everything=False)
    (entry,) = menu(selection, "/b2ct/control1.ks")
    assert not selection.whole_site
    assert (entry.ident, entry.kickstart, entry.arguments) == (
        "control1",
        "/b2ct/control1.ks",
        "",
    )
    assert selection.title == "b2ct: site example, node control1"


def test_whole_site_offers_recognition_each_node_and_the_dialog(site: Site) -> None:
    selection = select_nodes(site, [], everything=True, release=ReleaseId.ALMALINUX_9)
    assert [node.name for node in selection.nodes] == ["control1", "control2", "node1", "node2"]
    assert [node.name for node in selection.left_out] == ["node3", "cache1"]
    entries = menu(selection, "/b2ct/example.ks")
    assert [entry.arguments for entry in entries] == [
        "",
        "b2ct.node=control1",
        "b2ct.node=control2",
        "b2ct.node=node1",
        "b2ct.node=node2",
        "b2ct.ask=1",
    ]


def test_no_dialog_where_unknown_servers_are_refused(site: Site) -> None:
    strict = site.model_copy(update={"install": site.install.model_copy(update={"ask": ()})})
    selection = select_nodes(strict, [], everything=True, release=ReleaseId.ALMALINUX_9)
    assert "b2ct.ask=1" not in [entry.arguments for entry in menu(selection, "/b2ct/x.ks")]


@pytest.mark.parametrize(
    ("names", "everything", "release", "said", "hint"),
    [
        ([], False, None, "say what the medium is for", "--all"),
        (["control1"], True, None, "say what the medium is for", "--all"),
        (["contrl1"], False, None, "did you mean control1?", "it has: control1"),
        (["control1", "node3"], False, None, "several releases", "--release"),
        ([], True, None, "several releases: almalinux-9, debian-12, debian-13", "--release"),
        (
            ["control1", "node3"],
            False,
            ReleaseId.DEBIAN_13,
            "Debian 13 does not install control1 (almalinux-9)",
            "leave them out",
        ),
        ([], True, ReleaseId.ROCKY_8, "no chosen node is installed with Rocky Linux 8", "base"),
    ],
)
def test_refusals(
    site: Site,
    names: list[str],
    everything: bool,
    release: ReleaseId | None,
    said: str,
    hint: str,
) -> None:
    with pytest.raises(B2ctError) as error:
        select_nodes(site, names, everything=everything, release=release)
    assert said in error.value.message
    assert hint in error.value.hint


def test_oemdrv_is_for_anaconda_only(site: Site) -> None:
    releases = oemdrv_releases()
    assert {release.family for release in releases} == {Family.EL}
    assert RELEASES[ReleaseId.CENTOS_6] not in releases
    selection = select_nodes(site, [], everything=True, among=releases)
    assert selection.release.id is ReleaseId.ALMALINUX_9
    with pytest.raises(B2ctError, match="no chosen node"):
        select_nodes(site, ["node3"], everything=False, among=releases)
    files = oemdrv_files(rendered(site), manifest())
    assert files["/ks.cfg"] == b"text\n"


def test_base_must_install_the_release(site: Site) -> None:
    selection = select_nodes(site, ["node1"], everything=False)
    require_release(selection, "almalinux-9", 9)
    require_release(selection, None, 9)
    with pytest.raises(B2ctError, match="the base is rocky-9"):
        require_release(selection, "rocky-9", 9)
    with pytest.raises(B2ctError, match="laid out as EL 8"):
        require_release(selection, None, 8)


def test_plan_carries_text_and_manifest(site: Site) -> None:
    selection = select_nodes(site, ["node1"], everything=False)
    plan = kickstart_plan(selection, rendered(site), manifest())
    assert plan.label == "B2CT-EXAMPL"
    assert plan.serial == "ttyS0,115200n8"
    assert plan.files["/b2ct/example.ks"] == b"text\n"
    assert json.loads(plan.files["/b2ct/manifest.json"])["kickstarts"] == {"/b2ct/example.ks": "00"}


def test_narrowed_site_forgets_the_other_nodes(site: Site) -> None:
    assert set(site.resolved) > {"node1"}
    narrowed = site.narrowed({"node1"})
    assert set(narrowed.resolved) == {"node1"}
    assert set(narrowed.nodes) == {"node1"}


def test_manifest_is_the_same_for_the_same_input(tmp_path: Path) -> None:
    assert manifest().text() == manifest().text()
    output = tmp_path / "key.img"
    output.write_bytes(b"12345")
    finished = json.loads(manifest().finished(output, sha256="ab").text())
    assert (finished["output"], finished["size"], finished["sha256"]) == ("key.img", 5, "ab")
    assert "media_check" not in finished
