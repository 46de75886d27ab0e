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

[ethernet]
mtu=9000

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
