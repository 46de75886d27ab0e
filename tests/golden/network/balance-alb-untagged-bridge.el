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
master=br0
slave-type=bridge

[ethernet]
mtu=9000

[bond]
mode=balance-alb
miimon=100

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
master=br1
slave-type=bridge

[ethernet]
mtu=1500

[vlan]
id=40
parent=7930d4cb-f2ea-5f8c-af46-b18d87a4421f

==> /etc/NetworkManager/system-connections/b2ct-br0.nmconnection 0600
#
# Ansible managed
#
[connection]
id=br0
uuid=6ef8d70a-9863-568f-9b24-497e54ff7efc
type=bridge
autoconnect-priority=100
interface-name=br0

[ethernet]
mtu=9000

[bridge]
stp=false

[ipv4]
method=manual
address1=10.20.0.21/24
gateway=10.20.0.1
ignore-auto-dns=true
dns=192.0.2.53;
dns-search=cloud.example.org;

[ipv6]
method=disabled

==> /etc/NetworkManager/system-connections/b2ct-br1.nmconnection 0600
#
# Ansible managed
#
[connection]
id=br1
uuid=7d5367b6-5ada-59e7-80d2-88a925b364e0
type=bridge
autoconnect-priority=100
interface-name=br1

[ethernet]
mtu=1500

[bridge]
stp=false

[ipv4]
method=disabled

[ipv6]
method=auto

==> /etc/NetworkManager/conf.d/10-b2ct.conf 0644
#
# Ansible managed
#
[main]
# Cards that site.yml does not use stay down.
no-auto-default=*
