#!/bin/sh
# Turn a tree of packages into a lab's root file system. mmdebstrap calls it with the tree.
set -eu
root=$1
here=$(dirname "$0")

# --- what boots --------------------------------------------------------------------------
printf '/dev/vda / ext4 errors=remount-ro,noatime 0 1\n' >"$root/etc/fstab"
# Drivers of things that no virtual machine has.
for folder in sound drivers/gpu drivers/media drivers/net/wireless drivers/net/ethernet \
    drivers/staging drivers/infiniband drivers/iio drivers/input drivers/hid drivers/usb \
    drivers/bluetooth drivers/isdn drivers/mmc drivers/mtd net/bluetooth net/wireless; do
    rm -rf "$root"/lib/modules/*/kernel/"$folder"
done
for kernel in "$root"/lib/modules/*; do
    chroot "$root" depmod "${kernel##*/}"
done

# --- what a person and the lab find ------------------------------------------------------
install -m 0755 "$here/fence_b2ctlab" "$root/usr/sbin/fence_b2ctlab"
install -m 0755 "$here/b2ctlab-guest" "$root/usr/sbin/b2ctlab-guest"
install -m 0644 "$here/b2ctlab-guest.service" "$root/etc/systemd/system/b2ctlab-guest.service"
mkdir -p "$root/etc/b2ctlab" "$root/var/lib/b2ctlab" "$root/etc/systemd/network"
chmod 0700 "$root/etc/b2ctlab" "$root/var/lib/b2ctlab"
# The card towards the host is no part of the site.
cat >"$root/etc/systemd/network/10-b2ctlab.link" <<EOF
[Match]
PermanentMACAddress=52:54:00:b2:c7:00
[Link]
Name=lab0
EOF
cat >"$root/etc/systemd/network/10-b2ctlab.network" <<EOF
[Match]
Name=lab0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
[DHCPv4]
UseHostname=no
UseDNS=no
RouteTable=77
# What no route of the site leads to goes out over the host, whatever default route the site has:
# that gateway is not there.
[RoutingPolicyRule]
Priority=100
Table=main
SuppressPrefixLength=0
[RoutingPolicyRule]
Priority=101
Table=77
EOF
printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf"
printf 'lab\n' >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$root/etc/hosts"
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nForwardToConsole=no\n' \
    >"$root/etc/systemd/journald.conf.d/b2ctlab.conf"
printf 'UseDNS no\nUsePAM yes\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n' \
    >"$root/etc/ssh/sshd_config.d/b2ctlab.conf"
# Its keys come with its name. Until then it would fail over and over, and a machine that is saved in
# the midst of that might wake with no start left.
mkdir -p "$root/etc/systemd/system/ssh.service.d"
printf '[Unit]\nConditionPathExists=/etc/ssh/ssh_host_ed25519_key\n' \
    >"$root/etc/systemd/system/ssh.service.d/b2ctlab.conf"

# What must differ from machine to machine, and what packages made once for all.
printf 'GenerateName=yes\n' >"$root/etc/iscsi/initiatorname.iscsi"
printf 'host_uuid_source = "machine-id"\n' >>"$root/etc/libvirt/libvirtd.conf"

# --- what does not start by itself -------------------------------------------------------
# The roles switch on what a site wants. A unit that is not there is no fault.
for unit in corosync pacemaker pacemaker_remote sbd heartbeat dlm lvmlockd lvmlocks drbd keepalived \
    ipvsadm mariadb nginx squid tgt iscsid open-iscsi multipathd multipath-tools logd \
    libvirtd libvirt-guests virtlogd virtlockd libvirtd-tls libvirtd-tcp corosync-notifyd crm_mon \
    openipmi getty@tty1 serial-getty@ttyS0 e2scrub_reap systemd-timesyncd ha_logd; do
    chroot "$root" systemctl disable "$unit.service" >/dev/null 2>&1 || true
done
for unit in libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket virtlogd.socket \
    virtlockd.socket multipathd.socket iscsid.socket dm-event.socket apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer logrotate.timer \
    man-db.timer systemd-tmpfiles-clean.timer; do
    chroot "$root" systemctl disable "$unit" >/dev/null 2>&1 || true
done
chroot "$root" systemctl mask getty@tty1.service serial-getty@ttyS0.service \
    apt-daily.timer apt-daily-upgrade.timer >/dev/null 2>&1
chroot "$root" systemctl enable systemd-networkd.service ssh.service b2ctlab-guest.service >/dev/null 2>&1
chroot "$root" systemctl enable dm-event.socket >/dev/null 2>&1 || true

# --- less to copy ------------------------------------------------------------------------
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/info/*
rm -f "$root/usr/sbin/policy-rc.d"
