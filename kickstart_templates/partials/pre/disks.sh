# --- Disks: which one, and may it be erased ----------------------------------------------

# The whole disk that the device PATH is or lies on, in $disk; empty if there is none.
disk_of() {
    disk=''
    [ -e "$1" ] || return 0
    device_name=$(readlink -f "$1")
    device_name=${device_name##*/}
    if [ -d "$R/sys/block/$device_name" ]; then
        disk=$device_name
        return 0
    fi
    for disk_path in "$R"/sys/block/*; do
        [ ! -d "$disk_path/$device_name" ] || disk=${disk_path##*/}
    done
}

# Every disk that carries the medium we run from, in $medium_disks: by label, by what the
# kernel command line names, and by what is mounted.
find_medium() {
    medium_disks=''
    medium_paths="$R/dev/disk/by-label/$LABEL $R/dev/disk/by-label/OEMDRV"
    set -f
    # shellcheck disable=SC2013 # words, not lines
    for argument in $(cat "$R/proc/cmdline" 2>/dev/null); do
        case $argument in
        ks=hd:* | inst.ks=hd:* | inst.repo=hd:* | inst.stage2=hd:* | stage2=hd:* | repo=hd:*)
            argument=${argument#*=hd:}
            argument=${argument%%:*}
            ;;
        root=live:* | root=*LABEL=*) argument=${argument#root=} && argument=${argument#live:} ;;
        *) continue ;;
        esac
        case $argument in
        *LABEL=*) medium_paths="$medium_paths $R/dev/disk/by-label/${argument#*LABEL=}" ;;
        UUID=*) medium_paths="$medium_paths $R/dev/disk/by-uuid/${argument#UUID=}" ;;
        /dev/*) medium_paths="$medium_paths $R$argument" ;;
        *) medium_paths="$medium_paths $R/dev/$argument" ;;
        esac
    done
    for medium_path in $medium_paths; do
        set +f
        disk_of "$medium_path"
        [ -z "$disk" ] || medium_disks="$medium_disks $disk"
    done
    while read -r mounted _; do
        case $mounted in
        /dev/*)
            disk_of "$R$mounted"
            [ -z "$disk" ] || medium_disks="$medium_disks $disk"
            ;;
        esac
    done <"$R/proc/mounts"
}

udev_value() {
    read_value "$R/sys/block/$1/dev"
    value=$(sed -n "s/^E:$2=//p" "$R/run/udev/data/b$value" 2>/dev/null | sed -n 1p)
    if [ -z "$value" ] && [ -z "$R" ]; then
        value=$(udevadm info --query=property --name="$1" 2>/dev/null | sed -n "s/^$2=//p")
    fi
}

size_text() {
    size_tenths=$(($1 * 10 / 1073741824))
    size_said="$((size_tenths / 10)).$((size_tenths % 10)) GiB ($(($1 / 1000000000)) GB)"
}

# read_disk NAME: sets d_bytes, d_size, d_type, d_model, d_serials, d_serial and d_refusal
# (why it can never be installed on; empty if it can), d_san (yes for Fibre Channel, iSCSI).
read_disk() {
    read_value "$R/sys/block/$1/size"
    d_bytes=$((${value:-0} * 512))
    size_text "$d_bytes"
    d_size=$size_said
    read_value "$R/sys/block/$1/queue/rotational"
    d_type=ssd
    [ "$value" != 1 ] || d_type=hdd
    case $1 in nvme*) d_type=nvme ;; esac
    read_value "$R/sys/block/$1/device/model"
    d_model=${value:-unknown model}
    d_serials=''
    for serial_file in "$R/sys/block/$1/device/serial" "$R/sys/block/$1/serial"; do
        read_value "$serial_file"
        [ -z "$value" ] || d_serials="$d_serials $value"
    done
    # SCSI vital product data, page 0x80: four bytes of header, then the serial number.
    if [ -r "$R/sys/block/$1/device/vpd_pg80" ]; then
        d_serials="$d_serials $(dd if="$R/sys/block/$1/device/vpd_pg80" bs=1 skip=4 2>/dev/null | tr -cd 'A-Za-z0-9_.:+@=-')"
    fi
    for serial_key in ID_SERIAL_SHORT ID_SCSI_SERIAL; do
        udev_value "$1" "$serial_key"
        [ -z "$value" ] || d_serials="$d_serials $value"
    done
    d_serials=$(printf '%s' "$d_serials" | tr -s ' ' | sed 's/^ //; s/ $//')
    d_serial=${d_serials%% *}
    d_serial=${d_serial:-unknown}
    sysfs_path=$(readlink -f "$R/sys/block/$1")
    d_san=no
    case $sysfs_path in */rport-* | */session[0-9]*) d_san=yes ;; esac
    d_refusal=''
    read_value "$R/sys/block/$1/removable"
    [ "$value" != 1 ] || d_refusal='it is removable'
    case $sysfs_path in */usb[0-9]*) d_refusal='it is a USB device' ;; esac
    read_value "$R/sys/block/$1/ro"
    [ "$value" != 1 ] || d_refusal='it is read-only'
    [ "$d_bytes" -gt 0 ] || d_refusal='it holds no medium'
    has_word "$medium_disks" "$1" && d_refusal='this installer runs from it'
    :
}

# All disks of the machine, in $disks, without what is no disk.
list_disks() {
    disks=''
    for disk_path in "$R"/sys/block/*; do
        case ${disk_path##*/} in
        loop* | ram* | zram* | sr* | fd* | dm-* | md* | nbd* | mtd* | nvme*c*n* | '*') ;;
        *) disks="$disks${disks:+ }${disk_path##*/}" ;;
        esac
    done
}

# What `stop` shall say about the disks: one line each.
list_of_disks() {
    disk_lines=''
    for listed in $disks; do
        read_disk "$listed"
        disk_lines="$disk_lines
        $listed: $d_type, $d_model, serial $d_serial, $d_size${d_refusal:+ - never: $d_refusal}"
    done
}

# The disk that the node's selector names, in $chosen_disk. Exactly one, or the end.
select_disk() {
    list_disks
    hits=''
    case $DISK_KIND in
    by_id | by_path)
        disk_of "$R/dev/disk/by-${DISK_KIND#by_}/$DISK_VALUE"
        # A name that leads to a partition is no name of a disk.
        [ -z "$disk" ] || [ "$disk" != "$device_name" ] || hits=$disk
        selector_text="/dev/disk/by-${DISK_KIND#by_}/$DISK_VALUE"
        ;;
    device)
        [ ! -d "$R/sys/block/$DISK_VALUE" ] || hits=$DISK_VALUE
        selector_text="/dev/$DISK_VALUE"
        ;;
    serial)
        for candidate in $disks; do
            read_disk "$candidate"
            has_word "$d_serials" "$DISK_VALUE" && hits="$hits${hits:+ }$candidate"
        done
        selector_text="serial number $DISK_VALUE"
        ;;
    *)
        size_text "$DISK_MIN"
        selector_text="type $DISK_TYPE, at least $size_said"
        size_text "$DISK_MAX"
        [ "$DISK_MAX" -eq 0 ] || selector_text="$selector_text, at most $size_said"
        for candidate in $disks; do
            read_disk "$candidate"
            disk_fits_rule && hits="$hits${hits:+ }$candidate"
        done
        ;;
    esac
    case $hits in
    '')
        list_of_disks
        stop "The disk of $NODE is not here: $selector_text." "This machine has:$disk_lines" \
            'Correct disk: of this node in site.yml and make the medium again.'
        ;;
    *' '*)
        list_of_disks
        stop "Several disks match $selector_text: $hits." "This machine has:$disk_lines" \
            'Name one of them in site.yml (by_id, by_path or serial) and make the medium again.'
        ;;
    esac
    chosen_disk=$hits
    read_disk "$chosen_disk"
    [ -z "$d_refusal" ] || stop "The disk of $NODE, $selector_text, is $chosen_disk: $d_refusal." \
        "It is $d_model, serial $d_serial, $d_size." \
        'b2ct never installs on such a disk. Name another one in site.yml.'
    check_disk_size
}

# A rule never means a disk of the storage network: others may be using it.
disk_fits_rule() {
    [ -z "$d_refusal" ] && [ "$d_san" = no ] || return 1
    [ "$DISK_TYPE" = any ] || [ "$DISK_TYPE" = "$d_type" ] || return 1
    [ "$d_bytes" -ge "$DISK_MIN" ] || return 1
    [ "$DISK_MAX" -eq 0 ] || [ "$d_bytes" -le "$DISK_MAX" ]
}

check_disk_size() {
    [ $((d_bytes / 1048576)) -ge "$DISK_NEED_MIB" ] && return 0
    size_text $((DISK_NEED_MIB * 1048576))
    stop "Disk $chosen_disk ($d_model, serial $d_serial) has $d_size; the volumes need $size_said." \
        'Shorten volumes: in site.yml or name a larger disk.'
}
