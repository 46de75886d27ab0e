# --- The dialog with a machine that the site file does not know ----------------------------

run_dialog() {
    begin_dialog
    while :; do
        introduce_machine
        choose_role
        profile_facts "$kind"
        choose_host_name
        choose_network
        choose_disk
        last_screen && break
    done
}

begin_dialog() {
    [ -n "$ASK" ] || {
        describe_lines
        stop "This machine is not in the site file of $SITE, and the site allows no questions." \
            "$machine_lines" 'Add it to site.yml and make the medium again, or allow install.ask.'
    }
    open_dialog
}

introduce_machine() {
    tell ''
    tell "This machine is not in the site file of $SITE."
    tell "It is: $machine_model, serial number ${machine_serial:-unknown}"
    tell "An empty line takes the answer in brackets; so do $ASK_TIMEOUT seconds without one."
}

describe_lines() {
    machine_lines="It is: $machine_model, serial number ${machine_serial:-unknown};"
    while read -r card_name card_mac; do
        machine_lines="$machine_lines $card_name has MAC $card_mac;"
    done <"$W/cards"
}

choose_role() {
    kind=${PROFILES##* }
    has_word "$ASK" role && [ "$kind" != "$PROFILES" ] || return 0
    choose 'What shall this machine be?' 2 \
        'control: the services of the site' 'hypervisor: virtual machines only'
    [ "$choice" -eq 2 ] || kind=control
    [ "$choice" -eq 1 ] || kind=hypervisor
}

choose_host_name() {
    read -r _ card_mac <"$W/cards" || card_mac=00:00:00:00:00:00
    host_name=$kind-$(printf '%s' "$card_mac" | cut -d: -f4-6 | tr -d ':')
    has_word "$ASK" hostname || return 0
    host_default=$host_name
    tell ''
    while :; do
        ask "Host name (without .$DOMAIN)" "$host_default"
        host_name=$reply
        if has_word "$NODES" "$host_name"; then
            tell "$host_name is in site.yml, and this machine is another one."
            tell "(To install it as $host_name all the same: kernel argument b2ct.node=$host_name.)"
            continue
        fi
        case $host_name in
        '' | -* | *- | *[!a-z0-9-]*) ;;
        *[!0-9]*) [ "${#host_name}" -gt 63 ] || return 0 ;;
        esac
        tell 'A host name has small letters, digits and inner hyphens, 63 at most.'
    done
}

# Which disks could be installed on: $eligible; the suggestion: $suggested_disk.
find_eligible() {
    list_disks
    eligible=''
    suggested_disk=''
    rule_hits=''
    for candidate in $disks; do
        read_disk "$candidate"
        [ -z "$d_refusal" ] || continue
        [ $((d_bytes / 1048576)) -ge "$DISK_NEED_MIB" ] || continue
        eligible="$eligible${eligible:+ }$candidate"
        [ "$DISK_KIND" = rule ] && disk_fits_rule && rule_hits="$rule_hits${rule_hits:+ }$candidate"
    done
    case $rule_hits in
    '' | *' '*) ;;
    *) suggested_disk=$rule_hits ;;
    esac
    case $eligible in
    '')
        list_of_disks
        size_text $((DISK_NEED_MIB * 1048576))
        stop "No disk of this machine can be installed on; $size_said are needed." \
            "It has:${disk_lines:- none}"
        ;;
    *' '*) ;;
    *) suggested_disk=$eligible ;;
    esac
}

choose_disk() {
    find_eligible
    if has_word "$ASK" disk; then
        disk_default=''
        disk_number=0
        set --
        for candidate in $eligible; do
            disk_number=$((disk_number + 1))
            read_disk "$candidate"
            examine_disk "$candidate"
            [ "$d_san" = no ] || content_text="$content_text [a disk of the storage network!]"
            set -- "$@" "$candidate: $d_model, serial $d_serial, $d_size; on it: $content_text"
            [ "$candidate" != "$suggested_disk" ] || disk_default=$disk_number
        done
        choose 'Disk to install on:' "${disk_default:-none}" "$@" ||
            stop 'Several disks could be meant, and nobody chose one.'
        disk_number=0
        for candidate in $eligible; do
            disk_number=$((disk_number + 1))
            [ "$disk_number" -ne "$choice" ] || chosen_disk=$candidate
        done
    else
        [ -n "$suggested_disk" ] || {
            list_of_disks
            stop 'Several disks could be meant, and the site does not let me ask for one.' \
                "This machine has:$disk_lines"
        }
        chosen_disk=$suggested_disk
    fi
    read_disk "$chosen_disk"
    examine_disk "$chosen_disk"
}

# What is about to happen. Data is lost by a typed yes only; nobody there: nothing is done.
last_screen() {
    tell ''
    tell '================================================================'
    tell "Install $host_name.$DOMAIN as $kind, on network $NET_NAME by card $install_card"
    if [ "$method" = static ]; then
        tell "with address $address, gateway ${gateway:-none}, name servers $dns"
    else
        tell "with an address given by the network ($method)"
    fi
    if [ "$content" = blank ]; then
        tell "on disk $chosen_disk, which is blank:"
    else
        tell "AND ERASE DISK $chosen_disk:"
    fi
    tell "    model $d_model, serial $d_serial, $d_size"
    tell "    on it now: $content_text"
    tell '================================================================'
    flush_input
    if [ "$content" = blank ]; then
        ask 'Install? (yes, or no to begin again)' yes
        [ "$reply" = yes ]
        return
    fi
    printf 'Type yes to ERASE this disk, anything else to begin again: ' >&3
    read_reply "$ASK_TIMEOUT" || stop "Nobody agreed to erase disk $chosen_disk." \
        "It is $d_model, serial $d_serial, $d_size." "On it: $content_text"
    log "consent to erase $chosen_disk: $reply"
    [ "$reply" = yes ]
}
