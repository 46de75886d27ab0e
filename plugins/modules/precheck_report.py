#!/usr/bin/python
"""Documentation of the action plugin ``b2ct.cloud.precheck_report``."""

from __future__ import annotations

DOCUMENTATION = r"""
module: precheck_report
short_description: Fails with every problem that the precheck found on all nodes
description:
  - Tells all problems of all nodes at once, and fails if there is one. Nothing runs on a node.
version_added: "0.1.0"
author:
  - The b2ct maintainers
options:
  found:
    description: The results of M(b2ct.cloud.precheck), by host.
    type: dict
    required: true
  clock_limit:
    description: How far the clocks may be apart, in seconds.
    type: float
    default: 2.0
"""

EXAMPLES = r"""
- name: Report every problem of every node
  b2ct.cloud.precheck_report:
    found: "{{ dict(hosts | zip(hosts | map('extract', hostvars, 'found'))) }}"
  vars:
    hosts: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
problems:
  description: All problems, each with C(host), C(what) and C(remedy).
  returned: always
  type: list
  elements: dict
"""
