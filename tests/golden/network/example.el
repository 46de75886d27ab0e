==> /etc/NetworkManager/system-connections/b2ct-eno1.nmconnection 0600
#
# Ansible managed
#
[connection]
id=eno1
uuid=0b2b9a0d-7505-59b6-9356-0371cedf8c52
type=ethernet
autoconnect-priority=100

[ethernet]
mtu=9000
mac-address=52:54:00:20:01:11

[ipv4]
method=manual
address1=10.20.0.21/24
gateway=10.20.0.1
ignore-auto-dns=true
dns=192.0.2.53;
dns-search=cloud.example.org;

[ipv6]
method=disabled

==> /etc/NetworkManager/system-connections/b2ct-ens1f0.nmconnection 0600
#
# Ansible managed
#
[connection]
id=ens1f0
uuid=8dc48318-e578-5b6a-9899-713b29c3572e
type=ethernet
autoconnect-priority=100
interface-name=ens1f0
master=bond0
slave-type=bond

[ethernet]
mtu=1500

==> /etc/NetworkManager/system-connections/b2ct-ens1f1.nmconnection 0600
#
# Ansible managed
#
[connection]
id=ens1f1
uuid=f0904e6b-dac5-55d6-8aaf-79b437ce3fa3
type=ethernet
autoconnect-priority=100
interface-name=ens1f1
master=bond0
slave-type=bond

[ethernet]
mtu=1500

==> /etc/NetworkManager/system-connections/b2ct-bond0.nmconnection 0600
#
# Ansible managed
#
[connection]
id=bond0
uuid=7930d4cb-f2ea-5f8c-af46-b18d87a4421f
type=bond
autoconnect-priority=100
interface-name=bond0

[ethernet]
mtu=1500

[bond]
mode=802.3ad
lacp_rate=fast
miimon=100
xmit_hash_policy=layer3+4

[ipv4]
method=disabled

[ipv6]
method=disabled

==> /etc/NetworkManager/system-connections/b2ct-bond0.30.nmconnection 0600
#
# Ansible managed
#
[connection]
id=bond0.30
uuid=83fce96d-3592-5e3d-a52e-b345345c45d8
type=vlan
autoconnect-priority=100
interface-name=bond0.30
master=br-private
slave-type=bridge

[ethernet]
mtu=1500

[vlan]
id=30
parent=7930d4cb-f2ea-5f8c-af46-b18d87a4421f

==> /etc/NetworkManager/system-connections/b2ct-bond0.40.nmconnection 0600
#
# Ansible managed
#
[connection]
id=bond0.40
uuid=be2ee508-68bd-5598-8943-41a90318db7e
type=vlan
autoconnect-priority=100
interface-name=bond0.40
master=br-public
slave-type=bridge

[ethernet]
mtu=1500

[vlan]
id=40
parent=7930d4cb-f2ea-5f8c-af46-b18d87a4421f

==> /etc/NetworkManager/system-connections/b2ct-br-private.nmconnection 0600
#
# Ansible managed
#
[connection]
id=br-private
uuid=4a47c941-c8e0-5d12-b8bb-93ab67cfe88a
type=bridge
autoconnect-priority=100
interface-name=br-private

[ethernet]
mtu=1500

[bridge]
stp=false

[ipv4]
method=disabled

[ipv6]
method=disabled

==> /etc/NetworkManager/system-connections/b2ct-br-public.nmconnection 0600
#
# Ansible managed
#
[connection]
id=br-public
uuid=c6d63bdb-819f-5037-98a7-99c1dac1aa9e
type=bridge
autoconnect-priority=100
interface-name=br-public

[ethernet]
mtu=1500

[bridge]
stp=false

[ipv4]
method=disabled

[ipv6]
method=disabled

==> /etc/NetworkManager/conf.d/10-b2ct.conf 0644
#
# Ansible managed
#
[main]
# Cards that site.yml does not use stay down.
no-auto-default=*
