"""Put the collection and the packaged data into wheels, and only there.

An editable installation finds both in the checkout (tools/link-collection). Files copied
beside it would be stale at the next edit, and pip would later remove them through the link,
that is, from the checkout.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: In the repository -> in the wheel. Ansible looks for ansible_collections/ on sys.path, so
#: that `b2ct.cloud.*` resolves from any working directory without configuration.
CARRIED = {
    "galaxy.yml": "ansible_collections/b2ct/cloud/galaxy.yml",
    "meta": "ansible_collections/b2ct/cloud/meta",
    "plugins": "ansible_collections/b2ct/cloud/plugins",
    "playbooks": "ansible_collections/b2ct/cloud/playbooks",
    "roles": "ansible_collections/b2ct/cloud/roles",
    "kickstart_templates": "b2ct/_data/kickstart_templates",
    "inventories/example": "b2ct/_data/inventories/example",
}


class CarryData(BuildHookInterface):
    """hatchling's hook for wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the data to a real wheel; ``version`` is ``standard`` or ``editable``."""
        if version == "standard":
            build_data["force_include"].update(CARRIED)
