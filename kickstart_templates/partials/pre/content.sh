# --- What is on a disk, and the consent to lose it ----------------------------------------

# Whether the MiB from sector $2 on can be read and holds nothing but 0x00, or but 0xff.
is_empty_mib() {
    dd if="$1" of="$W/mib" bs=512 skip="$2" count=2048 2>/dev/null
    [ "$(wc -c <"$W/mib")" -eq 1048576 ] || return 1
    [ "$(tr -d '\000' <"$W/mib" | wc -c)" -eq 0 ] || [ "$(tr -d '\377' <"$W/mib" | wc -c)" -eq 0 ]
}

# The volume group of an LVM physical volume, in $lvm_group and $lvm_tags, from its metadata:
# label in sector 1, metadata area at 4096, whose first location says where the current text
# is (on-disk format of LVM2). No program of LVM is needed, and no other disk is touched.
read_lvm() {
    lvm_group=''
    lvm_tags=''
    lvm_label=$(dd if="$1" bs=8 skip=64 count=1 2>/dev/null | tr -cd 'ABELNO')
    [ "$lvm_label" = LABELONE ] || return 0
    lvm_group='unreadable'
    # shellcheck disable=SC2046 # two numbers: offset and size, low word and high word each
    set -- "$1" $(dd if="$1" bs=512 skip=8 count=1 2>/dev/null | od -An -v -t u4 -j 40 -N 16 2>/dev/null)
    [ $# -eq 5 ] && [ "$3" -eq 0 ] && [ "$2" -ge 512 ] || return 0
    dd if="$1" bs=512 skip=$((8 + $2 / 512)) count=16 2>/dev/null | tr -cd '\012\040-\176' |
        sed '/physical_volumes/,$d' >"$W/lvm"
    lvm_group=$(sed -n '1s/^\([A-Za-z0-9_.+-]*\) {.*/\1/p' "$W/lvm")
    lvm_group=${lvm_group:-unreadable}
    lvm_tags=$(sed -n 's/^tags *= *\[\(.*\)\]/\1/p' "$W/lvm" | tr -d '",')
}

file_system_text() {
    fs_said=$(blkid "$1" 2>/dev/null | sed -n 's/.* TYPE="\([^"]*\)".*/\1/p')
    fs_label=$(blkid "$1" 2>/dev/null | sed -n 's/.* LABEL="\([^"]*\)".*/\1/p')
    fs_said="${fs_said:-unknown content}${fs_label:+ labelled $fs_label}"
}

# examine_disk NAME: $content is blank, own (an installation of this site) or other;
# $content_text says what was found; $same_medium is yes if this very text installed it.
examine_disk() {
    content=blank
    content_text=''
    same_medium=no
    own_groups=0
    foreign=0
    for part_path in "$R/sys/block/$1/$1"*; do
        [ -e "$part_path/partition" ] || continue
        part=${part_path##*/}
        read_value "$part_path/size"
        part_bytes=$((${value:-0} * 512))
        size_text "$part_bytes"
        examine_volume "$R/dev/$part"
        [ "$part_own" = yes ] || [ "$part_bytes" -le 4294967296 ] || foreign=1
        content_text="$content_text${content_text:+; }$part $part_said, $size_said"
        content=other
    done
    if [ "$content" = blank ]; then
        read_value "$R/sys/block/$1/size"
        if ! is_empty_mib "$R/dev/$1" 0 || ! is_empty_mib "$R/dev/$1" $((value - 2048)); then
            content=other
            examine_volume "$R/dev/$1"
            content_text="no partition, but $part_said"
            foreign=1
        fi
    fi
    if [ "$own_groups" -eq 1 ] && [ "$foreign" -eq 0 ]; then
        content=own
        content_text="an installation of site $SITE: $content_text"
    fi
    [ "$content" != blank ] || content_text='nothing: it is blank'
}

examine_volume() {
    part_own=no
    read_lvm "$1"
    if [ -z "$lvm_group" ]; then
        file_system_text "$1"
        part_said=$fs_said
    else
        part_said="LVM volume group $lvm_group"
        if [ "$lvm_group" = "$GROUP" ] && has_word "$lvm_tags" "b2ct-site-$SITE"; then
            part_own=yes
            own_groups=$((own_groups + 1))
            has_word "$lvm_tags" "b2ct-kickstart-$kickstart_short" && same_medium=yes
        fi
    fi
    :
}

# May the chosen disk of a known node be erased? If not, the end.
guard_disk() {
    examine_disk "$chosen_disk"
    log "disk $chosen_disk ($d_model, serial $d_serial, $d_size): $content_text"
    case $DISK_ERASE/$content in
    */blank) return 0 ;;
    b2ct/own | anything/own)
        guard_against_repetition
        return 0
        ;;
    anything/*) return 0 ;;
    esac
    stop "Disk $chosen_disk of $NODE is not blank, and site.yml does not allow to erase it." \
        "It is $d_model, serial $d_serial, $d_size." \
        "On it: $content_text" \
        "site.yml says  erase: $DISK_ERASE  for this disk (blank: nothing may be lost;" \
        "b2ct: an installation of this site may; anything: all of it may)." \
        'Change that and make the medium again, or empty the disk yourself.'
}

# A key that stays in the machine must not install it again at every start.
guard_against_repetition() {
    [ "$same_medium" = yes ] || return 0
    kernel_argument b2ct.reinstall
    [ "$value" != 1 ] || return 0
    open_dialog
    tell ''
    tell "This medium has already installed $NODE on disk $chosen_disk."
    tell 'Remove the medium and restart, or type reinstall to erase the disk and begin again.'
    tell '(The kernel argument b2ct.reinstall=1 does the same without a question.)'
    flush_input
    printf 'Your answer: ' >&3
    read_reply 0
    [ "$reply" = reinstall ] ||
        stop "$NODE is installed already. Remove the medium and restart the machine."
}
