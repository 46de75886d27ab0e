==> /etc/NetworkManager/system-connections/b2ct-eno1.nmconnection 0600
#
# Ansible managed
#
[connection]
id=eno1
uuid=0b2b9a0d-7505-59b6-9356-0371cedf8c52
type=ethernet
autoconnect-priority=100
master=br-service
slave-type=bridge

[ethernet]
mtu=9000
mac-address=52:54:00:20:01:11

==> /etc/NetworkManager/system-connections/b2ct-br-service.nmconnection 0600
#
# Ansible managed
#
[connection]
id=br-service
uuid=122bc228-368c-5aa5-8876-b3da65a1d0ec
type=bridge
autoconnect-priority=100
interface-name=br-service

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

==> /etc/NetworkManager/conf.d/10-b2ct.conf 0644
#
# Ansible managed
#
[main]
# Cards that site.yml does not use stay down.
no-auto-default=*
