"""The files and folders of a FAT volume, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from iso_builder.errors import MediaError
from iso_builder.fat.names import fold, name_problem
from iso_builder.sources import Source

#: The size field of a folder entry has 32 bits.
FILE_LIMIT = (4 << 30) - 1
_ENTRY = 32
#: A folder may have 65,536 entries of 32 bytes.
_FOLDER_LIMIT = 65536
_SHOWN = 20


@dataclass(frozen=True)
class File:
    """A file of the volume."""

    path: str
    name: str
    source: Source


@dataclass
class Folder:
    """A folder of the volume; its children are sorted by name when the tree is finished."""

    path: str
    name: str
    folders: dict[str, Folder] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the children: folders, then files."""
        return [*self.folders, *self.files]

    def entry_count(self, *, is_root: bool) -> int:
        """Most 32-byte entries that this folder needs, long names included."""
        fixed = 1 if is_root else 2  # the label, or "." and ".."
        return fixed + sum(1 + -(-_units(name) // 13) for name in self.names)


class FatTree:
    """A checked tree. ``root`` is the root folder."""

    def __init__(self, files: Mapping[str, Source], folders: Iterable[str] = ()) -> None:
        """Build the tree of ``files`` (absolute POSIX path -> source) and empty ``folders``.

        :raises MediaError: naming everything that FAT cannot hold: files of 4 GiB and more,
            illegal names, names that differ only by case, folders that are too full.
        """
        self.root = Folder("/", "")
        self._problems: list[str] = []
        for path in sorted(folders):
            self._folder(path.strip("/").split("/") if path.strip("/") else [])
        for path, source in sorted(files.items()):
            self._file(path, source)
        self._check_folders()
        if self._problems:
            raise _refusal(self._problems)

    def walk(self) -> Iterator[Folder]:
        """Yield every folder, each after its parent."""
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(reversed(folder.folders.values()))

    def files(self) -> Iterator[File]:
        """Yield every file."""
        for folder in self.walk():
            yield from folder.files.values()

    def _folder(self, parts: list[str]) -> Folder:
        folder = self.root
        for name in parts:
            if name not in folder.folders:
                path = f"{folder.path.rstrip('/')}/{name}"
                self._check_name(path, name)
                folder.folders[name] = Folder(path, name)
            folder = folder.folders[name]
        return folder

    def _file(self, path: str, source: Source) -> None:
        *parents, name = path.strip("/").split("/")
        self._check_name(path, name)
        if source.size > FILE_LIMIT:
            self._problems.append(
                f"{path}: {source.size / 1e9:.1f} GB, but a file on FAT ends below 4 GiB"
            )
        self._folder(parents).files[name] = File(path, name, source)

    def _check_name(self, path: str, name: str) -> None:
        if problem := name_problem(name):
            self._problems.append(f"{_printable(path)}: {problem}")

    def _check_folders(self) -> None:
        for folder in self.walk():
            seen: dict[str, str] = {}
            for name in folder.names:
                other = seen.setdefault(fold(name), name)
                if name in folder.folders and name in folder.files:
                    self._problems.append(f"{folder.folders[name].path}: is a file and a folder")
                elif other != name:
                    self._problems.append(
                        f"{folder.path.rstrip('/')}/{name}: differs only by case from {other}"
                    )
            if folder.entry_count(is_root=folder is self.root) > _FOLDER_LIMIT:
                self._problems.append(f"{folder.path}: has more names than a FAT folder holds")


def _units(name: str) -> int:
    return len(name.encode("utf-16-le", "surrogatepass")) // 2


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _refusal(problems: list[str]) -> MediaError:
    problems = list(dict.fromkeys(problems))
    shown = problems[:_SHOWN]
    if len(problems) > _SHOWN:
        shown.append(f"and {len(problems) - _SHOWN} more")
    return MediaError(
        "these files cannot go on a FAT key:\n  " + "\n  ".join(shown),
        "write the ISO itself to the key (b2ct iso build, then b2ct usb write), or use a base"
        " without these files",
    )
