# --- The files of this installation ---------------------------------------------------------
# Kickstart fragments that the main text includes, and files for the installed system below
# root/. In all of them @{NAME} stands for what only this machine knows, and a line that
# begins with @WORD is kept only if `keep WORD` was said.

# fill_in NAME VALUE
fill_in() {
    printf 's|@{%s}|%s|g\n' "$1" "$(printf '%s' "$2" | sed 's/[|&\\]/\\&/g')" >>"$W/names.sed"
}

keep() {
    printf 's/^@%s //\n' "$1" >>"$W/keep.sed"
}

# put NAME LINE...
put() {
    {
        cat "$W/keep.sed"
        printf '%s\n' '/^@[a-z][a-z]* /d'
        cat "$W/names.sed"
    } >"$W/put.sed"
    put_name=$W/$(printf '%s\n' "$1" | sed -f "$W/put.sed")
    shift
    mkdir -p "${put_name%/*}"
    printf '%s\n' "$@" | sed -f "$W/put.sed" >"$put_name" ||
        stop "$put_name could not be written: memory is full."
    if grep '@{' "$put_name" >/dev/null; then
        stop "$put_name still has a gap: please report it." "$(grep '@{' "$put_name")"
    fi
}

# put_file MODE PATH LINE...: a file of the installed system.
put_file() {
    put_mode=$1
    put_path=$2
    shift 2
    put "root$put_path" "$@"
    printf '%s %s\n' "$put_mode" "${put_name#"$W/root"}" >>"$W/files"
}

# The hash of the kickstart that the installer has really read, in $kickstart_sha256.
hash_kickstart() {
    kickstart_sha256=unknown
    for kickstart in "$R/run/install/ks.cfg" "$R/tmp/ks.cfg"; do
        if [ -f "$kickstart" ]; then
            kickstart_sha256=$(sha256sum "$kickstart" | cut -d' ' -f1)
            break
        fi
    done
    kickstart_short=$(printf '%s' "$kickstart_sha256" | cut -c1-16)
}

fill_in_machine() {
    fill_in disk "$chosen_disk"
    fill_in kickstart_sha256 "$kickstart_sha256"
    fill_in kickstart_short "$kickstart_short"
    if [ -d "$R/sys/firmware/efi" ]; then keep efi; else keep bios; fi
}
