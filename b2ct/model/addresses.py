"""Addresses and subnets of the site file, each with the error text its admin will read.

pydantic's own types take numbers for addresses (``10`` becomes 0.0.0.10) and tell nothing
but "not a valid address"; these take text only and say what is wrong.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator

from b2ct.model.types import matching

_EXAMPLES: Final = {4: "10.20.0.11", 6: "2001:db8::11"}
_SUBNETS: Final = {4: "10.20.0.0/24", 6: "2001:db8:20::/64"}


def _as_text(value: Any, example: str) -> str:  # noqa: ANN401 - raw YAML value
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict | list):
        raise ValueError(f"this must be one address; write it like {example}")
    if value is None:
        raise ValueError(f"this is empty; give an address such as {example} or remove the line")
    raise ValueError(f"YAML took this address for a number; put it in quotes, like '{example}'")


def _address(value: Any, version: int | None = None) -> IPv4Address | IPv6Address:  # noqa: ANN401
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    example = _EXAMPLES[version or 4]
    text = _as_text(value, example)
    if "/" in text:
        raise ValueError(
            f"{text!r} carries a prefix length; write the address alone, the network knows its size"
        )
    if "%" in text:
        raise ValueError(f"{text!r} carries a zone; write the address alone")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        kind = f"IPv{version}" if version else "IP"
        raise ValueError(f"{text!r} is no {kind} address; write it like {example}") from None
    if version and address.version != version:
        raise ValueError(f"{text} is an IPv{address.version} address; write one like {example}")
    return address


def _address4(value: Any) -> Any:  # noqa: ANN401 - validator
    return _address(value, 4)


def _address6(value: Any) -> Any:  # noqa: ANN401 - validator
    return _address(value, 6)


def bare_address(value: Any) -> IPv4Address | IPv6Address:  # noqa: ANN401 - raw YAML value
    """Read a node's address on a network, given without ``ipv4:`` or ``ipv6:`` before it."""
    if isinstance(value, str) and value.strip().isalpha():
        raise ValueError(f"{value.strip()!r} is no address; write one like {_EXAMPLES[4]}, or dhcp")
    return _address(value)


def _address4_or_dhcp(value: Any) -> Any:  # noqa: ANN401 - validator
    return "dhcp" if value == "dhcp" else _word_or_address(value, 4, "dhcp")


def _address6_or_auto(value: Any) -> Any:  # noqa: ANN401 - validator
    return "auto" if value == "auto" else _word_or_address(value, 6, "auto")


def _word_or_address(value: Any, version: int, word: str) -> Any:  # noqa: ANN401 - validator
    if isinstance(value, str) and value.strip().isalpha():
        raise ValueError(
            f"{value.strip()!r} is no address; write one like {_EXAMPLES[version]}, or {word}"
        )
    return _address(value, version)


def _subnet(value: Any, version: int) -> Any:  # noqa: ANN401 - validator
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = _as_text(value, _SUBNETS[version])
    example = _SUBNETS[version]
    if "/" not in text:
        raise ValueError(f"{text!r} has no prefix length; write a subnet like {example}")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no subnet; write it like {example}") from None
    if network.version != version:
        raise ValueError(f"{text} is an IPv{network.version} subnet; write one like {example}")
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"{text} has host bits set; the subnet is {network}")
    return network


def _subnet4(value: Any) -> Any:  # noqa: ANN401 - validator
    return _subnet(value, 4)


def _subnet6(value: Any) -> Any:  # noqa: ANN401 - validator
    return _subnet(value, 6)


def _any_subnet(value: Any) -> Any:  # noqa: ANN401 - validator
    """Take a bare address for the subnet of this one address."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = _as_text(value, _SUBNETS[4])
    version = 6 if ":" in text else 4
    if "/" not in text:
        return ipaddress.ip_network(_address(text))
    return _subnet(text, version)


Address4 = Annotated[IPv4Address, BeforeValidator(_address4)]
Address6 = Annotated[IPv6Address, BeforeValidator(_address6)]
AnyAddress = Annotated[IPv4Address | IPv6Address, BeforeValidator(_address)]
Address4OrDhcp = Annotated[IPv4Address | Literal["dhcp"], BeforeValidator(_address4_or_dhcp)]
Address6OrAuto = Annotated[IPv6Address | Literal["auto"], BeforeValidator(_address6_or_auto)]
Subnet4 = Annotated[
    IPv4Network,
    BeforeValidator(
        _subnet4,
        json_schema_input_type=Annotated[
            str, matching(r"^\d+(\.\d+){3}/\d{1,2}$", "a subnet such as 10.20.0.0/24")
        ],
    ),
]
Subnet6 = Annotated[
    IPv6Network,
    BeforeValidator(
        _subnet6,
        json_schema_input_type=Annotated[
            str, matching(r"^[0-9A-Fa-f:.]+/\d{1,3}$", "a subnet such as 2001:db8:20::/64")
        ],
    ),
]
AnySubnet = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(
        _any_subnet,
        json_schema_input_type=Annotated[
            str,
            matching(
                r"^[0-9A-Fa-f:.]+(/\d{1,3})?$", "an address, or a subnet such as 10.20.0.0/24"
            ),
        ],
    ),
]
