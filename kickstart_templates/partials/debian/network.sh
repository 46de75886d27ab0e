# --- The network of the installation ---------------------------------------------------------
# netcfg knows neither bonds nor VLANs, the installer's kernel does. $W/network lists what to
# do, one directive a line.

no_network() {
    stop "The network of the installation could not be brought up: $1." \
        "What was to be done: $(tr '\n' ';' <"$W/network")" \
        'Check cable, switch port and VLAN, or correct networks: and nics: in site.yml.'
}

# A process that stays must not hold the pipes of the installer's questions.
in_background() {
    (
        for handle in 3 4 5 6 7 8 9; do eval "exec $handle>&-"; done
        exec "$@" </dev/null >>"$W/background.log" 2>&1
    )
}

wait_carrier() {
    carrier_left=45
    while :; do
        read_value "$R/sys/class/net/$1/carrier"
        [ "$value" != 1 ] || return 0
        carrier_left=$((carrier_left - 1))
        [ "$carrier_left" -gt 0 ] || no_network "$1 has no link"
        sleep 1
    done
}

# Routers are believed only where the site says so: else a stray one gives a second way out.
raise() {
    grep -q "^auto " "$W/network" || {
        echo 0 >"$R/proc/sys/net/ipv6/conf/$1/accept_ra"
    } 2>/dev/null
    ip link set dev "$1" up || no_network "$1 cannot be switched on"
}

make_bond() {
    bond=$1
    bonding=$R/sys/class/net
    [ -e "$bonding/bonding_masters" ] || modprobe bonding max_bonds=0 ||
        no_network 'this kernel has no bonds'
    has_word "$(cat "$bonding/bonding_masters")" "$bond" || echo "+$bond" >"$bonding/bonding_masters"
    echo "$2" >"$bonding/$bond/bonding/mode"
    echo 100 >"$bonding/$bond/bonding/miimon"
    case $2 in
    802.3ad) echo fast >"$bonding/$bond/bonding/lacp_rate" ;;
    esac
    shift 2
    for member; do
        ip link set dev "$member" down
        echo "+$member" >"$bonding/$bond/bonding/slaves" || no_network "$member cannot join $bond"
    done
    raise "$bond"
    wait_carrier "$bond"
}

make_vlan() {
    [ -e "$R/proc/net/vlan/config" ] || modprobe 8021q || no_network 'this kernel has no VLANs'
    [ -e "$R/sys/class/net/$1.$2" ] || {
        vconfig set_name_type DEV_PLUS_VID_NO_PAD >/dev/null 2>&1
        vconfig add "$1" "$2" >/dev/null || no_network "VLAN $2 on $1"
    }
    raise "$1.$2"
}

add_address() {
    ip addr add "$2" dev "$1" || no_network "address $2 on $1"
    # The kernel asks first whether an IPv6 address is somebody else's.
    case $2 in *:*) sleep 3 ;; esac
}

add_gateway() {
    case $1 in
    *:*) ip -6 route add default via "$1" dev "$2" ;;
    *) ip route add default via "$1" dev "$2" ;;
    esac || no_network "gateway $1 on $2"
}

ask_dhcp() {
    in_background udhcpc -i "$1" -t 10 -T 3 -n -p "/var/run/udhcpc.$1.pid" ||
        no_network "no DHCP server answers on $1"
}

await_router() {
    router_left=30
    while :; do
        ip -6 addr show dev "$1" 2>/dev/null | grep 'inet6.*scope global' >/dev/null && return 0
        router_left=$((router_left - 1))
        [ "$router_left" -gt 0 ] || no_network "no router answers on $1"
        sleep 1
    done
}

# netcfg removes what it finds before it looks at netcfg/enable, so it must not start at all.
# What it would have left is written here; the installer copies it to the new system.
leave_no_netcfg() {
    printf '%s\n' '#!/bin/sh' 'exit 0' >"$R/var/lib/dpkg/info/netcfg.postinst"
    mkdir -p "$R/etc/network"
    printf '%s\n' '# See /etc/systemd/network' 'auto lo' 'iface lo inet loopback' \
        >"$R/etc/network/interfaces"
    cp "$W/resolv" "$R/etc/resolv.conf"
    printf '%s\n' "$host_name" >"$R/etc/hostname"
    cp "$W/root/etc/hosts" "$R/etc/hosts"
    for netcfg_file in network/interfaces resolv.conf hostname hosts; do
        chmod 644 "$R/etc/$netcfg_file"
    done
}

bring_up_network() {
    : >"$W/resolv"
    raise lo
    # shellcheck disable=SC2086 # a bond's mode and cards are one word each
    while read -r directive one two; do
        case $directive in
        card) raise "$one" && wait_carrier "$one" ;;
        bond) make_bond "$one" $two ;;
        vlan) make_vlan "$one" "$two" ;;
        address) add_address "$one" "$two" ;;
        gateway) add_gateway "$one" "$two" ;;
        dhcp) ask_dhcp "$one" ;;
        auto) await_router "$one" ;;
        dns) printf '%s\n' "$one" | tr ',' '\n' | sed 's/^/nameserver /' >>"$W/resolv" ;;
        search) printf 'search %s\n' "$one${two:+ $two}" >>"$W/resolv" ;;
        *) stop "Unknown directive $directive for the network: please report it." ;;
        esac
    done <"$W/network"
    leave_no_netcfg
    hostname "$host_name"
    announce "network is up: $(tr '\n' ';' <"$W/network")"
}
