# The last word before the installer copies its logs: on EL 7 to 9 its own %post comes after
# this one, and EL 10 copies after all scripts. Both copy the kickstart if it is still there.
R=${B2CT_ROOT-}
rm -f "$R/run/install/ks.cfg" "$R/tmp/ks.cfg"
: >"$R/tmp/NOSAVE_INPUT_KS"
for target in "${ANA_INSTALL_PATH-}" "$R/mnt/sysroot" "$R/mnt/sysimage"; do
    [ -n "$target" ] || continue
    rm -f "$target/root/anaconda-ks.cfg" "$target/root/original-ks.cfg"
done
if [ -e "$R/run/install/ks.cfg" ] || [ -e "$R/tmp/ks.cfg" ]; then
    echo 'b2ct: the kickstart could not be removed from the installer' >&2
    exit 1
fi
