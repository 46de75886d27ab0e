"""Authenticode signatures of UEFI programs (Microsoft PE/COFF specification, section 5.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PKCS = 0x0002
_MAX_SIGNATURES = 8


@dataclass(frozen=True)
class EfiProgram:
    """What the header of a UEFI program says. ``signers`` are common names, possibly none.

    Whether a signature holds is for the firmware to judge; here it is only said to be there.
    """

    is_program: bool
    is_signed: bool
    signers: tuple[str, ...] = ()


def _certificate_table(raw: bytes) -> bytes | None:
    """The attribute certificate table; empty without one, None when this is no PE program."""
    if len(raw) < 64 or raw[:2] != b"MZ":
        return None
    (header,) = struct.unpack_from("<I", raw, 0x3C)
    if raw[header : header + 4] != b"PE\0\0" or header + 24 + 2 > len(raw):
        return None
    (magic,) = struct.unpack_from("<H", raw, header + 24)
    directories = header + 24 + {0x10B: 96, 0x20B: 112}.get(magic, len(raw))
    if directories + 5 * 8 > len(raw):
        return None
    (count,) = struct.unpack_from("<I", raw, directories - 4)
    if count < 5:
        return b""
    offset, size = struct.unpack_from("<II", raw, directories + 4 * 8)
    return raw[offset : offset + size] if size else b""


def _without_padding(blob: bytes) -> bytes:
    """A DER value without the bytes that fill the table's entry up to a multiple of eight."""
    if len(blob) < 2 or not 0x81 <= blob[1] <= 0x84:
        return blob
    digits = blob[1] & 0x7F
    return blob[: 2 + digits + int.from_bytes(blob[2 : 2 + digits], "big")]


def _signer(blob: bytes) -> str:
    """The common name of the certificate that signed no other one of the blob."""
    # Loaded on use: only an inspection reads signatures.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        certificates = pkcs7.load_der_pkcs7_certificates(_without_padding(blob))
    except (ValueError, TypeError):
        return ""
    issuers = {certificate.issuer for certificate in certificates}
    leaves = [c for c in certificates if c.subject not in issuers] or certificates
    for leaf in leaves:
        for attribute in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
            return str(attribute.value)
    return ""


def read_program(raw: bytes) -> EfiProgram:
    """Read the whole bytes of a UEFI program."""
    table = _certificate_table(raw)
    if table is None:
        return EfiProgram(is_program=False, is_signed=False)
    signers = []
    found, position = 0, 0
    while position + 8 <= len(table) and found < _MAX_SIGNATURES:
        length, _, kind = struct.unpack_from("<IHH", table, position)
        if length < 8 or position + length > len(table):
            break
        if kind == _PKCS:
            found += 1
            signers.append(_signer(table[position + 8 : position + length]))
        position += -(-length // 8) * 8
    return EfiProgram(True, found > 0, tuple(name for name in signers if name))
