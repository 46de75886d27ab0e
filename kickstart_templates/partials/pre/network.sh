# --- Network of a machine that the site file does not know ---------------------------------

is_ipv4() {
    case $1 in *[!0-9.]* | .* | *. | *..* | '') return 1 ;; esac
    set -f
    old_ifs=$IFS
    IFS=.
    # shellcheck disable=SC2086 # the four numbers
    set -- $1
    IFS=$old_ifs
    set +f
    [ $# -eq 4 ] || return 1
    for octet; do
        case $octet in 0?* | ????*) return 1 ;; esac
        [ "$octet" -le 255 ] || return 1
    done
}

# The number of an IPv4 address, in $number.
number_of() {
    old_ifs=$IFS
    IFS=.
    # shellcheck disable=SC2086 # the four numbers
    set -- $1
    IFS=$old_ifs
    number=$(($1 * 16777216 + $2 * 65536 + $3 * 256 + $4))
}

address_of() {
    address="$(($1 / 16777216)).$(($1 / 65536 % 256)).$(($1 / 256 % 256)).$(($1 % 256))"
}

# Whether the number $1 belongs to somebody: NET_TAKEN is a list of FIRST-LAST.
is_taken() {
    for range in $NET_TAKEN; do
        [ "$1" -lt "${range%-*}" ] || [ "$1" -gt "${range#*-}" ] || return 0
    done
    return 1
}

# The first address of the subnet that is nobody's, in $address; empty if there is none.
free_address() {
    free_number=$((NET_FIRST + 1))
    [ "$free_number" -gt "$suggested" ] || free_number=$((suggested + 1))
    address=''
    while [ "$free_number" -lt "$NET_LAST" ]; do
        skipped=no
        for range in $NET_TAKEN; do
            if [ "$free_number" -ge "${range%-*}" ] && [ "$free_number" -le "${range#*-}" ]; then
                free_number=$((${range#*-} + 1))
                skipped=yes
            fi
        done
        [ "$skipped" = no ] || continue
        address_of "$free_number"
        return 0
    done
}

# Whether another machine answers for an address: $probe is free, taken or unknown.
probe_address() {
    probe=unknown
    if [ "$NET_VLAN" != 0 ]; then
        tell "(The network is tagged: whether $1 is in use could not be asked.)"
    elif command -v arping >/dev/null 2>&1; then
        arping -D -q -c 2 -w 4 -I "$2" "$1" >/dev/null 2>&1
        case $? in
        0) probe=free ;;
        1) probe=taken ;;
        *) tell '(arping failed: whether the address is in use could not be asked.)' ;;
        esac
    elif command -v ping >/dev/null 2>&1; then
        probe=free
        ping -c 1 -W 2 -I "$2" "$1" >/dev/null 2>&1 && probe=taken
    else
        tell "(Neither arping nor ping is here: whether $1 is in use could not be asked.)"
    fi
    log "probe of $1 on $2: $probe"
}

raise_cards() {
    while read -r card_name _; do
        ip link set dev "$card_name" up >/dev/null 2>&1
    done <"$W/cards"
    for _ in 1 2 3 4 5; do
        grep -qs 1 "$R"/sys/class/net/*/carrier && return 0
        sleep 1
    done
}

choose_card() {
    raise_cards
    card_default=1
    card_number=0
    set --
    while read -r card_name card_mac; do
        card_number=$((card_number + 1))
        read_value "$R/sys/class/net/$card_name/carrier"
        card_link='no link'
        if [ "$value" = 1 ]; then
            [ "$card_link_seen" = yes ] || card_default=$card_number
            card_link_seen=yes
            card_link='link up'
        fi
        set -- "$@" "$card_name, MAC $card_mac, $card_link"
    done <"$W/cards"
    [ $# -gt 0 ] || stop 'This machine has no network card that the installer knows.'
    choice=$card_default
    if has_word "$ASK" network; then
        choose "Card on network $NET_NAME:" "$card_default" "$@"
    fi
    install_card=$(sed -n "${choice}s/ .*//p" "$W/cards")
    install_mac=$(sed -n "${choice}s/.* //p" "$W/cards")
}

choose_network() {
    card_link_seen=no
    choose_card
    method=$NET_DEFAULT
    address=''
    gateway=''
    dns=$NET_DNS
    if [ "$NET_FIRST" -gt 0 ] && has_word "$ASK" network; then
        choose "Address on network $NET_NAME ($NET_SUBNET):" 1 'DHCP' 'static'
        [ "$choice" -ne 2 ] || choose_address
    fi
}

choose_address() {
    method=static
    suggested=0
    tries=0
    while :; do
        free_address
        ask 'Address' "${address:-none is free}"
        if [ "$timed_out" = yes ]; then
            tries=$((tries + 1))
            [ "$tries" -le 3 ] || stop 'No free address was found, and nobody answered.'
        fi
        check_address "$reply" && break
    done
    address=$reply
    while :; do
        ask 'Gateway (none: no default route)' "${NET_GATEWAY:-none}"
        gateway=$reply
        [ "$gateway" != none ] || gateway=''
        [ -n "$gateway" ] || break
        if is_ipv4 "$gateway"; then
            number_of "$gateway"
            [ "$number" -le "$NET_FIRST" ] || [ "$number" -ge "$NET_LAST" ] || break
        fi
        tell "$gateway is no address of $NET_SUBNET."
    done
    while :; do
        ask 'Name servers (commas between them)' "$NET_DNS"
        dns=$(printf '%s' "$reply" | tr -s ' ' ',')
        are_addresses "$dns" && break
        tell 'Please type IP addresses with commas between them.'
    done
}

check_address() {
    is_ipv4 "$1" || {
        tell "$1 is no IPv4 address."
        return 1
    }
    number_of "$1"
    suggested=$number
    if [ "$number" -le "$NET_FIRST" ] || [ "$number" -ge "$NET_LAST" ]; then
        suggested=0
        tell "$1 is no address for a machine of $NET_SUBNET."
        return 1
    fi
    if is_taken "$number"; then
        tell "site.yml gives $1 to somebody else."
        return 1
    fi
    tell "Asking the network whether $1 is in use ..."
    probe_address "$1" "$install_card"
    [ "$probe" != taken ] || {
        tell "Another machine answers for $1."
        return 1
    }
}

are_addresses() {
    are_list=$1
    while [ -n "$are_list" ]; do
        are_one=${are_list%%,*}
        case $are_list in *,*) are_list=${are_list#*,} ;; *) are_list='' ;; esac
        case $are_one in
        *:*) case $are_one in *[!0-9a-fA-F:]*) return 1 ;; esac ;;
        *) is_ipv4 "$are_one" || return 1 ;;
        esac
    done
    [ -n "$1" ]
}
