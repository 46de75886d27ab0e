"""Pacemaker's configuration: described parts become as described, and the rest stays."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from ansible_collections.b2ct.cloud.plugins.modules.pacemaker_configuration import (
    Cluster,
    retry_what_failed,
)

from plugins.module_utils.cib import CibError, merged, names, same, text
from plugins.module_utils.cluster_state import read

CIB = """\
<cib epoch="7"><configuration>
  <crm_config><cluster_property_set id="cib-bootstrap-options">
    <nvpair id="cib-bootstrap-options-dc-version" name="dc-version" value="2.1.5"/>
    <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/>
  </cluster_property_set></crm_config>
  <nodes><node id="21" uname="node1"/></nodes>
  <resources><primitive id="by-hand" class="ocf" provider="heartbeat" type="Dummy"/></resources>
  <constraints/>
</configuration><status/></cib>
"""
WANTED = {
    "properties": {"stonith-enabled": True},
    "resources": [
        {
            "name": "fence-node1-1",
            "agent": "stonith:fence_ipmilan",
            "parameters": {"ip": "bmc1", "password": "hush-hush"},
            "operations": {"monitor": {"interval": "60s", "timeout": "60s"}},
        },
        {
            "name": "locks",
            "members": [
                {"name": "dlm", "agent": "ocf:pacemaker:controld"},
                {"name": "lvmlockd", "agent": "ocf:heartbeat:lvmlockd"},
            ],
            "clone": {"interleave": True},
        },
    ],
    "orders": [{"first": "locks-clone", "then": "shared-clone", "kind": "Mandatory"}],
    "colocations": [{"resource": "shared-clone", "with": "locks-clone"}],
    "locations": [{"resource": "fence-node1-1", "node": "node1", "score": "-INFINITY"}],
    "levels": [{"node": "node1", "level": 1, "devices": ["fence-node1-1"]}],
}


def pairs(xml: str, path: str) -> dict[str, str]:
    return {
        str(pair.get("name")): str(pair.get("value"))
        for pair in ET.fromstring(xml).findall(f"{path}/nvpair")
    }


def test_described_parts_are_there_and_the_rest_stays() -> None:
    after = merged(CIB, WANTED)
    options = pairs(after, "crm_config/cluster_property_set")
    assert options == {"dc-version": "2.1.5", "stonith-enabled": "true"}
    root = ET.fromstring(after)
    assert root.find("resources/primitive[@id='by-hand']") is not None
    assert [one.get("id") for one in root.findall("resources/clone/group/primitive")] == [
        "dlm",
        "lvmlockd",
    ]
    device = root.find("resources/primitive[@id='fence-node1-1']")
    assert device is not None
    assert device.attrib == {"id": "fence-node1-1", "class": "stonith", "type": "fence_ipmilan"}
    level = root.find("fencing-topology/fencing-level")
    assert level is not None
    assert (level.get("target"), level.get("devices")) == ("node1", "fence-node1-1")
    tags = [child.tag for child in root]
    assert tags.index("resources") < tags.index("constraints") < tags.index("fencing-topology")


def test_ids_are_unique() -> None:
    found = [node.get("id") for node in ET.fromstring(merged(CIB, WANTED)).iter() if node.get("id")]
    assert len(found) == len(set(found))


def test_a_second_time_nothing_changes() -> None:
    after = merged(CIB, WANTED)
    assert not same(CIB, after)
    assert same(after, merged(after, WANTED))


def test_order_of_attributes_and_pairs_is_no_change() -> None:
    frame = "<configuration><resources>{}</resources></configuration>"
    one = frame.format('<primitive id="a" class="ocf" type="b"/>')
    assert same(one, frame.format('<primitive type="b" id="a" class="ocf"/>'))


def test_order_within_a_group_is_a_change() -> None:
    turned = {**WANTED, "resources": [dict(WANTED["resources"][1])]}
    turned["resources"][0]["members"] = WANTED["resources"][1]["members"][::-1]
    after = merged(CIB, WANTED)
    assert not same(after, merged(after, turned))


def test_a_parameter_that_is_not_described_goes_and_a_foreign_meta_attribute_stays() -> None:
    after = merged(CIB, WANTED)
    root = ET.fromstring(after)
    device = root.find("resources/primitive[@id='fence-node1-1']")
    assert device is not None
    inner = device.find("instance_attributes")
    assert inner is not None
    ET.SubElement(inner, "nvpair", {"id": "x", "name": "method", "value": "cycle"})
    meta = ET.SubElement(device, "meta_attributes", {"id": "fence-node1-1-meta_attributes"})
    ET.SubElement(meta, "nvpair", {"id": "y", "name": "target-role", "value": "Stopped"})
    again = merged(ET.tostring(root, encoding="unicode"), WANTED)
    path = "resources/primitive[@id='fence-node1-1']"
    assert "method" not in pairs(again, f"{path}/instance_attributes")
    assert pairs(again, f"{path}/meta_attributes") == {"target-role": "Stopped"}


def test_a_device_that_is_no_longer_a_level_of_its_node_leaves_the_levels() -> None:
    two = [*WANTED["levels"], {"node": "node1", "level": 2, "devices": ["fence-node1-2"]}]
    both = merged(CIB, {**WANTED, "levels": two})
    assert both.count("<fencing-level") == 2
    assert merged(both, WANTED).count("<fencing-level") == 1


def test_what_shall_be_absent_is_removed() -> None:
    assert "by-hand" not in merged(CIB, {"absent": ["by-hand"]})


def test_no_secret_is_shown() -> None:
    assert "hush-hush" in merged(CIB, WANTED)
    assert "hush-hush" not in text(merged(CIB, WANTED))


def test_an_agent_must_be_one() -> None:
    with pytest.raises(CibError, match="resource x: 'Filesystem' is no agent; write one like"):
        merged(CIB, {"resources": [{"name": "x", "agent": "Filesystem"}]})


def test_clones_run_everywhere() -> None:
    assert names(WANTED) == {"fence-node1-1": False, "dlm": True, "lvmlockd": True}


MON = """\
<pacemaker-result><summary><current_dc present="true" with_quorum="true"/></summary>
<nodes><node name="node1" online="true"/><node name="node2" online="true"/>
<node name="node3" online="false"/></nodes>
<resources>
<resource id="fence-node1-1" role="Started" active="true" failed="false">
<node name="node2"/></resource>
<clone id="locks-clone"><group id="locks:0">
<resource id="dlm" role="Started" active="true" failed="false">
<node name="node1"/></resource></group>
<group id="locks:1">
<resource id="dlm" role="Starting" active="true" failed="false" pending="Starting">
<node name="node2"/></resource>
</group></clone></resources>
<failures><failure op_key="dlm_start_0" node="node2" exitstatus="error"
 exitreason="no modules" task="start"/>
</failures></pacemaker-result>
"""


def test_what_is_missing_is_told() -> None:
    state = read(MON)
    assert state.online == ("node1", "node2")
    assert state.running == {"fence-node1-1": ("node2",), "dlm": ("node1",)}
    assert state.missing({"fence-node1-1": False, "dlm": True}, ["node1", "node2", "node3"]) == [
        "node3 is not in the cluster",
        "dlm does not run on node2, node3",
    ]
    assert [str(one) for one in state.failures] == ["dlm: start on node2 failed: no modules"]
    assert state.pending == 1


def test_what_failed_to_start_and_does_not_run_is_stuck() -> None:
    state = read(MON)
    assert state.stuck({"fence-node1-1": False, "dlm": True}) == [("dlm", "node2")]
    # What runs on one member is well on any of them, and what is not described is left alone.
    assert state.stuck({"dlm": False}) == []
    assert state.stuck({"fence-node1-1": False}) == []
    nowhere = read(MON.replace('active="true"', 'active="false"'))
    assert nowhere.stuck({"dlm": False}) == [("dlm", "node2")]


class RefusedError(Exception):
    """What ends a module that fails."""


class Module:
    def fail_json(self, msg: str) -> None:
        raise RefusedError(msg)


class Scripted(Cluster):
    """A cluster of which crm_mon says what the test wants, and that notes what else it is told."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(Module())
        self.code = code
        self.told: list[str] = []

    def run(self, *argv: str, given: str | None = None) -> tuple[int, str, str]:
        if argv[0] == "crm_mon":
            return 0, MON, ""
        self.told.append(" ".join(argv))
        return self.code, "", "no such node"


def test_a_start_that_failed_is_tried_again() -> None:
    cluster = Scripted()
    assert retry_what_failed(cluster.module, cluster, {"dlm": True}) == ["dlm on node2"]
    assert cluster.told == ["crm_resource --cleanup --resource dlm --node node2"]
    assert retry_what_failed(cluster.module, cluster, {"fence-node1-1": False}) == []
    refusing = Scripted(code=1)
    with pytest.raises(RefusedError, match="keeps the failure of dlm: no such node"):
        retry_what_failed(refusing.module, refusing, {"dlm": True})


def test_a_node_whose_pacemaker_has_not_started_is_no_member_yet() -> None:
    """SBD holds a node that was fenced back; its Corosync runs already."""
    pending = MON.replace('name="node2" online="true"', 'name="node2" online="true" pending="true"')
    assert read(pending).online == ("node1",)
    assert read(pending).offline == ("node2", "node3")


def test_no_xml_is_told() -> None:
    with pytest.raises(ValueError, match="gives no XML"):
        read("Connection failed")
