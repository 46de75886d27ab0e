"""Ansible module: an OpenPGP public key, fetched and compared with its fingerprint."""

# ruff: noqa: E402 - the documentation stands where Ansible expects it

from __future__ import annotations

DOCUMENTATION = r"""
module: openpgp_key
short_description: Fetches an OpenPGP public key of a known fingerprint
version_added: "0.1.0"
description:
  - Fetches a key over TLS and puts it in place only if it is the one key of the given fingerprint.
  - A file that already holds that key is left alone, and nothing is fetched.
  - No gpg program is needed.
options:
  url:
    description: Address of the key; https only.
    type: str
    required: true
  fingerprint:
    description: Its 40 digits.
    type: str
    required: true
  dest:
    description: The file. It keeps the form, armoured or binary, in which the key is served.
    type: path
    required: true
extends_documentation_fragment: [ansible.builtin.files, b2ct.cloud.attributes.no_diff]
author:
  - The b2ct maintainers
"""

EXAMPLES = r"""
- name: Trust OpenNebula's repository
  b2ct.cloud.openpgp_key:
    url: https://downloads.opennebula.io/repo/repo2.key
    fingerprint: 0B2D385C7C9304B11A0367B905A05927906DC27C
    dest: /etc/apt/keyrings/opennebula.asc
    mode: "0644"
"""

RETURN = r"""
fingerprint:
  description: The fingerprint of the key in the file.
  type: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url
from ansible_collections.b2ct.cloud.plugins.module_utils.openpgp import KeyFileError, fingerprints

#: More than any key has.
_MAX = 1 << 20


def _fetched(module: AnsibleModule, url: str) -> bytes:
    if not url.startswith("https://"):
        module.fail_json(msg=f"{url} is not encrypted; give an https:// address")
    response, info = fetch_url(module, url, timeout=30)
    if info["status"] != 200 or response is None:
        module.fail_json(msg=f"the key cannot be fetched from {url}: {info['msg']}")
    return bytes(response.read(_MAX))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "fingerprint": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    wanted = module.params["fingerprint"].replace(" ", "").upper()
    dest = Path(module.params["dest"])
    try:
        held = fingerprints(dest.read_bytes())
    except (OSError, KeyFileError):
        held = []
    changed = held != [wanted]
    if changed:
        url = module.params["url"]
        data = _fetched(module, url)
        try:
            found = fingerprints(data)
        except KeyFileError as error:
            module.fail_json(msg=f"{url}: {error}")
        if found != [wanted]:
            module.fail_json(
                msg=f"{url} gives the key {', '.join(found)}, and {wanted} is expected: either the"
                " owner has a new key (compare it with their announcement, then correct the"
                " fingerprint), or somebody else answers"
            )
        if not module.check_mode:
            temporary = Path(module.tmpdir) / "key"
            temporary.write_bytes(data)
            module.atomic_move(str(temporary), str(dest))
    if dest.exists():
        arguments = module.load_file_common_arguments(module.params)
        changed = module.set_fs_attributes_if_different(arguments, changed)
    module.exit_json(changed=changed, fingerprint=wanted)


if __name__ == "__main__":
    main()
