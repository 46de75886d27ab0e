"""The scalar types of the site file, each with the error text its admin will read."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

#: Binary and decimal units, in bytes. A bare letter is binary, as in LVM and kickstart.
_UNITS: Final = {
    "": 1,
    "K": 1 << 10,
    "M": 1 << 20,
    "G": 1 << 30,
    "T": 1 << 40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
    "TIB": 1 << 40,
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
#: Characters of a FAT volume label (Microsoft's FAT specification, short names) that survive
#: a kernel command line; the blank is FAT-legal too, but splits LABEL= there.
_FAT_LABEL = re.compile(r"[A-Z0-9_-]+")
_FAT_LABEL_MAX = 11


class Model(BaseModel):
    """The base of every section: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


#: Pattern -> what a text of that pattern is, for the message when one does not fit.
PATTERNS: Final[dict[str, str]] = {}


def matching(pattern: str, what: str, max_length: int | None = None) -> StringConstraints:
    """Constrain a text to a pattern; ``what`` completes "… is no fit: write <what>"."""
    PATTERNS[pattern] = what
    return StringConstraints(pattern=pattern, max_length=max_length)


def parse_size(value: Any) -> int:  # noqa: ANN401 - raw YAML scalar
    """Give bytes for ``40 GiB``, ``40G`` (binary) or ``480 GB`` (decimal)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("this is no size; write a number with a unit, such as 40GiB or 480GB")
    if isinstance(value, str) and len(value) > 32:
        raise ValueError("this is no size; write a number with a unit, such as 40GiB or 480GB")
    match = _SIZE.fullmatch(str(value))
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(
            f"{value!r} is no size; write a number with a unit, such as 40GiB or 480GB"
        )
    size = int(float(match[1]) * _UNITS[match[2].upper()])
    if size >= 1 << 60:
        raise ValueError(f"{value!r} is more than any disk has; correct the number or its unit")
    if not match[2] and size < _UNITS["M"]:
        raise ValueError(f"{value} lacks a unit; write for instance {value}GiB")
    if size < _UNITS["M"]:
        raise ValueError(f"{value!r} is less than 1 MiB; correct the number or its unit")
    return size


def format_size(size: int) -> str:
    """Write bytes as a person would: the largest binary unit that keeps it short."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            number = size / unit
            return f"{number:.0f} {name}" if number == int(number) else f"{number:.1f} {name}"
    return f"{size} B"


def _mac_input(value: Any) -> Any:  # noqa: ANN401 - raw YAML scalar
    # YAML 1.1 reads 52:54:00:12:34:56, all digits, as a number in base 60.
    if isinstance(value, int):
        raise ValueError("YAML took this MAC address for a number; put it in quotes")
    return value


def _mac(value: str) -> str:
    lowered = value.strip().lower().replace("-", ":")
    if not _MAC.fullmatch(lowered):
        raise ValueError(f"{value!r} is no MAC address; write it like 52:54:00:12:34:56")
    if int(lowered[:2], 16) & 1:
        raise ValueError(f"{value} is a multicast address, which no network card has")
    return lowered


def _host_name(value: str) -> str:
    if value != value.lower():
        raise ValueError(f"{value!r} has capital letters; write {value.lower()!r}")
    if "." in value:
        raise ValueError(f"{value!r} has a dot; write the short name, the domain is said in site:")
    if not _HOST_LABEL.fullmatch(value) or value.isdigit():
        raise ValueError(
            f"{value!r} is no host name; use letters, digits and inner hyphens, 63 at most"
        )
    return value


def _domain(value: str) -> str:
    labels = value.lower().rstrip(".").split(".")
    if len(value) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{value!r} is no domain name; write it like cloud.example.org")
    return ".".join(labels)


def _host_or_address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if re.fullmatch(r"[\d.]+", value):
            raise ValueError(f"{value!r} is no IP address") from None
        return _domain(value)


def _fat_label(value: str) -> str:
    if len(value) > _FAT_LABEL_MAX:
        raise ValueError(
            f"volume label {value!r} has {len(value)} characters, FAT carries {_FAT_LABEL_MAX};"
            " shorten it"
        )
    if not _FAT_LABEL.fullmatch(value):
        raise ValueError(
            f"volume label {value!r} is not FAT-legal; use capital letters, digits, - and _"
        )
    return value


_SSH_KEY_TYPES: Final = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


_SSH_KEY_CUT: Final = "this ssh public key is cut or altered; copy the .pub file's line"


def _ssh_key(value: str) -> str:
    if "PRIVATE KEY" in value:
        raise ValueError("this is a private ssh key; give the public one (the .pub file)")
    if "\n" in value:
        raise ValueError("one ssh key a list entry, on one line")
    fields = value.split(None, 2)
    if len(fields) < 2 or fields[0] not in _SSH_KEY_TYPES:
        raise ValueError("this is no ssh public key; paste the line of an id_*.pub file")
    try:
        blob = base64.b64decode(fields[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "this ssh public key is cut or altered; copy the .pub file's line"
        ) from None
    # RFC 4253, 6.6: the blob is a row of length-prefixed strings, its type first.
    parts = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError(_SSH_KEY_CUT)
        parts.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    if len(parts) < 2 or parts[0].decode("ascii", "replace") != fields[0]:
        raise ValueError(_SSH_KEY_CUT)
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/$.?#'\"][^\s'\"]*", value):
        raise ValueError(f"{value!r} is no web address; write https://host/path")
    return value.rstrip("/")


def _https(value: str) -> str:
    if value.startswith("http://"):
        raise ValueError(f"{value!r} is not encrypted; write https://")
    return _url(value)


def _whole_number(value: Any) -> Any:  # noqa: ANN401 - raw YAML scalar
    if isinstance(value, bool):
        raise ValueError("this is a truth value; write a whole number")
    return value


#: For whole numbers: YAML's yes and on are none.
NO_TRUTH_VALUE: Final = BeforeValidator(_whole_number)
SizeText = Annotated[
    str,
    matching(r"^\s*\d+(\.\d+)?\s*([KMGTkmgt]([iI]?[bB])?)\s*$", "a size such as 40GiB or 480GB"),
]
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=SizeText)]
Mac = Annotated[
    str,
    BeforeValidator(
        _mac_input,
        json_schema_input_type=Annotated[
            str, matching(r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", "a MAC address, in quotes")
        ],
    ),
    AfterValidator(_mac),
]


def _for_editors(pattern: str, what: str) -> Any:  # noqa: ANN401 - pydantic's FieldInfo
    """Put a pattern into the JSON Schema only: the validator tells faults in better words."""
    PATTERNS[pattern] = what
    return Field(json_schema_extra={"pattern": pattern})


_DOMAIN_PATTERN: Final = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*\.?$"
HostName = Annotated[
    str,
    AfterValidator(_host_name),
    _for_editors(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "a short host name"),
]
DomainName = Annotated[str, AfterValidator(_domain), _for_editors(_DOMAIN_PATTERN, "a DNS domain")]
HostOrAddress = Annotated[
    str,
    AfterValidator(_host_or_address),
    _for_editors(r"^[A-Za-z0-9][A-Za-z0-9.:-]*$", "a DNS name or an address"),
]
FatLabel = Annotated[
    str,
    AfterValidator(_fat_label),
    _for_editors(
        r"^[A-Z0-9_-]{1,11}$", "a volume label: capital letters, digits, - and _, 11 at most"
    ),
]
SshKey = Annotated[
    str,
    AfterValidator(_ssh_key),
    _for_editors(r"^(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/]+=*", "an ssh public key"),
]
Url = Annotated[str, AfterValidator(_url), _for_editors("^https?://", "a web address")]
HttpsUrl = Annotated[
    str, AfterValidator(_https), _for_editors("^https://", "a web address with https")
]
#: A user that useradd takes on every release.
UserName = Annotated[
    str,
    matching(
        r"^[a-z_][a-z0-9_-]{0,31}$",
        "a login name: small letters, digits, - and _, 32 at most, a letter first",
    ),
]
#: A network device as the kernel names it: IFNAMSIZ is 16 with the final NUL.
DeviceName = Annotated[
    str,
    matching(
        r"^[A-Za-z][A-Za-z0-9_-]{0,14}$",
        "a device name such as eno1 or bond0: letters, digits, - and _, 15 at most",
    ),
]
#: A logical volume (lvm(8), "Valid names"), without what a shell would treat.
VolumeName = Annotated[
    str,
    matching(
        r"^[A-Za-z0-9_][A-Za-z0-9_.]{0,63}$",
        "a volume name such as root or images: letters, digits, _ and inner dots, 64 at most",
    ),
]
SectionName = Annotated[
    str,
    matching(
        r"^[a-z][a-z0-9_]{0,31}$",
        "a name of small letters, digits and _, 32 at most, a letter first",
    ),
]
MountPoint = Annotated[
    str,
    matching(
        r"^/(?:[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)?$",
        "a mount point such as / or /var/lib/one: absolute, without blanks or a final slash",
    ),
]


class Role(StrEnum):
    """What a node does in the site."""

    CONTROL = "control"
    HYPERVISOR = "hypervisor"
    CACHE = "cache"
