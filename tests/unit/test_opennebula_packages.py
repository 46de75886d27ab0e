"""Which packages the scenarios are told to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.opennebula import which


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REPO", "KEY", "FINGERPRINT", "VERSION"):
        monkeypatch.delenv(f"B2CT_TEST_OPENNEBULA_{name}", raising=False)


def test_the_tests_own_are_served_by_a_container() -> None:
    assert which.answer("address") == which.SERVED
    assert which.answer("key") == f"{which.SERVED}/repo2.key"
    assert which.answer("version") == "7.0"
    assert "double" in which.told()


def test_an_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(which.VARIABLE, "https://mirror.example.org/one")
    monkeypatch.setenv("B2CT_TEST_OPENNEBULA_FINGERPRINT", "AB" * 20)
    monkeypatch.setenv("B2CT_TEST_OPENNEBULA_VERSION", "6.10")
    assert which.answer("address") == "https://mirror.example.org/one"
    assert which.answer("key") == "https://mirror.example.org/one/repo2.key"
    assert which.answer("fingerprint") == "AB" * 20
    assert which.answer("folder") == ""
    assert which.answer("version") == "6.10"
    assert which.told() == "OpenNebula packages: those of https://mirror.example.org/one"


def test_a_folder_is_served_in_the_place_of_the_tests_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(which.VARIABLE, str(tmp_path))
    with pytest.raises(SystemExit, match=r"holds no repo2\.key"):
        which.answer("folder")
    (tmp_path / "repo2.key").touch()
    assert which.answer("folder") == str(tmp_path)
    assert which.answer("address") == which.SERVED


def test_a_named_repository_needs_its_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(which.VARIABLE, "https://mirror.example.org/one")
    with pytest.raises(SystemExit, match="FINGERPRINT"):
        which.answer("fingerprint")
