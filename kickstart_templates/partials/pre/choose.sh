# --- Which node this is ----------------------------------------------------------------------

# Which node of the site file this machine shall be: $NODE; empty for the dialog.
choose_node() {
    match_machine
    kernel_argument b2ct.ask
    [ "$value" != 1 ] || return 0
    kernel_argument b2ct.node
    wanted_node=${value:-$ONLY_NODE}
    if [ -n "$wanted_node" ]; then
        has_word "$NODES" "$wanted_node" ||
            stop "The boot menu asks for node $wanted_node, which this medium does not know." \
                "It knows: $NODES"
        NODE=$wanted_node
        node_facts "$NODE"
        has_word "$matched" "$NODE" || confirm_mismatch
        return 0
    fi
    case $matched in
    *' '*)
        describe_lines
        stop "This machine is several nodes of the site file at once: $matched." "$machine_lines" \
            'Correct serial: and macs: in site.yml and make the medium again.'
        ;;
    esac
    NODE=$matched
    [ -z "$NODE" ] || node_facts "$NODE"
}

# The medium says which node this is, but neither a MAC address nor the serial number does.
confirm_mismatch() {
    if [ -z "$NODE_SERIAL$NODE_MACS" ]; then
        log "$NODE has neither macs nor serial in site.yml: nothing to compare with"
        return 0
    fi
    open_dialog
    describe_lines
    tell ''
    tell "This medium installs $NODE, but this machine does not look like it."
    tell "site.yml: serial ${NODE_SERIAL:-not given}, MAC addresses ${NODE_MACS:-not given}"
    tell "$machine_lines"
    [ -z "$matched" ] || tell "It looks like $matched."
    flush_input
    printf 'Type yes to install it as %s all the same: ' "$NODE" >&3
    read_reply "$ASK_TIMEOUT"
    log "install as $NODE all the same: $reply"
    [ "$reply" = yes ] || stop "This machine is not $NODE." "$machine_lines" \
        'Correct macs: or serial: of the node in site.yml, or use another medium.'
    # The cards of another machine have other addresses: go by their names.
    for wanted in $NODE_CARDS; do
        renamed="${renamed-}${renamed:+ }${wanted%%=*}="
    done
    NODE_CARDS=${renamed-}
}
