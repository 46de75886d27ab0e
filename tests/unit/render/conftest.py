"""Sites, rendered texts and fake machines for the tests of rendering."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from b2ct.model import Site
from b2ct.render import NoHashes, render_node, render_site

from .machine import Machine

EXAMPLE = Path(__file__).parents[3] / "inventories/example/site.yml"
_RAW = yaml.safe_load(EXAMPLE.read_text())


@pytest.fixture
def raw():
    """The example site as plain values, to be changed."""
    return copy.deepcopy(_RAW)


@pytest.fixture(scope="session")
def example():
    return Site.model_validate(_RAW)


@pytest.fixture(scope="session")
def site_ks(example):
    """The whole-site kickstart of the example's AlmaLinux 9 nodes, with short time-outs."""
    return render_site(example, example.resolved["control1"].release, NoHashes())


@pytest.fixture(scope="session")
def node_ks(example):
    return render_node(example, example.resolved["control1"], NoHashes())


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path / "m")
    yield made
    made.close()
