"""What the documentation of all ``opennebula_*`` modules shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Options by topic."""

    DOCUMENTATION = r"""
options:
  endpoint:
    description:
      - Where oned answers. Plain C(http) is taken on the machine itself only, because the password
        travels in each call; from elsewhere it must be C(https).
    type: str
    default: http://127.0.0.1:2633/RPC2
  auth_file:
    description:
      - A file on the managed node with C(user:password) on its first line. It must be closed to
        others. The login is never an argument, so no process list and no log shows it.
    type: path
    default: /var/lib/one/.one/one_auth
  ca_file:
    description: Certificates of the authority that signed the endpoint's. The system's by default.
    type: path
  timeout:
    description: Seconds that a connection or an answer may take.
    type: int
    default: 60
  state:
    description: Whether it should be there.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: Says what would be done and changes nothing.
  diff_mode:
    support: full
    description: Shows what differs of what is named; secrets are hidden.
notes:
  - Only what the task names is compared and changed. What oned adds by itself, and what others set,
    stays.
  - No call that changes something is sent twice. Where a connection breaks on the way, the message
    says whether the change may have been made; the next run looks and does what lacks.
  - Known to work with OpenNebula 6.10. The calls have the same form in 7.x.
"""

    TEMPLATE = r"""
options:
  template:
    description:
      - Further attributes, as a mapping or as a text in OpenNebula's own syntax. Keys are put in
        capitals, truth values become C(YES) and C(NO).
      - A mapping inside is laid over the vector attribute of that name, so that what else the
        vector holds stays. A list stands for all attributes of that name.
    type: raw
"""

    OWNED = r"""
options:
  owner:
    description: The user it belongs to. Left alone if absent; a new one belongs to the caller.
    type: str
  group:
    description: The group it belongs to. Left alone if absent.
    type: str
  mode:
    description:
      - What owner, group and others may do, as three octal digits in quotes, each the sum of 4
        (use), 2 (manage) and 1 (admin). Left alone if absent.
    type: str
"""

    CLUSTERED = r"""
options:
  clusters:
    description: Names of all clusters it belongs to. Left where it is if absent.
    type: list
    elements: str
"""

    WAITING = r"""
options:
  wait:
    description: Whether to wait until oned has done its part in the background.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most.
    type: int
    default: 120
"""
