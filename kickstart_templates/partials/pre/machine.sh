# --- The machine: who it is --------------------------------------------------------------

read_machine() {
    read_value "$R/sys/class/dmi/id/product_serial"
    machine_serial=$value
    read_value "$R/sys/class/dmi/id/sys_vendor"
    machine_model=$value
    read_value "$R/sys/class/dmi/id/product_name"
    machine_model="$machine_model $value"
    : >"$W/cards"
    for card_path in "$R"/sys/class/net/*; do
        [ -e "$card_path/device" ] || continue
        read_value "$card_path/address"
        printf '%s %s\n' "${card_path##*/}" "$(printf '%s' "$value" | tr 'A-F' 'a-f')" >>"$W/cards"
    done
}

# Which nodes of the site this machine is, by MAC address and by serial number: $matched.
match_machine() {
    matched=''
    if [ -n "$machine_serial" ]; then
        node_by_serial "$machine_serial"
        matched=$found
    fi
    while read -r _ card_mac; do
        node_by_mac "$card_mac"
        if [ -n "$found" ] && ! has_word "$matched" "$found"; then
            matched="$matched${matched:+ }$found"
        fi
    done <"$W/cards"
}

describe_machine() {
    say "    This machine: $machine_model, serial number ${machine_serial:-unknown}"
    while read -r card_name card_mac; do
        say "    network card $card_name, MAC $card_mac"
    done <"$W/cards"
}

# The card of the site file on this machine, in $kernel_name and $kernel_mac: by MAC address
# if it is known, else by name.
resolve_card() {
    kernel_name=''
    while read -r card_name card_mac; do
        if [ -n "$2" ] && [ "$card_mac" != "$2" ]; then continue; fi
        if [ -z "$2" ] && [ "$card_name" != "$1" ]; then continue; fi
        kernel_name=$card_name
        kernel_mac=$card_mac
    done <"$W/cards"
}

# resolve_cards NAME=MAC...: fill in every @{nic:NAME} that the node's files use.
resolve_cards() {
    for wanted; do
        resolve_card "${wanted%%=*}" "${wanted#*=}"
        if [ -z "$kernel_name" ]; then
            missing="This machine has no network card ${wanted%%=*}"
            [ -z "${wanted#*=}" ] || missing="$missing with MAC address ${wanted#*=}"
            stop "$missing." \
                "It has: $(tr '\n' ';' <"$W/cards")" \
                'Correct nics: or macs: of this node in site.yml and make the medium again.'
        fi
        [ "$kernel_name" = "${wanted%%=*}" ] ||
            log "card ${wanted%%=*} of the site file is called $kernel_name here"
        fill_in "nic:${wanted%%=*}" "$kernel_name"
        fill_in "mac:${wanted%%=*}" "$kernel_mac"
    done
}
