"""Section ``site``: what is true of every machine of the site."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from b2ct.model.addresses import AnyAddress
from b2ct.model.types import (
    DomainName,
    FatLabel,
    HostName,
    HostOrAddress,
    Model,
    SshKey,
    UserName,
    matching,
)


class Admin(Model):
    """A person who administers the site: an account with sudo on every machine."""

    name: UserName = Field(description="Login name")
    full_name: Annotated[
        str,
        matching(
            r"^[^:\n\"'\\$`]*$", "a name on one line, without colon, quotes, $, ` and backslash"
        ),
    ] = Field("", description="Name and contact, for the account's comment")
    ssh_keys: tuple[SshKey, ...] = Field(
        min_length=1, description="ssh public keys, one line each, as in an id_*.pub file"
    )


class Dns(Model):
    """Name servers and search domains."""

    servers: tuple[AnyAddress, ...] = Field(
        min_length=1, description="Addresses of the name servers"
    )
    search: tuple[DomainName, ...] = Field(
        (), description="Search domains; the site's own if empty"
    )


class General(Model):
    """What is true of every machine of the site."""

    name: HostName = Field(description="Short name of the site; also names its media")
    domain: DomainName = Field(description="DNS domain of all nodes")
    label: FatLabel = Field(
        "B2CT", description="Volume label of the site's USB keys and ISOs, 11 characters at most"
    )
    timezone: str = Field("Etc/UTC", description="Zone of the IANA database, such as Europe/Rome")
    keyboard: Annotated[
        str,
        matching(
            r"^[a-z]{2,12}(?:[-_][A-Za-z0-9_-]+)?$", "a keyboard such as us, it or de-nodeadkeys"
        ),
    ] = Field("us", description="Console keyboard, such as us, it or de-nodeadkeys")
    language: Annotated[
        str,
        matching(
            r"^[a-z]{2,3}_[A-Z]{2}(?:\.UTF-8)?(?:@[a-z]+)?$",
            "a locale such as en_US.UTF-8 or it_IT.UTF-8",
        ),
    ] = Field("en_US.UTF-8", description="System locale")
    admins: tuple[Admin, ...] = Field(min_length=1, description="Who administers the site")
    dns: Dns = Field(description="Name servers and search domains")
    time_servers: tuple[HostOrAddress, ...] = Field(
        min_length=1, description="NTP servers, names or addresses"
    )
