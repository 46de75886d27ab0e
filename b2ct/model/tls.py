"""Section ``tls``: who signs the certificates of the site's services."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from b2ct.model.types import NO_TRUTH_VALUE, Model, SectionName, matching

_Pem = Annotated[
    str,
    matching(
        r"^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----"
        r"(\s*-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----)*$",
        "certificates as PEM text, from -----BEGIN CERTIFICATE----- on (a YAML block: |)",
    ),
]


class KeyType(StrEnum):
    """Types of new private keys."""

    EC = "ec"
    RSA = "rsa"


class GivenCertificate(Model):
    """A certificate that the admin brings. Its key is in vault.yml: vault_tls_key_<service>."""

    certificate: _Pem = Field(
        description="The certificate as PEM text, those between it and its root after it"
    )


class Tls(Model):
    """Who signs the certificates of the site's services: its own authority, or the admin's."""

    key_type: KeyType = Field(KeyType.EC, description="Type of new keys: ec (P-256) or rsa (3072)")
    days: Annotated[int, Field(ge=60, le=825), NO_TRUTH_VALUE] = Field(
        397, description="Days that a certificate of the site's authority is valid"
    )
    renew_days: Annotated[int, Field(ge=7, le=365), NO_TRUTH_VALUE] = Field(
        30, description="Days before its end at which it is renewed by itself"
    )
    certificates: dict[SectionName, GivenCertificate] = Field(
        default_factory=dict,
        description="The admin's own certificates by service (opennebula); others are made",
    )
