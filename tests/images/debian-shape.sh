#!/bin/sh
# Runs inside the Debian image when it is made: what hardware would need is off.
set -eu
systemctl --quiet mask getty.target console-getty.service systemd-udevd.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-modules-load.service \
    systemd-hwdb-update.service systemd-udev-trigger.service
# They would take apt's lock in the middle of a test; a role may enable them.
systemctl --quiet disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer 2>/dev/null || :
rm -f /etc/machine-id /etc/hostname
: >/etc/machine-id
