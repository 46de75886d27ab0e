#!/bin/bash
# The first process of a session's namespaces; as process 1 it reaps what containers leave, and
# when it ends the kernel ends all that runs inside.
# Usage: session-init.sh FOLDER
set -eu
folder=$1
# On a hybrid host systemd in a container would take the unified hierarchy and fail.
if mountpoint -q /sys/fs/cgroup/unified; then
    umount /sys/fs/cgroup/unified
fi
resolver=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "${resolver%/*}" /run/tmp
[ -e "$resolver" ] || : >"$resolver"
mount --bind "$folder/resolv.conf" "$resolver"
ip link set lo up
# Commands that enter later wait for this.
: >"$folder/ready"
exec 0</dev/null
trap 'exit 0' TERM
while :; do
    sleep 3600 &
    wait $! || :
done
