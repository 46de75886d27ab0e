# --- Ground: paths, messages, the end -------------------------------------------------
# POSIX sh for bash, dash and busybox: no local, no arrays; no [:classes:] for tr, which the
# busybox of Debian's installer lacks. Functions hand results over in variables, because
# `stop` must be able to end the script anywhere.
R=${B2CT_ROOT-}
W=$R/tmp/b2ct
LC_ALL=C
export LC_ALL
umask 077
mkdir -p "$W" || exit 1
consoles=''
console_fds=''
dialog=''
dialog_open=no
screen_switched=no
finished=no

log() {
    printf '%s\n' "$*"
    printf '%s\n' "$*" >>"$W/log"
}

# To the log and to every console that is open.
say() {
    log "$*"
    for say_fd in $console_fds; do
        eval "printf '%s\\n' \"\$*\" >&$say_fd" 2>/dev/null
    done
}

# A line on the consoles without taking them over: nobody needs to answer it.
announce() {
    log "$*"
    find_console_names
    for console_name in $console_names; do
        { printf 'b2ct: %s\r\n' "$*" >"$R/dev/$console_name"; } 2>/dev/null
    done
}

# Something is wrong: say so everywhere, wait until somebody has read it, and end the
# installation (%pre has --erroronfail).
stop() {
    open_consoles
    say ''
    say '*** b2ct has stopped the installation. No disk has been changed. ***'
    for stop_line; do
        say "    $stop_line"
    done
    say '    Press Enter to leave the installer.'
    wait_enter 0
    finished=yes
    close_consoles
    exit 1
}

unexpected_end() {
    [ "$finished" = yes ] || {
        finished=yes
        stop 'The script of b2ct ended where it should not.' "Its log is $W/log: please report it."
    }
}

# The first line of a file without the blanks around it, in $value; empty if there is none.
read_value() {
    value=''
    [ -r "$1" ] || return 0
    read -r value <"$1" 2>/dev/null || :
    case $value in
    *[!\ -~]*) value=$(printf '%s' "$value" | tr -c '\040-\176' '?') ;;
    esac
}

# The value of the kernel argument NAME=, in $value; the last one counts.
kernel_argument() {
    value=''
    set -f
    # shellcheck disable=SC2013 # words, not lines
    for argument in $(cat "$R/proc/cmdline" 2>/dev/null); do
        case $argument in "$1="*) value=${argument#*=} ;; esac
    done
    set +f
}

has_word() {
    case " $1 " in *" $2 "*) return 0 ;; esac
    return 1
}
