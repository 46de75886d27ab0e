==> /etc/NetworkManager/system-connections/b2ct-eno1.nmconnection 0600
#
# Ansible managed
#
[connection]
id=eno1
uuid=0b2b9a0d-7505-59b6-9356-0371cedf8c52
type=ethernet
autoconnect-priority=100
master=bond0
slave-type=bond

[ethernet]
mtu=9000
mac-address=52:54:00:20:01:11

==> /etc/NetworkManager/system-connections/b2ct-eno2.nmconnection 0600
#
# Ansible managed
#
[connection]
id=eno2
uuid=a8d371dc-fca9-56f1-94d1-ebd22adfceff
type=ethernet
autoconnect-priority=100
interface-name=eno2
master=bond0
slave-type=bond

[ethernet]
mtu=9000

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
mtu=9000

[bond]
mode=802.3ad
lacp_rate=fast
miimon=100
xmit_hash_policy=layer3+4

[ipv4]
method=disabled

[ipv6]
method=disabled

==> /etc/NetworkManager/system-connections/b2ct-bond0.20.nmconnection 0600
#
# Ansible managed
#
[connection]
id=bond0.20
uuid=7c26696d-7d9b-535e-9948-b632b5df0257
type=vlan
autoconnect-priority=100
interface-name=bond0.20

[ethernet]
mtu=9000

[vlan]
id=20
parent=7930d4cb-f2ea-5f8c-af46-b18d87a4421f

[ipv4]
method=manual
address1=10.20.0.21/24
gateway=10.20.0.1
ignore-auto-dns=true
dns=192.0.2.53;
dns-search=cloud.example.org;

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

[ethernet]
mtu=1500

[vlan]
id=30
parent=7930d4cb-f2ea-5f8c-af46-b18d87a4421f

[ipv4]
method=manual
address1=10.30.0.21/16
never-default=true

[ipv6]
method=disabled

==> /etc/NetworkManager/conf.d/10-b2ct.conf 0644
#
# Ansible managed
#
[main]
# Cards that site.yml does not use stay down.
no-auto-default=*
