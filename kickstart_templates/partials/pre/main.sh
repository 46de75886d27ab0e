# --- What happens ----------------------------------------------------------------------------

prepare_known() {
    kind=$NODE_KIND
    announce "this machine is $NODE of site $SITE"
    select_disk
    guard_disk
    # shellcheck disable=SC2086 # one word a card
    resolve_cards $NODE_CARDS
    fill_in_machine
    node_files "$NODE"
    check_fragments
    announce "installing on $chosen_disk ($d_model, serial $d_serial, $d_size)"
}

prepare_unknown() {
    NODE=''
    run_dialog
    NODE=$host_name
    fill_in_machine
    fill_in hostname "$host_name"
    fill_in card "$install_card"
    fill_in mac "$install_mac"
    fill_in address "$address"
    fill_in gateway "$gateway"
    fill_in dns "$dns"
    fill_in dns1 "${dns%%,*}"
    fill_in dns4 "$(printf '%s\n' "$dns" | tr ',' '\n' | grep -v : | tr '\n' ';')"
    fill_in dns6 "$(printf '%s\n' "$dns" | tr ',' '\n' | grep : | tr '\n' ';')"
    keep "$method"
    if [ -n "$gateway" ]; then keep gateway; else keep nogateway; fi
    profile_files "$kind"
    check_fragments
    tell "Installing $host_name on $chosen_disk."
}

# A netinstall without network, or without a disk, must not begin.
check_fragments() {
    grep -e --activate "$W/network.ks" >/dev/null || stop 'No network was written: please report it.'
    grep '^clearpart' "$W/storage.ks" >/dev/null || stop 'No disk was written: please report it.'
}

main() {
    trap unexpected_end EXIT
    : >"$W/names.sed"
    : >"$W/keep.sed"
    : >"$W/files"
    log "b2ct $VERSION, site $SITE, $RELEASE"
    hash_kickstart
    read_machine
    find_medium
    choose_node
    if [ -n "$NODE" ]; then prepare_known; else prepare_unknown; fi
    case $kickstart_sha256 in unknown) ;; *) printf '%s\n' "$kickstart_short" >"$W/kickstart" ;; esac
    finished=yes
    close_consoles
}

main
