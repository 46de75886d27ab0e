"""Symbolic links of an ISO, for file systems that have none."""

from __future__ import annotations

import posixpath

from iso_builder.volume import Volume, VolumeFile

_LINKS = 40  # as many links as the kernel follows


def linked_files(volume: Volume) -> tuple[dict[str, VolumeFile], list[str]]:
    """Follow the links: path of a link -> the file at its end, and what is wrong with others.

    A link to a file can become a copy of it; loops, links to folders and links that leave
    the ISO are the second part of the answer, a sentence each.
    """
    found: dict[str, VolumeFile] = {}
    problems: list[str] = []
    for link, text in sorted(volume.symlinks.items()):
        target = _follow(volume.symlinks, link)
        if target in volume.files:
            found[link] = volume.files[target]
        elif target is None:
            problems.append(f"{link}: a loop of symbolic links")
        elif target in volume.folders:
            problems.append(f"{link}: a symbolic link to the folder {target}")
        else:
            problems.append(f"{link}: a symbolic link to {text}, which is not on the ISO")
    return found, problems


def _follow(links: dict[str, str], path: str) -> str | None:
    """Resolve every link in ``path``; None for a loop.

    An absolute link leaves the ISO wherever it is mounted: its text is the answer then.
    """
    for _ in range(_LINKS):
        parts = path.strip("/").split("/")
        for count in range(1, len(parts) + 1):
            head = "/" + "/".join(parts[:count])
            if head in links:
                text = links[head]
                if text.startswith("/"):
                    return f"absolute: {text}"
                joined = posixpath.join(posixpath.dirname(head), text, *parts[count:])
                path = "/" + posixpath.normpath(joined).lstrip("/")
                break
        else:
            return path
    return None
