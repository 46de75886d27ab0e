# --- Keys of further repositories --------------------------------------------------------------
# apt wants a file where dnf takes an address. A repository whose key cannot be had over TLS
# stays switched off.
fetch_keys() {
    mkdir -p "$T/etc/apt/keyrings"
    for wanted in $REPOSITORY_KEYS; do
        key_name=${wanted%%=*}
        key_file=$T/etc/apt/keyrings/$key_name
        sources=$T/etc/apt/sources.list.d/$key_name.sources
        if wget -q -T 30 -t 2 -O "$W/key" "${wanted#*=}" && [ -s "$W/key" ]; then
            if grep 'BEGIN PGP PUBLIC KEY' "$W/key" >/dev/null; then
                cp "$W/key" "$key_file.asc" && chmod 644 "$key_file.asc"
            else
                sed -i 's|^\(Signed-By:.*\)\.asc$|\1.gpg|' "$sources"
                cp "$W/key" "$key_file.gpg" && chmod 644 "$key_file.gpg"
            fi || fail "the key of repository $key_name could not be written"
        else
            sed -i 's/^Enabled: yes$/Enabled: no/' "$sources"
            announce "repository $key_name stays off: its key could not be fetched"
        fi
    done
}
