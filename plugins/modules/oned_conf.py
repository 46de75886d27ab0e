"""Ansible module: attributes of OpenNebula's oned.conf."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: oned_conf
short_description: Sets attributes of OpenNebula's oned.conf
version_added: "0.1.0"
description:
  - Sets attributes of a file in the grammar of OpenNebula's templates, such as C(oned.conf) and
    C(monitord.conf).
  - Values are changed where they stand; new attributes go to the end. Everything else stays,
    comments among it.
  - Several keys of one vector attribute are merged into it. Of an attribute that stands several
    times, such as C(VM_MAD), the one with the same C(NAME) is meant.
  - The result is read again before it is written. Passwords are hidden in the diff.
options:
  path:
    description: The file. It must exist, for it belongs to OpenNebula's package.
    type: path
    required: true
  settings:
    description: Values by attribute; a vector attribute is a mapping of keys to values.
    type: dict
    required: true
  replace:
    description: Vector attributes that shall have no keys but those of O(settings).
    type: list
    elements: str
    default: []
extends_documentation_fragment: [ansible.builtin.files, b2ct.cloud.attributes]
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Let oned listen on loopback, and write its log to a file
  b2ct.cloud.oned_conf:
    path: /etc/one/oned.conf
    settings:
      LISTEN_ADDRESS: 127.0.0.1
      LOG: {SYSTEM: file}
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.b2ct.cloud.plugins.module_utils.oned_conf import (
    ConfError,
    merged,
    without_secrets,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "settings": {"type": "dict", "required": True},
            "replace": {"type": "list", "elements": "str", "default": []},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    try:
        before = path.read_text(encoding="utf-8")
        after = merged(before, module.params["settings"], frozenset(module.params["replace"]))
    except FileNotFoundError:
        module.fail_json(msg=f"{path} is not there; install OpenNebula's packages first")
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"{path} cannot be read: {error}")
    except ConfError as error:
        module.fail_json(msg=f"{path}: {error}")
    changed = after != before
    if changed and not module.check_mode:
        temporary = Path(module.tmpdir) / "oned.conf"
        temporary.touch(mode=0o600)
        temporary.write_text(after, encoding="utf-8")
        module.atomic_move(str(temporary), str(path))
    arguments = module.load_file_common_arguments(module.params)
    changed = module.set_fs_attributes_if_different(arguments, changed)
    diff = {
        "before_header": str(path),
        "after_header": str(path),
        "before": without_secrets(before),
        "after": without_secrets(after),
    }
    module.exit_json(changed=changed, path=str(path), diff=diff)


if __name__ == "__main__":
    main()
