# Runs beside the new system: what %pre wrote for this node goes to its place, the volumes
# without a file system are made, and the volume group is marked as this site's.
R=${B2CT_ROOT-}
W=$R/tmp/b2ct

fail() {
    echo "b2ct: $*" >&2
    exit 1
}

T=''
for target in "${ANA_INSTALL_PATH-}" "$R/mnt/sysroot" "$R/mnt/sysimage"; do
    if [ -z "$T" ] && [ -n "$target" ] && [ -d "$target/etc" ]; then T=$target; fi
done
[ -n "$T" ] || fail 'the new system is not mounted where the installer mounts it'

# The installer's own description of the network; ours is whole.
rm -f "$T"/etc/NetworkManager/system-connections/*.nmconnection
for ifcfg in "$T"/etc/sysconfig/network-scripts/ifcfg-*; do
    case ${ifcfg##*/} in ifcfg-lo) ;; *) rm -f "$ifcfg" ;; esac
done

while read -r mode path; do
    if ! { mkdir -p "$T${path%/*}" && cp "$W/root$path" "$T$path" && chmod "$mode" "$T$path"; }; then
        fail "$path could not be written"
    fi
done <"$W/files"

now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sed "s/\"installed_at\": null/\"installed_at\": \"$now\"/" "$W/root/etc/b2ct/installed.json" \
    >"$T/etc/b2ct/installed.json" || fail 'installed.json could not be written'
mkdir -p "$T/var/log/b2ct" && chmod 700 "$T/var/log/b2ct" && cp "$W/log" "$T/var/log/b2ct/install.log"

if [ -f "$T/etc/b2ct/volumes" ]; then
    while read -r volume mib; do
        if [ "$mib" -eq 0 ]; then
            lvm lvcreate --yes --wipesignatures y --extents 100%FREE --name "$volume" "$GROUP" </dev/null
        else
            lvm lvcreate --yes --wipesignatures y --size "${mib}m" --name "$volume" "$GROUP" </dev/null
        fi || fail "volume $volume could not be made"
    done <"$T/etc/b2ct/volumes"
    rm -f "$T/etc/b2ct/volumes"
fi
lvm vgchange --addtag "b2ct-site-$SITE" "$GROUP" || fail 'the volume group could not be marked'
if [ -f "$W/kickstart" ]; then
    lvm vgchange --addtag "b2ct-kickstart-$(cat "$W/kickstart")" "$GROUP" ||
        fail 'the volume group could not be marked'
fi
echo 'b2ct: files of this node are in place'
