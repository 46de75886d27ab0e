#!/bin/sh
# The first process of a test boot. It does what Anaconda's start does with a medium, says on
# the console what it found, and switches the machine off:
#   B2CT-FIRMWARE uefi|bios
#   B2CT-SECUREBOOT enforced                                 if the kernel says so
#   B2CT-CMDLINE <kernel command line>
#   B2CT-VOLUME <device> <label as udev spells it>           one line a file system
#   B2CT-STAGE2 <label or -> <device> <file> <bytes>         or: <label> MISSING
#   B2CT-KS <label:path> <device> <sha256>                   one line a device with that label,
#                                                            or: <label:path> MISSING
#   B2CT-PRESEED <sha256>                                    if /preseed.cfg came with an initrd
#   B2CT-END
# "ks" lines for a label carried by several devices (an ISO's disk and its first partition)
# are all printed: an installer may take any of them.
PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
# A warning of the kernel in the middle of a line would spoil it.
dmesg -n 1
echo
while read -r module; do insmod "/modules/$module" || echo "B2CT-ERROR insmod $module"; done </modules/order
say() { echo "B2CT-$*"; }
blkid -V >/dev/null || say ERROR blkid does not run

if [ -d /sys/firmware/efi ]; then say FIRMWARE uefi; else say FIRMWARE bios; fi
dmesg | grep -q 'secureboot: Secure boot enabled' && say SECUREBOOT enforced
read -r cmdline </proc/cmdline
say CMDLINE "$cmdline"

ks='' stage2='' oemdrv=''
set -f
for word in $cmdline; do
    case $word in
    inst.ks=hd:LABEL=* | ks=hd:LABEL=*) ks=${word#*hd:LABEL=} ;;
    inst.stage2=hd:LABEL=* | stage2=hd:LABEL=*) stage2=${word#*hd:LABEL=} ;;
    inst.repo=hd:LABEL=* | repo=hd:LABEL=* | method=hd:LABEL=*)
        [ -n "$stage2" ] || stage2=${word#*hd:LABEL=} ;;
    esac
done
set +f
# Anaconda of EL 7 and later loads /ks.cfg of a volume labelled OEMDRV when no kickstart is named.
case $cmdline in *ks=*) ;; *) oemdrv=OEMDRV:/ks.cfg ;; esac

# udev's spelling of the label on a device, or nothing.
label_of() {
    blkid -p -o udev "/dev/$1" 2>/dev/null | sed -n 's/^ID_FS_LABEL_ENC=//p'
}

volumes() { for device in /sys/class/block/*; do
    device=${device##*/}
    case $device in loop* | ram* | fd*) continue ;; esac
    label=$(label_of "$device")
    [ -z "$label" ] || echo "$device $label"
done; }

# A stick needs a moment to appear. A label that is nowhere is given 20 seconds; an OEMDRV,
# which nobody promised, 6.
tries=0
while [ $tries -lt 40 ]; do
    volumes >/volumes
    complete=yes
    for want in ${ks%%:*} ${stage2%%:*}; do
        cut -d' ' -f2- /volumes | grep -qxF -e "$want" || complete=no
    done
    if [ -n "$oemdrv" ] && [ $tries -lt 12 ]; then
        grep -q ' OEMDRV$' /volumes || complete=no
    fi
    [ $complete = no ] || break
    sleep 0.5
    tries=$((tries + 1))
done
# Partitions of the disk just seen appear with it or right after.
sleep 0.3
volumes >/volumes
while read -r device label; do say VOLUME "$device" "$label"; done </volumes

# with_label LABEL COMMAND…: run the command with each device of that label mounted on /mnt.
with_label() {
    wanted=$1
    shift
    while read -r device label; do
        [ "$wanted" = '*' ] || [ "$label" = "$wanted" ] || continue
        mount -r "/dev/$device" /mnt 2>/dev/null || { echo "B2CT-ERROR mount $device"; continue; }
        "$@" "$device"
        umount /mnt
    done </volumes
}

find_stage2() {
    for file in images/install.img LiveOS/squashfs.img; do
        if [ -f "/mnt/$file" ]; then
            say STAGE2 "$1" "$2" "$file" "$(stat -c %s "/mnt/$file")"
            return
        fi
    done
}

find_ks() {
    file=/mnt/${1#*:}
    [ ! -f "$file" ] || say KS "$1" "$2" "$(sha256sum "$file" | cut -d' ' -f1)"
}

if [ -n "$stage2" ]; then
    with_label "${stage2%%:*}" find_stage2 "${stage2%%:*}" >/found
else
    # EL 6 names no second stage: its loader looks at every medium.
    with_label '*' find_stage2 - >/found
fi
cat /found
grep -q B2CT-STAGE2 /found || say STAGE2 "${stage2:--} MISSING"

for where in $ks $oemdrv; do
    with_label "${where%%:*}" find_ks "$where" >/found
    cat /found
    [ "$where" = "$oemdrv" ] || grep -q B2CT-KS /found || say KS "$where MISSING"
done
[ ! -f /preseed.cfg ] || say PRESEED "$(sha256sum /preseed.cfg | cut -d' ' -f1)"
say END
sync
poweroff -f
