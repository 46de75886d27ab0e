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
method=auto
never-default=true
ignore-auto-dns=true
dns=2001:db8::53;
dns-search=cloud.example.org;

==> /etc/NetworkManager/system-connections/b2ct-eno1.40.nmconnection 0600
#
# Ansible managed
#
[connection]
id=eno1.40
uuid=8037cf72-6828-5e31-9caa-b7586dfa4815
type=vlan
autoconnect-priority=100
interface-name=eno1.40

[ethernet]
mtu=1500

[vlan]
id=40
parent=0b2b9a0d-7505-59b6-9356-0371cedf8c52

[ipv4]
method=disabled

[ipv6]
method=auto
address1=2001:db8:40::21/64

==> /etc/NetworkManager/conf.d/10-b2ct.conf 0644
#
# Ansible managed
#
[main]
# Cards that site.yml does not use stay down.
no-auto-default=*
