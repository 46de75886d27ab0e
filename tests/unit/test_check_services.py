"""Faults of the sections tls and opennebula: each with its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.site_texts import Apple, altered, told

PEM = "-----BEGIN CERTIFICATE-----\\nQUJD\\n-----END CERTIFICATE-----"
APPLES = [
    Apple(
        "certificate_of_nothing",
        "install:\n",
        f'tls:\n  certificates:\n    opennebule: {{certificate: "{PEM}"}} #!\ninstall:\n',
        "tls.certificates.opennebule: there is no service 'opennebule' with a certificate;"
        " did you mean 'opennebula'?",
    ),
    Apple(
        "certificate_is_a_path",
        "install:\n",
        "tls:\n  certificates:\n    opennebula: {certificate: /etc/cert.pem} #!\ninstall:\n",
        "tls.certificates.opennebula.certificate: '/etc/cert.pem' does not fit; write certificates"
        " as PEM text, from -----BEGIN CERTIFICATE----- on (a YAML block: |)",
    ),
    Apple(
        "renewal_before_the_beginning",
        "install:\n",
        "tls:\n  days: 60\n  renew_days: 60 #!\ninstall:\n",
        "tls.renew_days: a certificate of 60 days would be renewed every day;"
        " write a smaller number, such as 30",
    ),
    Apple(
        "setting_that_is_decided",
        "install:\n",
        "opennebula:\n  settings:\n    LISTEN_ADDRESS: 0.0.0.0 #!\ninstall:\n",
        "opennebula.settings.LISTEN_ADDRESS: b2ct itself decides LISTEN_ADDRESS; remove it;"
        " see docs/opennebula.md for what decides it",
    ),
    Apple(
        "fingerprint",
        "install:\n",
        'opennebula:\n  gpg_fingerprint: "906DC27C" #!\ninstall:\n',
        "opennebula.gpg_fingerprint: '906DC27C' does not fit; write the 40 digits of a fingerprint,"
        " in quotes",
    ),
]


@pytest.mark.parametrize("apple", APPLES, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new)
    assert told(tmp_path, text) == [f"{line}: {apple.told}"]
