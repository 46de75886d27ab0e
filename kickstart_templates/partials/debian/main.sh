# --- What happens, in five acts --------------------------------------------------------------
# early: before the installer asks anything: which node this is, and its network.
# disk:  disks are there: which one, and may it be erased. Only now partman gets its answers.
# base:  the base system is there: it trusts whom the installer trusts.
# late:  the new system is whole: its files, accounts and marks.
# last:  the installer has copied its logs: no copy of the preseed is left.

# The installer's own questions go out by descriptor 3 and their answers come in by 0; our
# dialog uses 3 too, so they are put aside.
exec 7<&0 8>/dev/null </dev/null
if (: >&3) 2>/dev/null; then exec 8>&3 3>&-; fi

remember() {
    for remembered; do
        eval "value=\${$remembered-}"
        value=$(printf '%s' "$value" | sed "s/'/'\\\\''/g")
        printf "%s='%s'\n" "$remembered" "$value" >>"$W/state"
    done
}

recall() {
    [ -f "$W/state" ] || stop 'The first part of this script has not run: please report it.'
    # shellcheck source=/dev/null
    . "$W/state"
}

hash_preseed() {
    kickstart_sha256=$(sha256sum "$R/preseed.cfg" | cut -d' ' -f1)
    kickstart_short=$(printf '%s' "$kickstart_sha256" | cut -c1-16)
}

# Write everything for this machine, with the disk $chosen_disk.
write_down() {
    : >"$W/names.sed"
    : >"$W/keep.sed"
    : >"$W/files"
    fill_in_machine
    common_files
    if [ "$known" = yes ]; then
        # shellcheck disable=SC2086 # one word a card
        resolve_cards $NODE_CARDS
        node_files "$NODE"
        return 0
    fi
    fill_in hostname "$host_name"
    fill_in card "$install_card"
    fill_in mac "$install_mac"
    fill_in address "$address"
    fill_in gateway "$gateway"
    fill_in dns "$dns"
    keep "$method"
    [ -z "$gateway" ] || keep gateway
    profile_files "$kind"
}

# The installer looks for drivers on every medium that it finds, and mounts it for writing.
# This key is for reading, whenever it appears. Debian 12's has mounted it already, while it
# looked for the preseed.
protect_medium() {
    mkdir -p "$R/etc/udev/rules.d"
    printf '%s\n' "ENV{ID_FS_LABEL}==\"$LABEL\", RUN+=\"/sbin/blockdev --setro \$devnode\"" \
        >"$R/etc/udev/rules.d/99-b2ct.rules"
    ! grep -q ' /media ' "$R/proc/mounts" || umount "$R/media"
    udevadm control --reload >/dev/null 2>&1
    udevadm trigger --subsystem-match=block --action=change >/dev/null 2>&1
}

early() {
    trap unexpected_end EXIT
    rm -f "$W/state"
    log "b2ct $VERSION, site $SITE, $RELEASE"
    hash_preseed
    protect_medium
    udevadm settle >/dev/null 2>&1
    read_machine
    choose_node
    known=yes
    if [ -n "$NODE" ]; then
        kind=$NODE_KIND
        host_name=$NODE
        announce "this machine is $NODE of site $SITE"
    else
        known=no
        begin_dialog
        introduce_machine
        choose_role
        profile_facts "$kind"
        choose_host_name
        choose_network
        tell "The disk is asked for when the installer has found it: some minutes from now."
    fi
    chosen_disk=not-yet-known
    write_down
    bring_up_network
    remember kickstart_sha256 kickstart_short known kind host_name NODE NODE_CARDS
    remember install_card install_mac method address gateway dns
    remember machine_model machine_serial consoles dialog
    finished=yes
}

# The disk has changed: `stop` would say that it has not. After the act `disk` the machine
# restarts; after the others the installer's own message of a failed command follows.
fail() {
    announce "*** $*"
    [ "$act" != disk ] || sleep 120
    exit 1
}

# hook FILE ACT: let the installer run an act where no question of its own leads to.
hook() {
    mkdir -p "${1%/*}"
    printf '%s\n' '#!/bin/sh' "exec sh '$W/script' $2" >"$1"
    chmod 755 "$1" || fail "the act $2 could not be prepared"
}

# What is on the disk goes now, with our own hands and after the consent: partman would look for
# old volume groups by the beginning of a disk's name, and take those of sdaa for those of sda.
# So its questions about old LVM and RAID are answered with no.
clear_disk() {
    [ "$content" != blank ] || return 0
    for part_path in "$R/sys/block/$chosen_disk/$chosen_disk"*; do
        [ -e "$part_path/partition" ] || continue
        clear_ends "$R/dev/${part_path##*/}" "$part_path"
    done
    clear_ends "$R/dev/$chosen_disk" "$R/sys/block/$chosen_disk"
    blockdev --rereadpt "$R/dev/$chosen_disk" ||
        fail "disk $chosen_disk is in use: its old partitions are still there"
    udevadm settle >/dev/null 2>&1
    log "cleared $chosen_disk: $content_text"
}

# The first and the last 4 MiB: partition tables, file systems, LVM, RAID of every version.
clear_ends() {
    read_value "$2/size"
    ends_tail=$((${value:-0} - 8192))
    [ "$ends_tail" -gt 0 ] || ends_tail=0
    dd if=/dev/zero of="$1" bs=1048576 count=4 2>/dev/null
    dd if=/dev/zero of="$1" bs=512 seek="$ends_tail" count=8192 2>/dev/null
    sync
}

disk() {
    trap unexpected_end EXIT
    recall
    find_medium
    if [ "$known" = yes ]; then
        cards=$NODE_CARDS
        node_facts "$NODE"
        NODE_CARDS=$cards
        select_disk
        guard_disk
    else
        profile_facts "$kind"
        open_dialog
        while :; do
            choose_disk
            last_screen && break
        done
    fi
    write_down
    finished=yes
    clear_disk
    debconf-set-selections "$W/answers.cfg" <&7 3>&8 ||
        fail 'the installer does not take the answers about the disk: please report it'
    remember chosen_disk
    hook "$R/usr/lib/post-base-installer.d/02b2ct" base
    # save-logs copies the installer's logs after all late commands. What comes after it must lie
    # there before: the installer lists its last scripts once, and late commands are one of them.
    hook "$R/usr/lib/finish-install.d/94zz-b2ct" last
    announce "installing on $chosen_disk ($d_model, serial $d_serial, $d_size)"
}

# Certificate authorities beyond Debian's own lie as *.crt in the installer's initrd. It hands
# them over by itself for an https:// mirror only; our other repositories are https:// too.
base() {
    umask 022
    T=$R/target
    for authority in "$R"/etc/ssl/certs/*.crt; do
        [ -f "$authority" ] || continue
        mkdir -p "$T/usr/local/share/ca-certificates"
        cp "$authority" "$T/usr/local/share/ca-certificates/" || fail "$authority could not be copied"
        log "the new system trusts ${authority##*/}"
    done
    [ ! -d "$T/usr/local/share/ca-certificates" ] || chroot "$T" update-ca-certificates ||
        fail 'update-ca-certificates failed in the new system'
}

late() {
    recall
    umask 022
    T=$R/target
    while read -r mode path; do
        if ! { mkdir -p "$T${path%/*}" && cp "$W/root$path" "$T$path" && chmod "$mode" "$T$path"; }; then
            fail "$path could not be written"
        fi
    done <"$W/files"
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    sed -i "s/\"installed_at\": null/\"installed_at\": \"$now\"/" "$T/etc/b2ct/installed.json" ||
        fail 'installed.json could not be written'
    mkdir -p "$T/var/log/b2ct" && chmod 700 "$T/var/log/b2ct" && cp "$W/log" "$T/var/log/b2ct/install.log"
    # partman has written a label on the volumes that shall be empty.
    if [ -f "$W/raw" ]; then
        while read -r volume; do
            dd if=/dev/zero of="/dev/$GROUP/$volume" bs=1048576 count=4 2>/dev/null ||
                fail "volume $volume could not be emptied"
        done <"$W/raw"
    fi
    vgchange --addtag "b2ct-site-$SITE" --addtag "b2ct-kickstart-$kickstart_short" "$GROUP" ||
        fail 'the volume group could not be marked'
    fetch_keys
    setup_target || fail 'the new system could not be set up'
    announce "$host_name is installed; the logs are cleaned next"
}

last() {
    recall
    umask 022
    T=$R/target
    rm -rf "$T/var/log/installer/cdebconf"
    chroot "$T" /usr/libexec/b2ct/check-scrub || fail 'a copy of the preseed is left on the disk'
    sed -i 's/"scrubbed": false/"scrubbed": true/' "$T/etc/b2ct/installed.json" ||
        fail 'installed.json could not be written'
    announce "$host_name is ready; remove the medium when the machine restarts"
}

act=$1
case $act in
early | disk | base | late | last) "$act" ;;
*) fail "unknown act $act" ;;
esac
