# --- LVM, as this installer can read it ------------------------------------------------------
# Its busybox has no od; LVM's own programs are here before the partitioner asks for a disk.
read_lvm() {
    lvm_group=''
    lvm_tags=''
    lvm_label=$(dd if="$1" bs=8 skip=64 count=1 2>/dev/null | tr -cd 'A-Za-z')
    [ "$lvm_label" = LABELONE ] || return 0
    lvm_group=$(pvs --noheadings -o vg_name "$1" 2>/dev/null | tr -d ' ')
    lvm_group=${lvm_group:-unreadable}
    lvm_tags=$(vgs --noheadings -o vg_tags "$lvm_group" 2>/dev/null | tr -d ' ' | tr ',' ' ')
}
