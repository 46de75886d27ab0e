"""Build an install ISO from a vendor's: kickstarts and boot entries in, everything else kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from iso_builder import bootconfig
from iso_builder.atomic import atomic_output
from iso_builder.bootconfig import BootChange
from iso_builder.copying import write_all
from iso_builder.eltorito import InfoTable, info_table
from iso_builder.errors import MediaError
from iso_builder.fatedit import check_room, replace_files
from iso_builder.image import Image
from iso_builder.inspection import CommandLine, command_lines
from iso_builder.layouts import Layout, Medium, efi_extent, encode, read_medium
from iso_builder.mediacheck import BLANK, Implant, area_offset
from iso_builder.plan import MediaPlan
from iso_builder.plancheck import check_plan
from iso_builder.progress import Progress, silent
from iso_builder.session import NewFile, grow, session_time, write_files
from iso_builder.sparse import content_extents, copy_and_sum, copy_contents, copy_frame

#: What a session adds besides the files: its tree and padding to a whole cylinder.
_SESSION_SIZE = 8 << 20


@dataclass(frozen=True)
class BuildResult:
    """What was built. Sizes are in bytes; ``media_check`` is the implanted MD5 or None.

    There is no SHA256 here: it covers the implanted MD5 near the beginning of the image,
    which is known only after the last byte, so it would need a second pass in any case.
    """

    out: Path
    size: int
    base: Path
    layout: Layout
    release: str
    label: str
    command_lines: tuple[CommandLine, ...]
    media_check: str | None


@dataclass(frozen=True)
class _Texts:
    """The edited copies of the boot configuration, by path."""

    tree: Mapping[str, bytes]
    fat: Mapping[str, bytes]
    command_lines: tuple[CommandLine, ...]


def _edit_configs(medium: Medium, plan: MediaPlan, media_check: bool) -> _Texts:
    change = BootChange(
        plan, medium.volume.label, medium.layout.kickstart_argument, media_check=media_check
    )
    tree: dict[str, bytes] = {}
    fat: dict[str, bytes] = {}
    lines: list[CommandLine] = []
    for config in medium.configs:
        if config.dialect is None:
            continue
        try:
            if config.is_dead:
                text = bootconfig.relabel(
                    config.text, config.dialect, medium.volume.label, plan.label
                )
            else:
                text = bootconfig.edit(config.text, config.dialect, change)
        except MediaError as error:
            raise MediaError(f"{config.name}: {error.message}", error.hint) from error
        if text != config.text:
            (fat if config.in_fat else tree)[config.path] = encode(text)
        lines += command_lines(config, text)
    if not fat and not any(path.casefold().startswith("/efi/") for path in tree):
        raise MediaError("the base has no boot menu for UEFI", "use the vendor's boot ISO")
    return _Texts(tree, fat, tuple(lines))


def _check_outputs(base: Path, out: Path, size: int) -> None:
    if out.exists() and base.exists() and out.samefile(base):
        raise MediaError(
            f"{out} is the base itself, which is never changed", "name another file with -o"
        )
    try:
        state = os.statvfs(out.parent)
    except OSError:
        return  # atomic_output says what is wrong with the folder
    free = state.f_bavail * state.f_frsize
    if size > free:
        raise MediaError(
            f"cannot write {out}: {size >> 20} MiB are needed, {free >> 20} MiB are free",
            "free some space or choose another folder with -o",
        )


def _check_files(plan: MediaPlan, medium: Medium) -> None:
    for path, content in plan.files.items():
        if not content:
            raise MediaError(f"the file {path} is empty", "leave it out")
        for at in range(1, len(path)):
            if path[at] == "/" and path[:at] in medium.volume.files:
                raise MediaError(f"{path} would lie in {path[:at]}, a file of the base")


def build_iso(
    base: Path,
    out: Path,
    plan: MediaPlan,
    *,
    media_check: bool = True,
    progress: Progress = silent,
) -> BuildResult:
    """Write the ISO of ``plan`` to ``out``, made from the vendor's ISO ``base``.

    With ``media_check`` the implanted MD5 is that of the new content; without it nothing is
    implanted and no entry checks the medium. ``out`` is whole or not there; nothing is
    mounted and no root is needed. Raises :class:`MediaError` for a base of another layout,
    a plan that cannot be built, and every failure on the way.
    """
    with Image(base) as image:
        medium = read_medium(image)
        check_plan(plan, medium.volume.paths())
        _check_files(plan, medium)
        texts = _edit_configs(medium, plan, media_check)
        check_room(medium.fat, texts.fat)
        added = sum(len(content) for content in plan.files.values())
        _check_outputs(base, out, image.size + added + _SESSION_SIZE)
        with atomic_output(out) as part:
            implant = _assemble(
                image,
                medium,
                part,
                plan,
                texts=texts,
                media_check=media_check,
                progress=progress,
            )
            _check_result(part, medium, plan, texts)
    return BuildResult(
        out=out,
        size=out.stat().st_size,
        base=base,
        layout=medium.layout,
        release=medium.release,
        label=plan.label,
        command_lines=texts.command_lines,
        media_check=implant.md5 if implant else None,
    )


def _assemble(
    image: Image,
    medium: Medium,
    part: Path,
    plan: MediaPlan,
    *,
    texts: _Texts,
    media_check: bool,
    progress: Progress,
) -> Implant | None:
    boot_images = (medium.bios.offset, medium.uefi.offset)
    contents = content_extents(image, medium.volume, boot_images)
    files = {**texts.tree, **plan.files}

    def session() -> None:
        grow(
            part,
            image.path.resolve(),
            medium.volume,
            label=plan.label,
            files=tuple(NewFile(path, len(files[path]), path in texts.tree) for path in files),
            disk=medium.gpt.disk if medium.gpt else None,
            appended=efi_extent(medium) if medium.layout.has_appended_partition else None,
        )

    handle = os.open(part, os.O_RDWR | os.O_CLOEXEC)
    try:
        progress("adding files", 0, 0)
        copy_frame(image, handle, contents)
        if media_check:
            session()
        else:
            # xorriso neither reads nor writes the places that are filled here.
            with ThreadPoolExecutor(1) as pool:
                running = pool.submit(session)
                copy_contents(image, handle, contents, progress)
                running.result()
        with Image(part) as sparse:
            grown = read_medium(sparse)
        # xorriso pads the file beyond the volume; the backup GPT has to be at its very end.
        os.ftruncate(handle, grown.volume.size)
        write_files(handle, grown.volume, files)
        replace_files(handle, grown.fat, texts.fat, session_time(medium.volume.created))
        if media_check:
            return copy_and_sum(image, handle, contents, volume=grown.volume, progress=progress)
        write_all(handle, BLANK, area_offset(grown.volume.descriptor))
        return None
    finally:
        os.close(handle)


def _check_result(part: Path, before: Medium, plan: MediaPlan, texts: _Texts) -> None:
    """Refuse to hand out an image that lost something; it means a fault of a tool."""
    problems: list[str] = []
    with Image(part) as image:
        after = read_medium(image)
        if after.layout is not before.layout:
            problems.append(f"its layout became {after.layout}")
        if after.volume.label != plan.label:
            problems.append(f"its label is {after.volume.label!r}")
        lost = before.volume.paths() - after.volume.paths()
        if lost:
            problems.append(f"{len(lost)} files are gone, {min(lost)} among them")
        if (before.mbr is None) != (after.mbr is None) or (before.gpt is None) != (
            after.gpt is None
        ):
            problems.append("a partition table is gone")
        if after.gpt is not None:
            problems += after.gpt.problems
        if info_table(image, after.bios) is not InfoTable.VALID:
            problems.append("the boot info table of the BIOS boot image is wrong")
        found = {c.path: encode(c.text) for c in after.configs if c.in_fat}
        problems += [
            f"{path} was not changed" for path in texts.fat if found[path] != texts.fat[path]
        ]
    if problems:
        listed = "; ".join(problems)
        raise MediaError(
            f"the built image is not sound: {listed}",
            "report this with the name of the base and the version of xorriso",
        )
