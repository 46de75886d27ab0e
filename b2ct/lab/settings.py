"""``lab.yml`` beside a site.yml: what a site file does not say of virtual machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from b2ct.errors import B2ctError, Problem, ProblemsError
from b2ct.load.document import parse
from b2ct.load.site import read_bytes
from b2ct.load.text import decode
from b2ct.model.types import HostName, Model, SectionName, Size, matching

SETTINGS_FILE: Final = "lab.yml"
#: What QEMU can say of a disk: a name of eight bytes, as udev and multipath write it.
WWID = re.compile(r"35[0-9a-f]{15}")
_WWID = matching(f"^{WWID.pattern}$", "35 and 15 digits 0 to f, such as 350000b2c70000001", 17)


class Lun(Model):
    """A disk that several nodes see; a LUN of the site's ``san`` if it has that name."""

    size: Size = Field(description="Such as 2GiB; the file is sparse")
    wwid: Annotated[str, _WWID] | None = Field(
        None, description="WWID, as multipath shows it; that of site.yml if absent"
    )
    paths: Annotated[int, Field(ge=1, le=4)] | None = Field(
        None, description="How many ways lead to it; as in site.yml, else 2, if absent"
    )
    nodes: tuple[HostName, ...] = Field((), description="Who sees it; every node if empty")


class Settings(Model):
    """How large the machines of a lab are, and which disks they share."""

    memory: Annotated[int, Field(ge=384, le=65536)] = Field(768, description="MiB of each node")
    cpus: Annotated[int, Field(ge=1, le=16)] = Field(1, description="Processors of each node")
    nodes: tuple[HostName, ...] = Field((), description="Only these nodes; all if empty")
    self_test: Annotated[int, Field(ge=0, le=600)] = Field(
        0, description="Seconds from the power to the start: the self-test of a server's firmware"
    )
    watchdogs: tuple[HostName, ...] = Field(
        (), description="Nodes with a watchdog card (i6300esb); others have the kernel's softdog"
    )
    luns: dict[SectionName, Lun] = Field(default_factory=dict, description="Shared disks, by name")


def read_settings(site_file: Path) -> Settings:
    """Read the lab.yml beside a site.yml; the defaults where there is none.

    :raises ProblemsError: with every problem of the file.
    """
    file = site_file.parent / SETTINGS_FILE
    if not file.exists():
        return Settings.model_validate({})
    document = parse(decode(read_bytes(file), str(file)), str(file))
    if document.problems:
        raise ProblemsError(document.problems)
    if not isinstance(document.data, dict):
        raise B2ctError(f"{file} holds no settings", "write for instance: memory: 768")
    try:
        return Settings.model_validate(document.data)
    except ValidationError as error:
        raise ProblemsError(
            Problem(
                str(file),
                document.line(tuple(fault["loc"])),
                f"{'.'.join(map(str, fault['loc']))}: {_told(fault['msg'])}",
            )
            for fault in error.errors(include_url=False)
        ) from None


def _told(message: str) -> str:
    for pattern, words in ((_WWID.pattern, "write 35 and 15 digits 0 to f"),):
        if str(pattern) in message:
            return f"no WWID that QEMU can give a disk; {words}"
    return message.removeprefix("Value error, ")
