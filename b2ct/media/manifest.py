"""The manifest: what a medium was made from, beside it and on it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from b2ct import __version__
from iso_builder.atomic import atomic_output

FORMAT = 1
_LIBRARIES = ("ansible-core", "jinja2", "pycdlib", "pykickstart")
#: Programs that take part in a build, and how they tell their version.
_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "xorriso": ("xorriso", "-version"),
    "mtools": ("mtools", "--version"),
    "syslinux": ("syslinux", "--version"),
}


@dataclass(frozen=True)
class Manifest:
    """What a medium was made from.

    ``kickstarts`` maps a path on the medium to the SHA256 of the text there; ``arguments``
    maps a menu entry to what its kernel command line gains. ``output``, ``size`` (bytes) and
    ``sha256`` describe the finished file: they are known beside the medium, not on it.
    """

    kind: str
    site: str
    release: str
    label: str
    nodes: tuple[str, ...]
    kickstarts: Mapping[str, str]
    arguments: Mapping[str, str] = field(default_factory=dict)
    base: Mapping[str, str | int | None] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    output: str | None = None
    size: int | None = None
    sha256: str | None = None
    media_check: str | None = None
    command_lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def finished(self, path: Path, **known: Any) -> Manifest:  # noqa: ANN401 - fields of this class
        """Add what is known once the medium is whole."""
        return replace(self, output=path.name, size=path.stat().st_size, **known)

    def text(self) -> str:
        """Give the JSON text; the same manifest gives the same bytes."""
        content: dict[str, object] = {"format": FORMAT, "b2ct": __version__}
        for name, value in vars(self).items():
            if value not in (None, {}, ()):
                content[name] = value
        return json.dumps(content, indent=2, sort_keys=False) + "\n"


def manifest_path(output: Path) -> Path:
    """Name the manifest that belongs beside an output."""
    return output.with_name(output.name + ".manifest.json")


def write_manifest(manifest: Manifest, output: Path) -> Path:
    """Write the manifest beside ``output`` and give its path."""
    path = manifest_path(output)
    with atomic_output(path) as part:
        part.write_text(manifest.text())
    return path


def tool_versions(programs: Iterable[str] = ()) -> dict[str, str]:
    """Give the versions of the libraries and of the named programs that take part."""
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    for name in programs:
        found = _program_version(_PROGRAMS[name])
        if found:
            versions[name] = found
    return versions


def _program_version(argv: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None  # the builder itself says what is missing
    match = re.search(r"(\d+\.\d+(?:[.\w]*))", done.stdout + done.stderr)
    return match[1] if match else None
