"""Which nodes a medium is for, and what it carries and offers: Site to MediaPlan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from b2ct.errors import B2ctError
from b2ct.media.manifest import Manifest
from b2ct.model import RELEASES, Family, Release, ReleaseId, ResolvedNode, Site
from b2ct.render import Hashes, Rendered, choose_nodes, render_all, render_site
from iso_builder.plan import BootEntry, MediaPlan

#: Where kickstarts lie on a medium. ISO 9660 level 2 names: short, lower case by Rock Ridge.
KICKSTART_DIR = "/b2ct"
MANIFEST_PATH = f"{KICKSTART_DIR}/manifest.json"
#: Anaconda loads this file by itself from a volume labelled OEMDRV (EL 7 and later).
OEMDRV_KICKSTART = "/ks.cfg"
_OEMDRV_SINCE = 7


@dataclass(frozen=True)
class Selection:
    """The nodes that one medium installs, all of one release.

    ``whole_site`` media pick the node by MAC address or DMI serial and ask on a machine that
    they do not know. ``left_out`` are nodes of other releases, told to the admin.
    """

    site: Site
    release: Release
    nodes: tuple[ResolvedNode, ...]
    whole_site: bool
    left_out: tuple[ResolvedNode, ...] = ()

    @property
    def title(self) -> str:
        """The headline of the boot menu: the site, and the node where there is one only."""
        what = "all nodes" if self.whole_site else f"node {self.nodes[0].name}"
        return f"b2ct: site {self.site.site.name}, {what}"


def select_nodes(
    site: Site,
    names: Sequence[str],
    *,
    everything: bool,
    release: ReleaseId | None = None,
    among: Iterable[Release] | None = None,
) -> Selection:
    """Choose the nodes of a medium.

    Exactly one of ``names`` and ``everything`` is given. ``release`` narrows a whole-site
    medium to one release; without it the site must use only one of those in ``among`` (all,
    if None). Raises :class:`B2ctError` for unknown names and mixed releases.
    """
    if everything == bool(names):
        raise B2ctError(
            "say what the medium is for", "name one or more nodes, or --all for the whole site"
        )
    chosen = choose_nodes(site, names or None)
    used = {node.release.id for node in chosen}
    allowed = {entry.id for entry in among} if among is not None else set(ReleaseId)
    candidates = [ident for ident in ReleaseId if ident in used & allowed]
    if release is not None:
        candidates = [ident for ident in candidates if ident is release]
    if not candidates:
        wanted = RELEASES[release].title if release else "a release that this medium supports"
        listed = ", ".join(f"{node.name} ({node.release.id})" for node in chosen[:8])
        raise B2ctError(
            f"no chosen node is installed with {wanted}: {listed}",
            "choose other nodes, another base, or change install.release in site.yml",
        )
    if len(candidates) > 1:
        raise B2ctError(
            f"the chosen nodes use several releases: {', '.join(candidates)}",
            "a medium carries one installer: choose one with --release, or name the nodes",
        )
    nodes = tuple(node for node in chosen if node.release.id is candidates[0])
    left_out = tuple(node for node in chosen if node.release.id is not candidates[0])
    if names and left_out:
        listed = ", ".join(f"{node.name} ({node.release.id})" for node in left_out)
        raise B2ctError(
            f"{RELEASES[candidates[0]].title} does not install {listed}",
            "leave them out, or build their medium from a base of their own release",
        )
    whole = everything or len(nodes) > 1
    return Selection(site, RELEASES[candidates[0]], nodes, whole, left_out)


def require_release(selection: Selection, base_id: str | None, layout_major: int | None) -> None:
    """Refuse a base that cannot install the selection.

    ``base_id`` is the base's id in the catalogue; ``layout_major`` the major release that its
    layout stands for, used where the admin vouched for an ISO without an id.
    """
    if base_id is not None and base_id in set(ReleaseId) and base_id != selection.release.id:
        raise B2ctError(
            f"the base is {base_id}, but {selection.nodes[0].name} is installed with "
            f"{selection.release.id}",
            f"use --base {selection.release.id}, or change the release in site.yml",
        )
    if base_id is None and layout_major is not None and layout_major != selection.release.major:
        raise B2ctError(
            f"the base is laid out as EL {layout_major}, but {selection.nodes[0].name} is "
            f"installed with {selection.release.id}",
            f"use --base {selection.release.id}",
        )


def render_selection(selection: Selection, hashes: Hashes) -> Rendered:
    """Render and judge the one text that the medium carries: a node's, or the whole site's."""
    site = selection.site
    if not selection.whole_site:
        return render_all(site, hashes, [selection.nodes[0].name])[0]
    narrowed = site.narrowed({node.name for node in selection.nodes})
    return render_site(narrowed, selection.release, hashes)


def kickstart_plan(selection: Selection, rendered: Rendered, manifest: Manifest) -> MediaPlan:
    """Give the plan of an EL medium that boots into the rendered kickstart."""
    install = selection.site.install
    path = f"{KICKSTART_DIR}/{rendered.path}"
    return MediaPlan(
        label=selection.site.site.label,
        title=selection.title,
        entries=menu(selection, path),
        files={path: rendered.text.encode(), MANIFEST_PATH: manifest.text().encode()},
        timeout_s=install.menu_timeout,
        serial=install.serial_console,
    )


def menu(
    selection: Selection, kickstart: str | None, initrds: tuple[str, ...] = ()
) -> tuple[BootEntry, ...]:
    """Give the entries of the boot menu, the one that needs no choice first."""
    title = selection.release.title

    def entry(ident: str, text: str, arguments: str = "") -> BootEntry:
        return BootEntry(ident, text, kickstart, arguments, initrds)

    if not selection.whole_site:
        node = selection.nodes[0]
        return (entry(node.name, f"Install {node.name} ({node.kind}, {title})"),)
    entries = [entry("b2ct-auto", f"Install this server, recognised by MAC or serial ({title})")]
    entries += [
        entry(f"b2ct-{node.name}", f"Install {node.name} ({node.kind})", f"b2ct.node={node.name}")
        for node in selection.nodes
    ]
    if selection.site.install.ask:
        entries.append(entry("b2ct-ask", "Install another server (asks questions)", "b2ct.ask=1"))
    return tuple(entries)


def oemdrv_releases() -> tuple[Release, ...]:
    """Releases whose installer reads an OEMDRV volume."""
    return tuple(
        release
        for release in RELEASES.values()
        if release.family is Family.EL and release.major >= _OEMDRV_SINCE
    )


def oemdrv_files(rendered: Rendered, manifest: Manifest) -> dict[str, bytes]:
    """Give the files of an OEMDRV volume by their absolute path on it."""
    return {
        OEMDRV_KICKSTART: rendered.text.encode(),
        MANIFEST_PATH: manifest.text().encode(),
    }
