"""Rules across fields: each fault, its line, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.site_texts import SSH_KEY, Apple, altered, told

RSA_1024 = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDZ0sMg0qcdZ5gqJmjgFTeiFxFWkjBh0K9hM1v2mZ3gAbmKkvLxk2"
    "1D0vJp0kq0gYb0h0f8gB3OlVYvZ8cJ0yq3o4N4jvW7o5v5Q0v0Jm1l0xXzq3fX2r8k4o8JbG7vYb4n3m8q1h6zq7pZ"
    "5m0xYt4p2hZ8n8l3v7c0s9w1e5r2qQ=="
)

PLACES = [
    Apple(
        "time_zone",
        "timezone: Europe/Rome",
        "timezone: Europe/Rom #!",
        "site.timezone: 'Europe/Rom' is no time zone; did you mean 'Europe/Rome'?",
    ),
    Apple(
        "time_zone_is_a_city",
        "timezone: Europe/Rome",
        "timezone: Turin #!",
        "site.timezone: 'Turin' is no time zone; write one like Europe/Rome or Etc/UTC",
    ),
    Apple(
        "time_zone_outside",
        "timezone: Europe/Rome",
        "timezone: ../../etc/passwd #!",
        "site.timezone: '../../etc/passwd' is no time zone; write one like Europe/Rome or Etc/UTC",
    ),
    Apple(
        "keyboard",
        "keyboard: it",
        "keyboard: uk #!",
        "site.keyboard: 'uk' is no keyboard; did you mean 'gb'?",
    ),
    Apple(
        "keyboard_variant",
        "keyboard: it",
        "keyboard: de-nodeadkey #!",
        "site.keyboard: 'de-nodeadkey' is no keyboard; did you mean 'de-nodeadkeys'?",
    ),
    Apple(
        "language",
        "language: en_US.UTF-8",
        "language: it_UT.UTF-8 #!",
        "site.language: 'it_UT.UTF-8' is no locale; did you mean 'it_IT.UTF-8'?",
    ),
    Apple(
        "admin_twice",
        f"      ssh_keys: [{SSH_KEY}]",
        f"      ssh_keys: [{SSH_KEY}]\n    - name: ada #!\n      ssh_keys: [{SSH_KEY}]",
        "site.admins[1].name: 'ada' is an admin already, on line 10;"
        " put all keys of one person in one entry",
    ),
    Apple(
        "admin_is_a_system_account",
        "    - name: ada",
        "    - name: oneadmin #!",
        "site.admins[0].name: 'oneadmin' is an account of the system; choose another login name",
    ),
    Apple(
        "key_twice",
        f"ssh_keys: [{SSH_KEY}]",
        f"ssh_keys:\n        - {SSH_KEY}\n        - {SSH_KEY} #!",
        "site.admins[0].ssh_keys[1]: the same key as number 1 of this admin; remove one",
    ),
    Apple(
        "weak_key",
        f"ssh_keys: [{SSH_KEY}]",
        f"ssh_keys: [{RSA_1024}] #!",
        "site.admins[0].ssh_keys[0]: an RSA key of 1024 bits, which sshd of EL 9 and later"
        " refuses; make a new one with: ssh-keygen -t ed25519",
    ),
]

NETWORKS = [
    Apple(
        "no_service_network",
        "purpose: service",
        "purpose: public",
        "networks: no network has purpose: service;"
        " give it to the network of installation, ssh and storage",
    ),
    Apple(
        "two_service_networks",
        "purpose: private",
        "purpose: service #!",
        "networks.private.purpose: a second service network, beside 'service' on line 15;"
        " keep one and make this one private",
    ),
    Apple(
        "overlap",
        "subnet: 10.30.0.0/16",
        "subnet: 10.0.0.0/8 #!",
        "networks.private.ipv4.subnet: 10.0.0.0/8 overlaps 10.20.0.0/24 of network 'service'"
        " on line 18; give each network a subnet of its own",
    ),
    Apple(
        "multicast",
        "subnet: 10.30.0.0/16\n      vm_ranges:\n        - {first: 10.30.1.0, last: 10.30.250.255}",
        "subnet: 224.0.0.0/8 #!",
        "networks.private.ipv4.subnet: 224.0.0.0/8 is for multicast, not for hosts;"
        " write the subnet that your network really has",
    ),
    Apple(
        "one_address",
        "subnet: 10.30.0.0/16\n      vm_ranges:\n        - {first: 10.30.1.0, last: 10.30.250.255}",
        "subnet: 10.30.0.1/32 #!",
        "networks.private.ipv4.subnet: 10.30.0.1/32 has one address; correct the prefix length",
    ),
    Apple(
        "gateway_outside",
        "gateway: 10.20.0.1",
        "gateway: 10.21.0.1 #!",
        "networks.service.ipv4.gateway: 10.21.0.1 is outside of the subnet 10.20.0.0/24;"
        " write the router's own address in this subnet",
    ),
    Apple(
        "gateway_is_broadcast",
        "gateway: 10.20.0.1",
        "gateway: 10.20.0.255 #!",
        "networks.service.ipv4.gateway: 10.20.0.255 is the broadcast address of 10.20.0.0/24;"
        " write the router's own address in this subnet",
    ),
    Apple(
        "vip_outside",
        "{control: 10.20.0.5}",
        "{control: 10.20.1.5} #!",
        "networks.service.service_addresses.control: 10.20.1.5 is outside of the subnet"
        " 10.20.0.0/24; choose a free one inside",
    ),
    Apple(
        "vip_is_gateway",
        "{control: 10.20.0.5}",
        "{control: 10.20.0.1} #!",
        "networks.service.service_addresses.control: 10.20.0.1 is the gateway's address;"
        " choose a free one",
    ),
    Apple(
        "vip_in_vm_range",
        "      gateway: 10.20.0.1",
        "      gateway: 10.20.0.1\n      vm_ranges: [{first: 10.20.0.4, last: 10.20.0.9}]",
        "networks.service.service_addresses.control: 10.20.0.5 lies in the VM range"
        " 10.20.0.4 to 10.20.0.9 on line 20; choose one outside, or shorten the range",
    ),
    Apple(
        "vip_twice",
        "{control: 10.20.0.5}",
        "{control: 10.20.0.5, database: 10.20.0.5} #!",
        "networks.service.service_addresses.database: 10.20.0.5 is used already, on line 20;"
        " give each service an address of its own",
    ),
    Apple(
        "vip_of_the_other_protocol",
        "{control: 10.20.0.5}",
        '{control: "2001:db8::5"} #!',
        "networks.service.service_addresses.control: 2001:db8::5 is of IPv6, which this network"
        " does not have; add ipv6: with its subnet, or correct the address",
    ),
    Apple(
        "range_outside",
        "last: 10.30.250.255",
        "last: 10.31.0.1 #!\n         ",
        "networks.private.ipv4.vm_ranges[0]: the range 10.30.1.0 to 10.31.0.1 is outside of the"
        " subnet 10.30.0.0/16; keep both ends inside",
    ),
    Apple(
        "range_reversed",
        "{first: 10.30.1.0, last: 10.30.250.255}",
        "{first: 10.30.2.0, last: 10.30.1.0} #!",
        "networks.private.ipv4.vm_ranges[0]: the range 10.30.2.0 to 10.30.1.0 runs backwards;"
        " swap first and last",
    ),
    Apple(
        "range_with_broadcast",
        "last: 10.30.250.255",
        "last: 10.30.255.255 #!\n         ",
        "networks.private.ipv4.vm_ranges[0]: the range 10.30.1.0 to 10.30.255.255 holds the"
        " subnet's own or its broadcast address; shorten it by one address",
    ),
    Apple(
        "range_with_gateway",
        "      subnet: 10.30.0.0/16\n      vm_ranges:\n"
        "        - {first: 10.30.1.0, last: 10.30.250.255}",
        "      subnet: 10.30.0.0/16\n      gateway: 10.30.2.2\n      vm_ranges:\n"
        "        - {first: 10.30.1.0, last: 10.30.250.255} #!",
        "networks.private.ipv4.vm_ranges[0]: the range 10.30.1.0 to 10.30.250.255 holds the"
        " gateway 10.30.2.2; shorten the range",
    ),
    Apple(
        "ranges_overlap",
        "        - {first: 10.30.1.0, last: 10.30.250.255}",
        "        - {first: 10.30.1.0, last: 10.30.250.255}\n"
        "        - {first: 10.30.250.0, last: 10.30.251.0} #!",
        "networks.private.ipv4.vm_ranges[1]: the range 10.30.250.0 to 10.30.251.0 overlaps"
        " 10.30.1.0 to 10.30.250.255 on line 27; make them one range, or keep them apart",
    ),
    Apple(
        "vlan_twice",
        "    purpose: service",
        "    purpose: service\n    vlan: 30",
        "networks.private.vlan: VLAN 30 is network 'service' already, on line 17;"
        " correct one of the two tags",
    ),
    Apple(
        "name_server_in_vm_range",
        "dns: {servers: [192.0.2.53]}",
        "dns: {servers: [192.0.2.53, 10.30.1.1]} #!",
        "site.dns.servers[1]: 10.30.1.1 lies in the VM range 10.30.1.0 to 10.30.250.255"
        " on line 27; shorten the range, or a virtual machine will take the address",
    ),
    Apple(
        "time_server_in_vm_range",
        "time_servers: [ntp.example.org]",
        "time_servers: [ntp.example.org, 10.30.1.9] #!",
        "site.time_servers[1]: 10.30.1.9 lies in the VM range 10.30.1.0 to 10.30.250.255"
        " on line 27; shorten the range, or a virtual machine will take the address",
    ),
    Apple(
        "name_server_twice",
        "dns: {servers: [192.0.2.53]}",
        "dns: {servers: [192.0.2.53, 192.0.2.53]} #!",
        "site.dns.servers[1]: 192.0.2.53 is named twice; remove one",
    ),
    Apple(
        "name_server_is_broadcast",
        "dns: {servers: [192.0.2.53]}",
        "dns: {servers: [10.20.0.255]} #!",
        "site.dns.servers[0]: 10.20.0.255 is the broadcast address of 10.20.0.0/24;"
        " write the server's own address",
    ),
    Apple(
        "name_server_is_this_machine",
        "dns: {servers: [192.0.2.53]}",
        "dns: {servers: [127.0.0.1]} #!",
        "site.dns.servers[0]: 127.0.0.1 is no server's address; write the server's own",
    ),
]

ADDRESSES = [
    Apple(
        "duplicate_address",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.11} #!",
        "nodes.node1.addresses.service: 10.20.0.11 is taken by control1 on line 50;"
        " give each node an address of its own",
    ),
    Apple(
        "address_outside",
        "{service: 10.20.0.21}",
        "{service: 10.21.0.21} #!",
        "nodes.node1.addresses.service: 10.21.0.21 is outside of the subnet 10.20.0.0/24;"
        " choose a free address inside",
    ),
    Apple(
        "address_is_gateway",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.1} #!",
        "nodes.node1.addresses.service: 10.20.0.1 is the gateway of line 19; choose a free address",
    ),
    Apple(
        "address_is_network",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.0} #!",
        "nodes.node1.addresses.service: 10.20.0.0 is the address of the subnet 10.20.0.0/24"
        " itself; choose a free address inside",
    ),
    Apple(
        "address_is_broadcast",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.255} #!",
        "nodes.node1.addresses.service: 10.20.0.255 is the broadcast address of 10.20.0.0/24;"
        " choose a free address inside",
    ),
    Apple(
        "address_is_vip",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.5} #!",
        "nodes.node1.addresses.service: 10.20.0.5 is the service address 'control' of line 20;"
        " service addresses move between nodes: choose a free one for the node",
    ),
    Apple(
        "address_in_vm_range",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.21, private: 10.30.1.7} #!",
        "nodes.node1.addresses.private: 10.30.1.7 lies in the VM range 10.30.1.0 to 10.30.250.255"
        " of line 27; choose an address outside, or shorten the range",
    ),
    Apple(
        "address_on_unknown_network",
        "{service: 10.20.0.21}",
        "{service: 10.20.0.21, privat: 10.30.0.7} #!",
        "nodes.node1.addresses.privat: there is no network 'privat'; did you mean 'private'?",
    ),
    Apple(
        "address_of_missing_protocol",
        "{service: 10.20.0.21}",
        '{service: {ipv4: 10.20.0.21, ipv6: "2001:db8::1"}} #!',
        "nodes.node1.addresses.service: network 'service' has no IPv6 subnet for 2001:db8::1;"
        " add ipv6: {subnet: …} to the network",
    ),
    Apple(
        "address_without_attachment",
        "    attach:\n      service: {device: eno1}\n"
        "      private: {device: bond0, bridge: br-private}\n",
        "    attach:\n      private: {device: bond0, bridge: br-private}\n",
        "nodes.node1.addresses.service: node1 has an address on 'service' but is not attached to"
        " it; add attach: {service: {device: …}}, or remove the address",
    ),
    Apple(
        "no_service_address",
        "  node1:\n    roles: [hypervisor]\n    hardware: box\n    serial: SN0002\n"
        '    macs: {eno1: "52:54:00:20:01:11", ens1f0: "52:54:00:20:01:12",'
        ' ens1f1: "52:54:00:20:01:13"}\n    addresses: {service: 10.20.0.21}\n',
        "  node1: #!\n    roles: [hypervisor]\n    hardware: box\n    serial: SN0002\n"
        '    macs: {eno1: "52:54:00:20:01:11", ens1f0: "52:54:00:20:01:12",'
        ' ens1f1: "52:54:00:20:01:13"}\n',
        "nodes.node1: has no address on the service network 'service'; add addresses: {service: …}",
    ),
    Apple(
        "dhcp_without_mac",
        '    macs: {eno1: "52:54:00:20:01:11", ens1f0: "52:54:00:20:01:12",'
        ' ens1f1: "52:54:00:20:01:13"}\n    addresses: {service: 10.20.0.21}\n',
        "    nics: [eno1, ens1f0, ens1f1]\n    addresses: {service: dhcp} #!\n",
        "nodes.node1.addresses.service: no address can be kept for a card whose MAC address is"
        " unknown; add the card's MAC address to macs:, or write the node's address",
    ),
    Apple(
        "no_route_to_name_server",
        "      gateway: 10.20.0.1\n",
        "",
        "nodes.control1: control1 and node1 cannot reach the name servers: none of the networks"
        " private, service has a gateway; add gateway: to the service network",
    ),
]

IDENTITY = [
    Apple(
        "duplicate_mac",
        '"52:54:00:20:01:11"',
        '"52-54-00-20-00-13" #!\n      ',
        "nodes.node1.macs.eno1: 52:54:00:20:00:13 is the address of control1's card ens1f1"
        " already, on line 49; read each card's own with: ip link",
    ),
    Apple(
        "null_mac",
        '"52:54:00:20:01:11"',
        '"00:00:00:00:00:00" #!\n      ',
        "nodes.node1.macs.eno1: 00:00:00:00:00:00 is no card's address; read it with: ip link",
    ),
    Apple(
        "duplicate_serial",
        "serial: SN0002",
        "serial: sn0001 #!",
        "nodes.node1.serial: 'sn0001' is the serial number of control1 already, on line 48;"
        " read each machine's own with: dmidecode -s system-serial-number",
    ),
    Apple(
        "filler_serial",
        "serial: SN0002",
        "serial: NotSpecified #!",
        "nodes.node1.serial: 'NotSpecified' is a filler that many machines carry;"
        " remove it and recognise the node by macs:",
    ),
    Apple(
        "name_of_a_group",
        "  node1:",
        "  hypervisor: #!",
        "nodes.hypervisor: 'hypervisor' is a group of the inventory too;"
        " choose another name, such as 'hypervisor1'",
    ),
    Apple(
        "name_of_every_machine",
        "  node1:",
        "  localhost: #!",
        "nodes.localhost: 'localhost' is every machine itself; choose another name",
    ),
]

RELEASES = [
    Apple(
        "legacy",
        "release: almalinux-9",
        "release: centos-7 #!",
        "install.release: CentOS 7.9 has had no security updates for years;"
        " choose a current release, or consent with install: allow_legacy: true",
    ),
    Apple(
        "role_not_of_the_release",
        "  release: almalinux-9\n",
        "  release: almalinux-9\n  allow_legacy: true\n",
        "nodes.control1.roles[1]: CentOS 7.9 does not support the role 'cache';"
        " choose another release, such as almalinux-8, almalinux-9, almalinux-10",
    ),
    Apple(
        "role_twice",
        "roles: [hypervisor]",
        "roles: [hypervisor, hypervisor] #!",
        "nodes.node1.roles[1]: 'hypervisor' is named twice; remove one",
    ),
    Apple(
        "hardware_unknown",
        "    roles: [hypervisor]\n    hardware: box",
        "    roles: [hypervisor]\n    hardware: bux #!",
        "nodes.node1.hardware: there is no hardware 'bux'; did you mean 'box'?",
    ),
    Apple(
        "mirror_in_clear",
        "  release: almalinux-9",
        "  release: almalinux-9\n  mirrors:\n    almalinux-9: {url: 'http://m.example.org'} #!",
        "install.mirrors.almalinux-9.url: the installer of AlmaLinux 9 checks no package"
        " signatures, so its mirror must be encrypted; write an https:// address",
    ),
    Apple(
        "repository_twice",
        "  release: almalinux-9\n",
        "  release: almalinux-9\n  repositories:\n"
        "    - {name: x, url: 'https://x.org/x', gpg_key: 'https://x.org/k'}\n"
        "    - {name: x, url: 'https://x.org/y', gpg_key: 'https://x.org/k'} #!\n",
        "install.repositories[1].name: 'x' is a repository already, on line 31;"
        " choose another name",
    ),
]

DEVICES = [
    Apple(
        "bond_member_twice",
        "members: [ens1f0, ens1f1]",
        "members: [ens1f0, ens1f0] #!\n     ",
        "hardware.box.bonds.bond0.members[1]: card 'ens1f0' is in bond0 already; remove one",
    ),
    Apple(
        "bond_member_in_two_bonds",
        "      bond0: {members: [ens1f0, ens1f1], mode: active-backup}",
        "      bond0: {members: [ens1f0, ens1f1], mode: active-backup}\n"
        "      bond1: {members: [eno1, ens1f1]} #!",
        "hardware.box.bonds.bond1.members[1]: card 'ens1f1' is in bond0 already; remove one",
    ),
    Apple(
        "bond_of_a_bond",
        "      bond0: {members: [ens1f0, ens1f1], mode: active-backup}",
        "      bond0: {members: [ens1f0, ens1f1], mode: active-backup}\n"
        "      bond1: {members: [bond0, eno1]} #!",
        "hardware.box.bonds.bond1.members[0]: 'bond0' is a bond itself;"
        " list the network cards themselves",
    ),
    Apple(
        "bond_member_unknown",
        "members: [ens1f0, ens1f1]",
        "members: [ens1f0, ens1f9] #!\n     ",
        "hardware.box.bonds.bond0.members[1]: there is no network card 'ens1f9' on"
        " control1 and node1; did you mean 'ens1f1'? Else list it in nics: or give its MAC address"
        " in macs:",
    ),
    Apple(
        "attach_to_unknown_network",
        "      private: {device: bond0, bridge: br-private}",
        "      privat: {device: bond0, bridge: br-private} #!",
        "hardware.box.attach.privat: there is no network 'privat'; did you mean 'private'?",
    ),
    Apple(
        "attach_to_unknown_device",
        "service: {device: eno1}",
        "service: {device: eno2} #!",
        "hardware.box.attach.service.device: there is no network card 'eno2' on control1 and"
        " node1; did you mean 'eno1'? Else list it in nics: or give its MAC address in macs:",
    ),
    Apple(
        "attach_to_bond_member",
        "service: {device: eno1}",
        "service: {device: ens1f0} #!",
        "hardware.box.attach.service.device: 'ens1f0' is part of 'bond0';"
        " attach the network to bond0",
    ),
    Apple(
        "tagged_without_tag",
        "service: {device: eno1}",
        "service: {device: eno1, tagged: true} #!",
        "hardware.box.attach.service.tagged: network 'service' has no VLAN tag;"
        " give the network a vlan:, or remove tagged",
    ),
    Apple(
        "two_untagged_on_one_device",
        "private: {device: bond0, bridge: br-private}",
        "private: {device: eno1, tagged: false} #!",
        "hardware.box.attach.private.device: 'eno1' carries 'service' untagged already;"
        " give one of the two networks a vlan:, or another card",
    ),
    Apple(
        "bridge_twice",
        "service: {device: eno1}",
        "service: {device: eno1, bridge: br-private}",
        "hardware.box.attach.private.bridge: bridge 'br-private' carries 'service' already;"
        " give each network a bridge of its own",
    ),
    Apple(
        "bridge_has_a_cards_name",
        "bridge: br-private",
        "bridge: eno1 #!\n       ",
        "hardware.box.attach.private.bridge: 'eno1' is a card or bond of the machine;"
        " choose another name",
    ),
    Apple(
        "bridge_over_balance_alb",
        "mode: active-backup",
        "mode: balance-alb",
        "hardware.box.attach.private.bridge: 'bond0' is in mode balance-alb, which fails under a"
        " bridge; use active-backup or 802.3ad",
    ),
    Apple(
        "mtu_of_a_vlan",
        "    vlan: 30\n",
        "    vlan: 30\n    mtu: 9000\n",
        "hardware.box.attach.private.device: 'private' has MTU 9000, more than the 1500 of"
        " 'service' on the same device; lower the one, or raise the other in networks: (line 15)",
    ),
    Apple(
        "vlan_device_name_too_long",
        "private: {device: bond0, bridge: br-private}",
        "private: {device: enp134s0f1np1} #!",
        "hardware.box.attach.private.device: its VLAN device 'enp134s0f1np1.30' has 16 characters,"
        " the kernel takes 15; put the card in a bond with a short name",
    ),
]

DISKS = [
    Apple(
        "no_selector",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "",
        "hardware.box.disk: nothing says which disk; add by_id, by_path, serial or rule",
    ),
    Apple(
        "two_selectors",
        "      size: 960GB",
        "      size: 960GB\n      by_path: pci-0000:3b:00.0-nvme-1",
        "hardware.box.disk: by_path and rule both choose a disk; keep one",
    ),
    Apple(
        "no_disk",
        "    disk:\n      rule: {type: nvme, min_size: 900GB}\n      size: 960GB\n",
        "",
        "hardware.box: there is no install disk for control1 and node1;"
        " add disk: with by_id, by_path, serial or rule",
    ),
    Apple(
        "kernel_name",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "      device: sda #!\n",
        "hardware.box.disk.device: kernel names such as 'sda' change from start to start; use"
        " by_id, by_path, serial or rule, or consent with consent_to_unstable_name: true",
    ),
    Apple(
        "partition",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "      device: nvme0n1p1 #!\n      consent_to_unstable_name: true\n",
        "hardware.box.disk.device: 'nvme0n1p1' is a partition; name the whole disk",
    ),
    Apple(
        "no_kernel_name",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "      device: disk0 #!\n      consent_to_unstable_name: true\n",
        "hardware.box.disk.device: 'disk0' is no kernel name of a disk;"
        " write one like sda or nvme0n1",
    ),
    Apple(
        "usb_by_path",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "      by_path: pci-0000:00:14.0-usb-0:4:1.0-scsi-0:0:0:0 #!\n",
        "hardware.box.disk.by_path: 'pci-0000:00:14.0-usb-0:4:1.0-scsi-0:0:0:0' is behind USB, as"
        " the install key is; name the fixed disk of the machine",
    ),
    Apple(
        "shared_serial",
        "      rule: {type: nvme, min_size: 900GB}\n",
        "      serial: S4EVNX0 #!\n",
        "hardware.box.disk.serial: 2 nodes cannot have the same drive 'S4EVNX0';"
        " write disk: at each node, or use by_path or rule here",
    ),
    Apple(
        "serial_of_another_node",
        "    serial: SN0002\n",
        "    serial: SN0002\n    disk: {serial: X1} #!\n",
        "nodes.node1.disk.serial: the drive 'X1' is in another node already, on line 49;"
        " read each machine's own with: lsblk -do +SERIAL",
    ),
    Apple(
        "rule_reversed",
        "rule: {type: nvme, min_size: 900GB}",
        "rule: {min_size: 980GB, max_size: 900GB} #!",
        "hardware.box.disk.rule: min_size 912.7 GiB is more than max_size 838.2 GiB; swap them",
    ),
    Apple(
        "rule_misses_its_own_disk",
        "rule: {type: nvme, min_size: 900GB}",
        "rule: {type: nvme, max_size: 900GB} #!",
        "hardware.box.disk.rule: the rule does not match the disk's own size, 894.1 GiB;"
        " correct min_size, max_size or size",
    ),
]

VOLUMES = [
    Apple(
        "no_root",
        "      root: {size: 40GiB, mount: /}",
        "      root: {size: 40GiB, mount: /var}",
        "hardware.box: no volume is mounted at /; add volumes: with root: {size: 20GiB, mount: /}",
    ),
    Apple(
        "over_the_disk",
        "size: rest,",
        "size: 900GiB,",
        "hardware.box.volumes.root: the volumes want 948 GiB, the disk has 894.1 GiB"
        " (/boot, EFI and LVM take 1.6 GiB): 55.6 GiB too much; make volumes smaller",
    ),
    Apple(
        "nothing_left_for_the_rest",
        "size: 40GiB",
        "size: 884GiB",
        "hardware.box.volumes.images.size: the rest is only 431.3 MiB of 894.1 GiB"
        " (/boot, EFI and LVM take 1.6 GiB); make other volumes smaller",
    ),
    Apple(
        "two_rests",
        "swap: {purpose: swap, size: 8GiB}",
        "swap: {purpose: swap, size: rest}",
        "hardware.box.volumes.images.size: 'swap' takes the rest already;"
        " give one of the two a size",
    ),
    Apple(
        "mounted_twice",
        "mount: /var/lib/one",
        "mount: / #!\n       ",
        "hardware.box.volumes.images.mount: 'root' is mounted at / already;"
        " mount one of them elsewhere",
    ),
    Apple(
        "swap_mounted",
        "swap: {purpose: swap, size: 8GiB}",
        "swap: {purpose: swap, size: 8GiB, mount: /swap} #!",
        "hardware.box.volumes.swap.mount: a swap volume is not mounted; remove this key",
    ),
    Apple(
        "drbd_with_file_system",
        "swap: {purpose: swap, size: 8GiB}",
        "data: {purpose: drbd, size: 8GiB, filesystem: xfs} #!",
        "hardware.box.volumes.data.filesystem: a drbd volume has no file system; remove this key",
    ),
    Apple(
        "datastore_without_mount",
        "size: rest, mount: /var/lib/one}",
        "size: rest} #!",
        "hardware.box.volumes.images: a datastore volume needs a mount point;"
        " add mount:, such as /var/lib/one",
    ),
    Apple(
        "boot_in_lvm",
        "mount: /var/lib/one",
        "mount: /boot #!\n       ",
        "hardware.box.volumes.images.mount: b2ct makes /boot itself, outside of LVM,"
        " where firmware can read it; remove this volume",
    ),
    Apple(
        "etc_apart",
        "mount: /var/lib/one",
        "mount: /etc #!\n       ",
        "hardware.box.volumes.images.mount: /etc must be on the root volume;"
        " remove this volume, or mount it elsewhere",
    ),
    Apple(
        "name_of_lvm",
        "      swap: {purpose: swap",
        "      pvmove0: {purpose: swap #!\n       ",
        "hardware.box.volumes.pvmove0: LVM keeps names such as 'pvmove0' for itself;"
        " choose another name",
    ),
    Apple(
        "root_too_small",
        "root: {size: 40GiB",
        "root: {size: 2GiB #!\n       ",
        "hardware.box.volumes.root.size: 2 GiB hold no system; give / 10 GiB or more",
    ),
    Apple(
        "xfs_too_small",
        "swap: {purpose: swap, size: 8GiB}",
        "logs: {size: 100MiB, mount: /var/log} #!",
        "hardware.box.volumes.logs.size: 100 MiB are too small for an xfs file system;"
        " give it 300 MiB or more, or filesystem: ext4",
    ),
]

ALL = [*PLACES, *NETWORKS, *ADDRESSES, *IDENTITY, *RELEASES, *DEVICES, *DISKS, *VOLUMES]
#: What has to change besides, for the fault to be the only one.
BESIDES = {
    "vip_in_vm_range": [("{control: 10.20.0.5}", "{control: 10.20.0.5} #!")],
    "vlan_twice": [
        (
            "    vlan: 30\n    ipv4:\n      subnet: 10.30",
            "    vlan: 30 #!\n    ipv4:\n      subnet: 10.30",
        )
    ],
    "role_not_of_the_release": [
        ("    roles: [control]", "    release: centos-7\n    roles: [control, cache] #!")
    ],
    "bridge_twice": [
        (
            "private: {device: bond0, bridge: br-private}",
            "private: {device: bond0, bridge: br-private} #!",
        )
    ],
    "bridge_over_balance_alb": [
        (
            "private: {device: bond0, bridge: br-private}",
            "private: {device: bond0, bridge: br-private} #!",
        )
    ],
    "mtu_of_a_vlan": [
        ("private: {device: bond0, bridge: br-private}", "private: {device: eno1} #!")
    ],
    "vlan_device_name_too_long": [
        ("serial: SN0001", "serial: SN0001\n    nics: [enp134s0f1np1]"),
        ("serial: SN0002", "serial: SN0002\n    nics: [enp134s0f1np1]"),
    ],
    "serial_of_another_node": [
        ("serial: SN0001", "serial: SN0001\n    disk: {serial: X1}"),
    ],
    "nothing_left_for_the_rest": [("size: rest, mount", "size: rest, #!\n        mount")],
    "two_rests": [("size: rest, mount", "size: rest, #!\n        mount")],
}
#: Faults that bring another one with them.
MORE = {
    "address_without_attachment": 2,
    "bond_member_in_two_bonds": 2,
    "bond_of_a_bond": 2,
}


@pytest.mark.parametrize("apple", ALL, ids=lambda apple: apple.name)
def test_fault_is_told_with_its_line(apple: Apple, tmp_path: Path) -> None:
    text, line = altered(apple.old, apple.new)
    for old, new in BESIDES.get(apple.name, []):
        text, more = altered(old, new, text)
        line = more or line
    found = told(tmp_path, text)
    expected = f"{line}: {apple.told}"
    if not line:
        found = [entry.partition(": ")[2] for entry in found]
        expected = apple.told
    assert expected in found
    assert len(found) == MORE.get(apple.name, 1), found
