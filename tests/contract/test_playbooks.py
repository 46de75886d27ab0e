"""The playbooks: thin, each with its tag, and their roles named in full."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from b2ct.deploy.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_thin_and_finds_its_roles_everywhere(stage: str) -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / f"{stage}.yml").read_text())
    for play in plays:
        assert stage in play["tags"], play["name"]
        for role in play.get("roles", ()):
            name = role if isinstance(role, str) else role["role"]
            # A short name is found neither from a wheel nor from another folder.
            assert name.startswith("b2ct.cloud."), f"{stage}: write b2ct.cloud.{name}"
            assert (ROOT / "roles" / name.rpartition(".")[2]).is_dir(), name
