"""Documentation of the action ``b2ct.cloud.network_confirm``; it runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_confirm
short_description: Confirms a change of a host's network over a new connection
description:
  - Opens a new connection to the host, never one that is open already, and confirms the change
    there. It tries again until it succeeds, the change is undone, or the time is over.
  - With O(expect=undone), waits until the host answers and says that the change is undone.
author:
  - The b2ct maintainers
version_added: "0.1.0"
options:
  id:
    description: The change, as C(b2ct.cloud.network_stage) has named it.
    type: str
    required: true
  expect:
    description: How the change shall end.
    type: str
    choices: [confirmed, undone]
    default: confirmed
  timeout:
    description: How long to try, in seconds.
    type: int
    required: true
attributes:
  check_mode:
    description: Does nothing in check mode.
    support: none
  diff_mode:
    description: Has no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Confirm the change
  b2ct.cloud.network_confirm:
    id: "{{ staged.id }}"
    timeout: 80
"""

RETURN = r"""
attempts:
  description: How many connections were tried.
  type: int
  returned: always
reached:
  description: Whether the host answered at all.
  type: bool
  returned: always
last_error:
  description: Why the last attempt failed.
  type: str
  returned: on failure
"""
