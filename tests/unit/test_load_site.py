"""site.yml: each fault of form, with its line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2ct.errors import B2ctError, ProblemsError
from b2ct.load import load_site
from b2ct.model import Site
from tests.unit.site_texts import BASE, SSH_KEY, Apple, altered, told

APPLES = [
    Apple(
        "missing_plugin",
        "plugin: b2ct.cloud.site\nsite:",
        "site: #!",
        "the line that makes this file an inventory is missing;"
        " add 'plugin: b2ct.cloud.site' at the top",
    ),
    Apple(
        "unknown_key",
        "  keyboard: it",
        "  keybord: it #!",
        "site.keybord: unknown key 'keybord'; did you mean 'keyboard'?",
    ),
    Apple(
        "unknown_section",
        "install:",
        "walrus: {} #!\ninstall:",
        "walrus: unknown key 'walrus';"
        " known here: " + ", ".join(sorted({*Site.model_fields} - {"plugin"})),
    ),
    Apple(
        "misspelt_required_key_is_told_once",
        "    roles: [control]",
        "    role: [control] #!",
        "nodes.control1.role: unknown key 'role'; did you mean 'roles'?",
    ),
    Apple(
        "key_in_the_wrong_section",
        "    vlan: 30",
        "    vlan: 30\n    gateway: 10.30.0.1 #!",
        "networks.private.gateway: key 'gateway' does not belong here;"
        " its place is networks.<name>.ipv4.gateway or networks.<name>.ipv6.gateway",
    ),
    Apple(
        "missing_required",
        "  time_servers: [ntp.example.org]\n",
        "",
        "site.time_servers: is missing; add it: NTP servers, names or addresses",
    ),
    Apple(
        "empty_section",
        "install:\n  release: almalinux-9",
        "install: #!",
        "install: is empty; give a value",
    ),
    Apple(
        "word_for_truth_value",
        "domain: example.org",
        "domain: no #!",
        'site.domain: YAML reads no as a truth value, not as text; put it in quotes: "no"',
    ),
    Apple(
        "version_read_as_number",
        "install:",
        "opennebula:\n  version: 6.10 #!\ninstall:",
        'opennebula.version: YAML reads 6.10 as a number, not as text; put it in quotes: "6.10"',
    ),
    Apple(
        "serial_read_as_number",
        "serial: SN0001",
        "serial: 0012 #!",
        'nodes.control1.serial: YAML reads 0012 as a number, not as text; put it in quotes: "0012"',
    ),
    Apple(
        "mac_read_in_base_60",
        '{eno1: "52:54:00:20:00:11", ens1f0',
        "{eno1: 52:54:00:20:00:11, #!\n      ens1f0",
        "nodes.control1.macs.eno1: YAML took this MAC address for a number; put it in quotes",
    ),
    Apple(
        "mac_malformed",
        '"52:54:00:20:00:11"',
        '"52:54:00:20:00" #!\n      ',
        "nodes.control1.macs.eno1: '52:54:00:20:00' is no MAC address;"
        " write it like 52:54:00:12:34:56",
    ),
    Apple(
        "address_malformed",
        "service: 10.20.0.11",
        "service: 10.20.0.256 #!\n      ",
        "nodes.control1.addresses.service: '10.20.0.256' is no IP address;"
        " write it like 10.20.0.11",
    ),
    Apple(
        "address_with_prefix",
        "service: 10.20.0.11",
        "service: 10.20.0.11/24 #!\n      ",
        "nodes.control1.addresses.service: '10.20.0.11/24' carries a prefix length;"
        " write the address alone, the network knows its size",
    ),
    Apple(
        "address_misspelt_dhcp",
        "service: 10.20.0.11",
        "service: {ipv4: dchp} #!\n      ",
        "nodes.control1.addresses.service.ipv4: 'dchp' is no address;"
        " write one like 10.20.0.11, or dhcp",
    ),
    Apple(
        "address_of_the_other_kind",
        "service: 10.20.0.11",
        "service: {ipv6: 10.20.0.11} #!\n      ",
        "nodes.control1.addresses.service.ipv6: 10.20.0.11 is an IPv4 address;"
        " write one like 2001:db8::11",
    ),
    Apple(
        "address_as_number",
        "gateway: 10.20.0.1",
        "gateway: 10 #!",
        "networks.service.ipv4.gateway: YAML took this address for a number;"
        " put it in quotes, like '10.20.0.11'",
    ),
    Apple(
        "subnet_with_host_bits",
        "subnet: 10.30.0.0/16",
        "subnet: 10.30.1.0/16 #!",
        "networks.private.ipv4.subnet: 10.30.1.0/16 has host bits set; the subnet is 10.30.0.0/16",
    ),
    Apple(
        "subnet_without_prefix",
        "subnet: 10.30.0.0/16",
        "subnet: 10.30.0.0 #!",
        "networks.private.ipv4.subnet: '10.30.0.0' has no prefix length;"
        " write a subnet like 10.20.0.0/24",
    ),
    Apple(
        "role_misspelt",
        "roles: [hypervisor]",
        "roles: [hypervisr] #!",
        "nodes.node1.roles[0]: 'hypervisr' is not known here; did you mean 'hypervisor'?",
    ),
    Apple(
        "role_no_list",
        "roles: [hypervisor]",
        "roles: hypervisor #!",
        "nodes.node1.roles: a list belongs here, not 'hypervisor'; write [hypervisor]",
    ),
    Apple(
        "no_roles",
        "roles: [hypervisor]",
        "roles: [] #!",
        "nodes.node1.roles: has no entries; give at least 1",
    ),
    Apple(
        "release_unknown",
        "release: almalinux-9",
        "release: almalinux-99 #!",
        "install.release: 'almalinux-99' is not known here; did you mean 'almalinux-9'?",
    ),
    Apple(
        "scalar_for_section",
        "    disk:\n      rule: {type: nvme, min_size: 900GB}\n      size: 960GB",
        "    disk: sda #!",
        "hardware.box.disk: a section of 'key: value' lines belongs here, not 'sda';"
        " indent its keys",
    ),
    Apple(
        "size_without_unit",
        "root: {size: 40GiB",
        "root: {size: 40 #!\n       ",
        "hardware.box.volumes.root.size: 40 lacks a unit; write for instance 40GiB",
    ),
    Apple(
        "size_misspelt",
        "size: rest,",
        "size: rset, #!\n       ",
        "hardware.box.volumes.images.size: 'rset' is no size;"
        " write a number with a unit, such as 40GiB or 480GB",
    ),
    Apple(
        "truth_value_for_number",
        "vlan: 30",
        "vlan: yes #!",
        "networks.private.vlan: this is a truth value; write a whole number",
    ),
    Apple(
        "number_too_large",
        "vlan: 30",
        "vlan: 4095 #!",
        "networks.private.vlan: '4095' is too large; the most is 4094",
    ),
    Apple(
        "mtu_too_small_for_ipv6",
        "    vlan: 30",
        "    mtu: 1000 #!",
        "networks.private.mtu: '1000' is too small; the least is 1280",
    ),
    Apple(
        "number_is_a_word",
        "vlan: 30",
        "vlan: thirty #!",
        "networks.private.vlan: 'thirty' is no whole number; write digits only",
    ),
    Apple(
        "truth_value_is_a_word",
        "release: almalinux-9",
        "release: almalinux-9\n  allow_legacy: maybe #!",
        "install.allow_legacy: 'maybe' is neither true nor false; write true or false",
    ),
    Apple(
        "host_name_with_dot",
        "  node1:",
        "  node1.example.org: #!",
        "nodes.node1.example.org: 'node1.example.org' has a dot;"
        " write the short name, the domain is said in site:",
    ),
    Apple(
        "section_name",
        "      private: {device: bond0",
        "      Private: {device: bond0 #!\n       ",
        "hardware.box.attach.Private: 'Private' does not fit as a name here;"
        " write a name of small letters, digits and _, 32 at most, a letter first",
    ),
    Apple(
        "pattern",
        "    - name: ada",
        "    - name: Ada #!",
        "site.admins[0].name: 'Ada' does not fit; write a login name:"
        " small letters, digits, - and _, 32 at most, a letter first",
    ),
    Apple(
        "label_too_long",
        "label: UNIT",
        "label: UNIT-TORINO-1 #!",
        "site.label: volume label 'UNIT-TORINO-1' has 13 characters, FAT carries 11; shorten it",
    ),
    Apple(
        "label_not_fat",
        "label: UNIT",
        "label: unit* #!",
        "site.label: volume label 'unit*' is not FAT-legal; use capital letters, digits, - and _",
    ),
    Apple(
        "ssh_key_cut",
        SSH_KEY,
        SSH_KEY[:40] + " #!\n       ",
        "site.admins[0].ssh_keys[0]: this ssh public key is cut or altered;"
        " copy the .pub file's line",
    ),
    Apple(
        "ssh_key_of_something_else",
        SSH_KEY,
        "my key #!\n       ",
        "site.admins[0].ssh_keys[0]: this is no ssh public key; paste the line of an id_*.pub file",
    ),
    Apple(
        "secret_in_the_site_file",
        "install:",
        "vault_root_password: !vault x #!\ninstall:",
        "an encrypted value has no place in this file; secrets live in vault.yml beside it",
    ),
    Apple(
        "repository_without_tls",
        "  release: almalinux-9",
        "  release: almalinux-9\n  repositories:\n"
        "    - {name: x, gpg_key: 'https://x.org/key', url: 'http://x.org'} #!",
        "install.repositories[0].url: 'http://x.org' is not encrypted; write https://",
    ),
    Apple(
        "node_given_twice",
        "  node1:",
        "  control1: #!",
        "nodes: 'control1' is given twice, first on line 45; rename or remove one of them",
    ),
]


@pytest.mark.parametrize("apple", APPLES, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new)
    expected = f"{line}: {apple.told}"
    found = told(tmp_path, text)
    if not line:  # the line of the section in which something is missing
        found = [entry.partition(": ")[2] for entry in found]
        expected = apple.told
    assert expected in found
    # A fault of form draws no second message after it; two of the table have two faults.
    assert len(found) == (2 if apple.name in {"secret_in_the_site_file"} else 1), found


def test_the_base_of_the_table_is_sound(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(BASE)
    site = load_site(tmp_path)
    assert list(site.nodes) == ["control1", "node1"]
    assert load_site(tmp_path / "site.yml") == site


def test_the_example_is_sound() -> None:
    assert load_site(Path(__file__).parents[2] / "inventories" / "example").site.name == "example"


def test_all_faults_are_told_in_one_run(tmp_path: Path) -> None:
    text = BASE
    for apple in APPLES:
        if apple.name in {"role_misspelt", "label_not_fat", "vlan", "serial_read_as_number"}:
            text = text.replace(apple.old, apple.new)
    assert len(told(tmp_path, text)) == 3


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = BASE.replace("  box:\n", "  box: &box\n").replace(
        "nodes:\n", "  other:\n    <<: *box\n    nics: [eno9]\nnodes:\n"
    )
    (tmp_path / "site.yml").write_text(text)
    site = load_site(tmp_path)
    assert site.hardware["other"].volumes == site.hardware["box"].volumes
    assert site.hardware["other"].nics == ("eno9",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty; write one with: b2ct new SITE"),
        ("# nothing\n", "the file is empty; write one with: b2ct new SITE"),
        ("- a\n", "1: this is no site: sections belong here; begin with 'plugin: b2ct.cloud.site'"),
        ("x", "1: this is no site: sections belong here; begin with 'plugin: b2ct.cloud.site'"),
    ],
)
def test_no_site_at_all(text: str, expected: str, tmp_path: Path) -> None:
    assert [entry.strip() for entry in told(tmp_path, text)] == [expected]


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda path: path / "nowhere", "does not exist", "b2ct new nowhere"),
        (lambda path: path, "does not exist", "b2ct new"),
        (lambda path: path / "torinp", "does not exist", "torino?"),
        (lambda _path: Path("/dev/zero"), "is no regular file", "site.yml"),
    ],
)
def test_no_such_file(make, message: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "torino").mkdir()
    (tmp_path / "torino" / "site.yml").write_text(BASE)
    with pytest.raises(B2ctError) as caught:
        load_site(make(tmp_path))
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert not isinstance(caught.value, ProblemsError)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "site.yml"
    with file.open("wb") as stream:
        stream.truncate(33 << 20)
    with pytest.raises(B2ctError, match="larger than 32 MiB"):
        load_site(file)
