"""From a site and a base medium to a finished medium with its manifest beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from b2ct.base.catalogue import BaseKind
from b2ct.base.checksums import sha256_of
from b2ct.base.resolve import VerifiedBase
from b2ct.errors import B2ctError
from b2ct.media.debian import build_debian_key, debian_plan, select_debian
from b2ct.media.manifest import Manifest, tool_versions, write_manifest
from b2ct.media.plan import (
    KICKSTART_DIR,
    OEMDRV_KICKSTART,
    Selection,
    kickstart_plan,
    menu,
    oemdrv_files,
    oemdrv_releases,
    render_selection,
    require_release,
    select_nodes,
)
from b2ct.media.wanted import Wanted
from b2ct.model import ReleaseId, Site
from b2ct.render import Hashes, Rendered
from iso_builder.build import build_iso
from iso_builder.image import Image
from iso_builder.layouts import read_medium
from iso_builder.oemdrv import LABEL as OEMDRV_LABEL
from iso_builder.oemdrv import OemdrvKind, build_oemdrv
from iso_builder.plan import MediaPlan
from iso_builder.progress import Progress, silent
from iso_builder.usb import build_usb_image


@dataclass(frozen=True)
class Prepared:
    """All that a builder needs: the nodes, their text, the plan, and the manifest so far."""

    selection: Selection
    rendered: Rendered
    plan: MediaPlan
    manifest: Manifest


@dataclass(frozen=True)
class Made:
    """A finished medium. ``size`` is in bytes."""

    out: Path
    manifest_file: Path
    manifest: Manifest
    selection: Selection
    size: int


def prepare(
    site: Site, hashes: Hashes, wanted: Wanted, base: VerifiedBase, *, kind: str
) -> Prepared:
    """Choose the nodes, render their text and plan a medium made from an EL base ISO.

    :param kind: what the manifest calls the medium: ``usb`` or ``iso``.
    :raises B2ctError: unknown nodes, mixed releases, or a base of another release.
    :raises ProblemsError: everything that is wrong with the rendered text.
    """
    if base.kind is BaseKind.DEBIAN_NETBOOT and kind == "usb":
        return _prepare_debian(site, hashes, wanted, base)
    release = wanted.release
    if release is None and base.id in set(ReleaseId):
        release = ReleaseId(base.id)
    selection = select_nodes(site, wanted.nodes, everything=wanted.everything, release=release)
    if base.kind is not BaseKind.ISO:
        raise B2ctError(
            f"{base.name} is no boot ISO, and {selection.release.title} is installed from one",
            f"use --base {selection.release.id}",
        )
    require_release(selection, base.id, None if base.id else _major(base.path))
    rendered = render_selection(selection, hashes)
    path = f"{KICKSTART_DIR}/{rendered.path}"
    manifest = Manifest(
        kind=kind,
        site=site.site.name,
        release=selection.release.id,
        label=site.site.label,
        nodes=tuple(node.name for node in selection.nodes),
        kickstarts={path: rendered.sha256},
        arguments={entry.ident: entry.arguments for entry in menu(selection, path)},
        base=_base_facts(base),
        tools=tool_versions(_programs(kind)),
    )
    return Prepared(selection, rendered, kickstart_plan(selection, rendered, manifest), manifest)


def _prepare_debian(site: Site, hashes: Hashes, wanted: Wanted, base: VerifiedBase) -> Prepared:
    selection = select_debian(site, wanted, base)
    rendered = render_selection(selection, hashes)
    manifest = Manifest(
        kind="usb",
        site=site.site.name,
        release=selection.release.id,
        label=site.site.label,
        nodes=tuple(node.name for node in selection.nodes),
        kickstarts={f"{KICKSTART_DIR}/{rendered.path}": rendered.sha256},
        arguments={entry.ident: entry.arguments for entry in menu(selection, None)},
        base=_base_facts(base),
        tools=tool_versions(_programs("usb")),
    )
    return Prepared(selection, rendered, debian_plan(selection, rendered, manifest), manifest)


def make_usb_image(
    site: Site,
    hashes: Hashes,
    wanted: Wanted,
    base: VerifiedBase,
    out: Path,
    *,
    size: int | None = None,
    progress: Progress = silent,
) -> Made:
    """Build the key of some nodes, or of a whole site, and write its manifest beside it.

    :param size: length of the image in bytes; None for as small as it can be.
    """
    prepared = prepare(site, hashes, wanted, base, kind="usb")
    if base.netboot is not None:
        result = build_debian_key(base.netboot, out, prepared.plan, size=size, progress=progress)
    else:
        result = build_usb_image(base.path, out, prepared.plan, size=size, progress=progress)
    lines = tuple(entry.command_line for entry in result.entries if entry.kernel)
    return _finish(prepared, out, {"menu": lines}, progress)


def make_iso(
    site: Site,
    hashes: Hashes,
    wanted: Wanted,
    base: VerifiedBase,
    out: Path,
    *,
    media_check: bool = True,
    progress: Progress = silent,
) -> Made:
    """Build the install ISO of some nodes, or of a whole site, and its manifest beside it.

    :param media_check: implant the MD5 of the new content, which the installer checks.
    """
    prepared = prepare(site, hashes, wanted, base, kind="iso")
    result = build_iso(base.path, out, prepared.plan, media_check=media_check, progress=progress)
    lines: dict[str, tuple[str, ...]] = {}
    for line in result.command_lines:
        lines[line.file] = (*lines.get(line.file, ()), line.text)
    return _finish(prepared, out, lines, progress, media_check=result.media_check)


def make_oemdrv(
    site: Site,
    hashes: Hashes,
    wanted: Wanted,
    out: Path,
    *,
    kind: OemdrvKind,
    progress: Progress = silent,
) -> Made:
    """Build the companion of the vendor's unmodified boot ISO, and its manifest."""
    selection = select_nodes(
        site,
        wanted.nodes,
        everything=wanted.everything,
        release=wanted.release,
        among=oemdrv_releases(),
    )
    rendered = render_selection(selection, hashes)
    manifest = Manifest(
        kind=f"oemdrv-{kind}",
        site=site.site.name,
        release=selection.release.id,
        label=OEMDRV_LABEL,
        nodes=tuple(node.name for node in selection.nodes),
        kickstarts={OEMDRV_KICKSTART: rendered.sha256},
        tools=tool_versions(_programs(f"oemdrv-{kind}")),
    )
    result = build_oemdrv(out, oemdrv_files(rendered, manifest), kind=kind)
    finished = manifest.finished(out, sha256=result.sha256)
    return Made(out, write_manifest(finished, out), finished, selection, result.size)


def _finish(
    prepared: Prepared,
    out: Path,
    lines: Mapping[str, tuple[str, ...]],
    progress: Progress,
    media_check: str | None = None,
) -> Made:
    digest = sha256_of(out, progress)
    finished = prepared.manifest.finished(
        out, sha256=digest, command_lines=lines, media_check=media_check
    )
    path = write_manifest(finished, out)
    return Made(out, path, finished, prepared.selection, out.stat().st_size)


def _base_facts(base: VerifiedBase) -> dict[str, str | int | None]:
    return {
        "id": base.id,
        "name": base.name,
        "sha256": base.sha256,
        "size": base.size,
        "verified_by": base.verified_by,
    }


def _programs(kind: str) -> tuple[str, ...]:
    """Name the programs that take part in building a medium of this kind."""
    return {
        "usb": ("mtools", "syslinux"),
        "iso": ("xorriso", "mtools"),
        "oemdrv-iso": ("xorriso",),
    }.get(kind, ())


def _major(base: Path) -> int | None:
    """Give the major release that an ISO's ``.discinfo`` names; None if it names none."""
    with Image(base) as image:
        release = read_medium(image).release
    digits = release.partition(".")[0]
    return int(digits) if digits.isdecimal() else None
