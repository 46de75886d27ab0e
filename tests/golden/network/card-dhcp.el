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
method=auto
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
