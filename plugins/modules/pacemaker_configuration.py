"""Ansible module: what Pacemaker keeps running."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: pacemaker_configuration
short_description: Describes what Pacemaker keeps running
version_added: "0.1.0"
description:
  - Merges properties, resources, constraints and fencing levels into the configuration of the
    cluster of which the host is a member. What is described becomes as described; everything else
    stays, and so do meta attributes of a described resource that are not mentioned, such as the
    C(target-role) of a resource that an admin disabled.
  - Then waits until every described resource runs, a cloned one on all members, and tells why one
    does not. A start that had failed before is tried again. Run it on one member.
options:
  properties:
    description: Options of the cluster, such as C(stonith-enabled).
    type: dict
    default: {}
  resource_defaults:
    description: Meta attributes of all resources.
    type: dict
    default: {}
  resources:
    description:
      - Resources by C(name) with C(agent) (such as C(ocf:heartbeat:Filesystem) or
        C(stonith:fence_ipmilan)), C(parameters), C(operations) (by name, with C(interval),
        C(timeout) and C(on-fail)) and C(meta).
      - With C(members), a list of the same, it is an ordered group.
      - With C(clone), the clone's meta attributes, it runs on all members, as C(NAME-clone).
    type: list
    elements: dict
    default: []
  secrets:
    description: Parameters that nobody is shown, by resource and name.
    type: dict
    default: {}
  orders:
    description: Constraints with C(first), C(then) and what else a C(rsc_order) has.
    type: list
    elements: dict
    default: []
  colocations:
    description: Constraints with C(resource), C(with), C(score) and others of a C(rsc_colocation).
    type: list
    elements: dict
    default: []
  locations:
    description: Constraints with C(resource), C(node) and C(score).
    type: list
    elements: dict
    default: []
  levels:
    description: Fencing levels with C(node), C(level) and C(devices).
    type: list
    elements: dict
    default: []
  absent:
    description: Names of elements that shall not be there.
    type: list
    elements: str
    default: []
  members:
    description: Members on which cloned resources run; those that are online if empty.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds to wait until everything runs; 0 does not wait.
    type: int
    default: 600
extends_documentation_fragment: [b2ct.cloud.attributes]
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Fence, and keep dlm running on all members
  b2ct.cloud.pacemaker_configuration:
    properties: {stonith-enabled: true, no-quorum-policy: freeze}
    resources:
      - name: fence-node1
        agent: stonith:fence_ipmilan
        parameters: {ip: bmc1.example.org, username: b2ct, pcmk_host_list: node1}
      - name: dlm
        agent: ocf:pacemaker:controld
        operations: {monitor: {interval: 60s, timeout: 60s, on-fail: fence}}
        clone: {interleave: true}
    secrets:
      fence-node1: {password: "{{ vault_fence_passwords['node1'] }}"}
"""

RETURN = r"""
failures:
  description: Operations that failed before everything ran, in words.
  type: list
  elements: str
  returned: always
retried:
  description: What had failed to start before, and was tried again.
  type: list
  elements: str
  returned: always
  sample: [shared-files on node3]
"""

import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.cib import (
    CibError,
    merged,
    names,
    same,
    text,
)
from ansible_collections.b2ct.cloud.plugins.module_utils.cluster_state import State, read

_EMPTY = "<cib><configuration/></cib>"
_PAUSE_S = 5
_ANSWERS_S = 60


class Cluster:
    """The cluster as its own programs show it."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module

    def configuration(self) -> str | None:
        """Give the CIB; None where no cluster runs.

        systemd calls Pacemaker started before its daemons answer: they are waited for.
        """
        end = time.monotonic() + max(self.module.params["wait"], _ANSWERS_S)
        while True:
            try:
                rc, out, err = self.run("cibadmin", "--query")
            except FileNotFoundError:
                return None
            if rc == 0 or self.module.check_mode:
                return out if rc == 0 else None
            if time.monotonic() >= end:
                self.module.fail_json(msg=f"Pacemaker does not answer: {err.strip()}")
            time.sleep(_PAUSE_S)

    def replace(self, configuration: str) -> None:
        """Hand the configuration over; its secrets go through standard input."""
        rc, _, err = self.run(
            "cibadmin", "--replace", "--scope", "configuration", "--xml-pipe", given=configuration
        )
        if rc != 0:
            self.module.fail_json(msg=f"Pacemaker refuses the configuration: {err.strip()}")

    def state(self) -> State | None:
        """Give what runs; None while the cluster cannot say."""
        rc, out, _ = self.run("crm_mon", "--one-shot", "--inactive", "--output-as=xml")
        try:
            return read(out) if rc == 0 else None
        except ValueError:
            return None

    def run(self, *argv: str, given: str | None = None) -> tuple[int, str, str]:
        """Run a program without Ansible's log of its arguments and input."""
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


def with_secrets(wanted: dict[str, Any], secrets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give the description with the secret parameters in their places."""

    def filled(one: dict[str, Any]) -> dict[str, Any]:
        found = dict(one)
        if one.get("members"):
            found["members"] = [filled(member) for member in one["members"]]
        if one.get("name") in secrets:
            found["parameters"] = {**(one.get("parameters") or {}), **secrets[one["name"]]}
        return found

    return {**wanted, "resources": [filled(one) for one in wanted["resources"]]}


def retry_what_failed(
    module: AnsibleModule, cluster: Cluster, wanted: dict[str, bool]
) -> list[str]:
    """Let Pacemaker start again what does not run for a start that failed: it does not by itself.

    Whoever runs this again has done something about the reason.
    """
    state = cluster.state()
    if state is None:
        return []
    for resource, node in (failed := state.stuck(wanted)):
        rc, _, err = cluster.run(
            "crm_resource", "--cleanup", "--resource", resource, "--node", node
        )
        if rc != 0:
            module.fail_json(msg=f"Pacemaker keeps the failure of {resource}: {err.strip()}")
    return [f"{resource} on {node}" for resource, node in failed]


def wait_until_it_runs(
    module: AnsibleModule, cluster: Cluster, wanted: dict[str, bool]
) -> list[str]:
    """Wait until everything runs; fail with what does not, and why."""
    end = time.monotonic() + module.params["wait"]
    missing = ["the cluster does not answer"]
    failures: list[str] = []
    while True:
        state = cluster.state()
        if state is not None:
            members = module.params["members"] or state.online
            missing = state.missing(wanted, members)
            failures = [str(one) for one in state.failures if one.resource in wanted]
            if not missing and not state.pending:
                return failures
        if time.monotonic() >= end:
            module.fail_json(
                msg=f"after {module.params['wait']} s: {'; '.join([*missing, *failures])}",
                failures=failures,
            )
        time.sleep(_PAUSE_S)


def main() -> None:
    """Run the module."""
    lists = ("resources", "orders", "colocations", "locations", "levels")
    module = AnsibleModule(
        argument_spec={
            "properties": {"type": "dict", "default": {}},
            "resource_defaults": {"type": "dict", "default": {}},
            **{name: {"type": "list", "elements": "dict", "default": []} for name in lists},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "absent": {"type": "list", "elements": "str", "default": []},
            "members": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    cluster = Cluster(module)
    described = ("properties", "resource_defaults", "absent", *lists)
    wanted = with_secrets({name: module.params[name] for name in described},
                          module.params["secrets"])  # fmt: skip
    known = cluster.configuration()
    before = known or _EMPTY
    try:
        after = merged(before, wanted)
    except (CibError, KeyError) as error:
        module.fail_json(msg=str(error) if isinstance(error, CibError) else f"missing key {error}")
    changed = not same(before, after)
    failures: list[str] = []
    retried: list[str] = []
    if not module.check_mode:
        if changed:
            cluster.replace(after)
        if module.params["wait"]:
            retried = retry_what_failed(module, cluster, names(wanted))
            failures = wait_until_it_runs(module, cluster, names(wanted))
    diff = {"before": text(before), "after": text(after)}
    module.exit_json(
        changed=changed or bool(retried), failures=failures, retried=retried, diff=diff
    )


if __name__ == "__main__":
    main()
