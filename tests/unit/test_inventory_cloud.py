"""The variables of the roles tls, opennebula_frontend and opennebula_node, from the site."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.inventory import Secret, inventory
from b2ct.load import load_site
from tests.unit.site_texts import BASE

EXAMPLE = Path(__file__).parents[2] / "inventories" / "example"
PEM = '"-----BEGIN CERTIFICATE-----\\nQUJD\\n-----END CERTIFICATE-----"'


def test_the_first_control_node_is_active_and_signs() -> None:
    found = inventory(load_site(EXAMPLE))
    one, two = found.host_variables["control1"], found.host_variables["control2"]
    assert (one["opennebula_frontend_active"], two["opennebula_frontend_active"]) == (True, False)
    assert found.site_variables["tls_authority"] == "control1"
    assert found.site_variables["tls_authority_address"] == "10.20.0.11"
    assert found.site_variables["tls_publish"] is True


def test_the_names_of_a_front() -> None:
    (certificate,) = inventory(load_site(EXAMPLE)).host_variables["control2"]["tls_certificates"]
    assert certificate["hosts"] == [
        "control2.cloud.example.org",
        "control2",
        "10.20.0.12",
        "198.51.100.12",
        "2001:db8:40::12",
        "10.20.0.5",
        "198.51.100.5",
    ]
    assert certificate["reload"] == ["nginx.service"]


@pytest.mark.parametrize(
    ("node", "role", "address"),
    [
        ("control1", "frontend", "https://downloads.opennebula.io/repo/7.0/AlmaLinux/9"),
        ("node3", "node", "https://downloads.opennebula.io/repo/7.0/Debian/13"),
    ],
)
def test_the_repository_fits_the_release(node: str, role: str, address: str) -> None:
    variables = inventory(load_site(EXAMPLE)).host_variables[node]
    assert variables[f"opennebula_{role}_repository"] == address
    assert len(variables[f"opennebula_{role}_gpg_fingerprint"]) == 40


def test_passwords_are_references_to_the_vault() -> None:
    variables = inventory(load_site(EXAMPLE)).host_variables["control1"]
    assert variables["opennebula_frontend_password"] == Secret("vault_oneadmin_password")
    assert variables["opennebula_frontend_db_password"] == Secret("vault_opennebula_db_password")
    assert variables["opennebula_frontend_db_backend"] == "mysql"


def test_only_their_nodes_have_them() -> None:
    hosts = inventory(load_site(EXAMPLE)).host_variables
    for name in ("node1", "cache1"):
        assert not any(key.startswith("opennebula_frontend_") for key in hosts[name])
        assert "tls_certificates" not in hosts[name]
    assert not any(key.startswith("opennebula_node_") for key in hosts["control1"])
    assert hosts["node1"]["opennebula_node_frontends"] == ["control1", "control2"]
    assert hosts["node1"]["opennebula_node_networks"] == ["10.20.0.0/24"]


@pytest.mark.parametrize(("drivers", "wanted"), [("dummy", True), ("qemu", False)])
def test_trial_drivers_are_switched_on_for_hosts_that_use_them(
    drivers: str, wanted: bool, tmp_path: Path
) -> None:
    text = BASE.replace(
        "install:\n", f"opennebula:\n  hosts: {{node1: {{drivers: {drivers}}}}}\ninstall:\n", 1
    )
    (tmp_path / "site.yml").write_text(text)
    hosts = inventory(load_site(tmp_path)).host_variables
    assert hosts["control1"]["opennebula_frontend_dummy_drivers"] is wanted


def test_what_a_site_may_say(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(
        BASE.replace(
            "install:\n",
            "opennebula:\n  database: sqlite\n  names: [front.example.net]\n"
            "  settings:\n    LOG: {DEBUG_LEVEL: 5}\n"
            f"tls:\n  key_type: rsa\n  certificates:\n    opennebula: {{certificate: {PEM}}}\n"
            "install:\n",
            1,
        )
    )
    found = inventory(load_site(tmp_path))
    assert found.site_variables["tls_key_type"] == "rsa"
    (variables,) = (hosts for hosts in found.host_variables.values() if "tls_certificates" in hosts)
    (certificate,) = variables["tls_certificates"]
    assert certificate["hosts"] == ["front.example.net"]
    assert certificate["key"] == Secret("vault_tls_key_opennebula")
    assert certificate["certificate"].endswith("-----END CERTIFICATE-----\n")
    assert "opennebula_frontend_db_backend" not in variables
    assert variables["opennebula_frontend_settings"] == {"LOG": {"DEBUG_LEVEL": 5}}
