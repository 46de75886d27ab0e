# --- Consoles: where questions are put and messages shown ------------------------------
# The consoles of the kernel command line count, the screen if it names none. On the last
# one Anaconda's tmux reads the keys, so a tmux window of our own is used there; on a screen
# without it, terminal 6.

# The consoles that the kernel command line names, in $console_names; the screen if none.
find_console_names() {
    console_names=''
    set -f
    # shellcheck disable=SC2013 # words, not lines
    for argument in $(cat "$R/proc/cmdline" 2>/dev/null); do
        case $argument in
        console=*)
            argument=${argument#console=}
            argument=${argument%%,*}
            has_word "$console_names" "$argument" ||
                console_names="$console_names${console_names:+ }$argument"
            ;;
        esac
    done
    set +f
    console_names=${console_names:-tty0}
}

# Find the consoles, $consoles, and open three at most on descriptors 4 to 6, $console_fds:
# what is typed into a terminal that nobody holds open is lost. (A caller may use 7 and 8.)
open_consoles() {
    [ -z "$console_fds" ] || return 0
    [ -n "$consoles" ] || find_consoles
    free_fd=4
    for console_device in $consoles; do
        if [ "$free_fd" -le 6 ] && [ -c "$console_device" ] && (: <>"$console_device") 2>/dev/null; then
            eval "exec $free_fd<>\"\$console_device\""
            console_fds="$console_fds${console_fds:+ }$free_fd"
            eval "device_of_$free_fd=\$console_device"
            free_fd=$((free_fd + 1))
        fi
    done
}

find_consoles() {
    find_console_names
    for console_name in $console_names; do
        console_device=''
        if [ "$console_name" = "${console_names##* }" ]; then
            tmux_window
        fi
        if [ -z "$console_device" ]; then
            case $console_name in
            tty | tty[0-9]*) screen_terminal ;;
            *) console_device=$R/dev/$console_name ;;
            esac
        fi
        [ ! -c "$console_device" ] || consoles="$consoles${consoles:+ }$console_device"
    done
    consoles=${consoles:-$R/dev/console}
}

# A window in Anaconda's tmux, which shows it on the console that tmux has.
tmux_window() {
    command -v tmux >/dev/null 2>&1 || return 0
    tmux has-session -t anaconda 2>/dev/null || return 0
    rm -f "$W/tmux-tty"
    tmux new-window -t anaconda -n b2ct \
        "trap '' INT QUIT TSTP; tty >'$W/tmux-tty'; exec sleep 2147483647" 2>/dev/null || return 0
    for _ in 1 2 3 4 5; do
        read_value "$W/tmux-tty"
        [ -z "$value" ] || break
        sleep 1
    done
    console_device=$value
}

screen_terminal() {
    console_device=$R/dev/tty1
    if [ -c "$R/dev/tty6" ] && chvt 6 2>/dev/null; then
        console_device=$R/dev/tty6
        screen_switched=yes
    fi
}

close_consoles() {
    [ "$screen_switched" = no ] || chvt 1 2>/dev/null
    if [ -f "$W/tmux-tty" ]; then
        tmux kill-window -t anaconda:b2ct 2>/dev/null
    fi
}

# dash has no read -t, bash and busybox have. (It is said to be no option with status 2.)
timed_read=yes
# shellcheck disable=SC3045 # that is what is asked here
(read -r -t 1 _ </dev/null) 2>/dev/null
[ $? -ne 2 ] || timed_read=no

# Read a line from descriptor 9 within SECONDS into $typed. Status 0: there it is.
read_line() {
    typed=''
    if [ "$timed_read" = yes ]; then
        # shellcheck disable=SC3045 # this shell has it
        IFS= read -r -t "$1" typed <&9
        return
    fi
    rm -f "$W/typed"
    (IFS= read -r typed && printf '%s\n' "$typed" >"$W/typed.new" && mv "$W/typed.new" "$W/typed") <&9 &
    reader=$!
    line_fifths=$(($1 * 5))
    while [ "$line_fifths" -gt 0 ] && [ ! -f "$W/typed" ]; do
        sleep 0.2 2>/dev/null || sleep 1
        line_fifths=$((line_fifths - 1))
    done
    kill "$reader" 2>/dev/null
    wait "$reader" 2>/dev/null
    [ -f "$W/typed" ] || return 129
    IFS= read -r typed <"$W/typed"
}

# Wait for Enter on any console, SECONDS at most (0: for ever). $entered is its descriptor.
wait_enter() {
    entered=''
    waited=0
    while [ "$1" -eq 0 ] || [ "$waited" -lt "$1" ]; do
        line_status=1
        for enter_fd in $console_fds; do
            eval "exec 9<&$enter_fd"
            read_line 1
            line_status=$?
            if [ "$line_status" -eq 0 ]; then
                entered=$enter_fd
                return 0
            fi
        done
        # A console that has gone away answers at once, and would keep us spinning.
        [ "$line_status" -gt 128 ] || sleep 1
        waited=$((waited + 1))
    done
}

# Choose the console of the dialog, $dialog, and open it as descriptor 3: the one on which
# somebody presses Enter, else the last.
open_dialog() {
    [ "$dialog_open" = no ] || return 0
    if [ -z "$dialog" ]; then
        open_consoles
        case $console_fds in
        '') stop 'There is no console to put questions on.' ;;
        *' '*)
            say ''
            say 'b2ct has questions. Press Enter on the console where you want to answer them.'
            say "(Nobody within $ASK_TIMEOUT seconds: they are put on this machine's last console.)"
            wait_enter "$ASK_TIMEOUT"
            ;;
        *) entered='' ;;
        esac
        eval "dialog=\$device_of_${entered:-${console_fds##* }}"
    fi
    exec 3<>"$dialog"
    dialog_open=yes
}

tell() {
    log "$*"
    printf '%s\n' "$*" >&3
}

# What was typed before a question was put is no answer to it.
flush_input() {
    saved_terminal=$(stty -g <&3 2>/dev/null) || return 0
    stty -icanon min 0 time 0 <&3 2>/dev/null
    dd bs=4096 count=1 <&3 >/dev/null 2>&1
    stty "$saved_terminal" <&3 2>/dev/null
}

# Read a line from the dialog into $reply within SECONDS (0: for ever); status 1 on time-out.
read_reply() {
    exec 9<&3
    while :; do
        if [ "$1" -gt 0 ]; then read_line "$1"; else read_line 3600; fi
        line_status=$?
        if [ "$line_status" -le 128 ] || [ "$1" -gt 0 ]; then break; fi
    done
    reply=$typed
    case $reply in
    *[!\ -~]*) reply=$(printf '%s' "$reply" | tr -c '\040-\176' '?') ;;
    esac
    # shellcheck disable=SC2086 # the blanks around it go
    read -r reply <<EOF_REPLY
$reply
EOF_REPLY
    [ "$line_status" -ne 0 ] || return 0
    reply=''
    flush_input
    return 1
}

# ask TEXT DEFAULT: $reply is what was typed; the default for an empty line and on time-out.
ask() {
    printf '%s [%s]: ' "$1" "$2" >&3
    if read_reply "$ASK_TIMEOUT"; then
        timed_out=no
        [ -n "$reply" ] || reply=$2
        log "$1: $reply"
    else
        timed_out=yes
        reply=$2
        tell ''
        tell "No answer in $ASK_TIMEOUT seconds: $2"
    fi
}

# choose TEXT DEFAULT ITEM...: $choice is the number of the chosen item, counted from 1.
# Status 1 if nobody chose and the default is no number.
choose() {
    choose_text=$1
    choose_default=$2
    shift 2
    tell ''
    tell "$choose_text"
    choice=0
    for choose_item; do
        choice=$((choice + 1))
        tell "  $choice) $choose_item"
    done
    while :; do
        ask 'Number' "$choose_default"
        case $reply in
        '' | *[!0-9]* | ??????*) ;;
        *)
            choice=$reply
            [ "$choice" -lt 1 ] || [ "$choice" -gt $# ] || return 0
            ;;
        esac
        [ "$timed_out" = no ] || return 1
        tell "Please type a number from 1 to $#."
    done
}
