#!/usr/bin/python
"""The module ``b2ct.cloud.opennebula_cluster``."""

# The imports below the documentation are where Ansible expects them.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: opennebula_cluster
short_description: Keeps a cluster of OpenNebula
version_added: "0.1.0"
description:
  - Makes, changes and removes clusters. Hosts, datastores and networks name their clusters
    themselves.
author:
  - The b2ct maintainers
extends_documentation_fragment:
  - b2ct.cloud.opennebula
  - b2ct.cloud.opennebula.template
options:
  name:
    description: Its name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Keep the cluster for production
  b2ct.cloud.opennebula_cluster:
    name: production
    template:
      RESERVED_CPU: 10%
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in words.
  returned: always
  type: list
  elements: str
  sample: [create cluster 'production']
id:
  description: Its number; null where there is none (yet).
  returned: success
  type: int
  sample: 100
"""

from typing import ClassVar

from ansible_collections.b2ct.cloud.plugins.module_utils.opennebula.engine import (
    NAMED,
    TEMPLATE,
    Kind,
    Step,
    run,
)


class Cluster(Kind):
    """A cluster."""

    noun: ClassVar[str] = "cluster"
    prefix: ClassVar[str] = "one.cluster"

    def create(self) -> Step:
        return Step(f"create {self.label}", "one.cluster.allocate", (self.params["name"],))


def main() -> None:
    """Run the module."""
    run(Cluster, {**NAMED, **TEMPLATE})


if __name__ == "__main__":
    main()
