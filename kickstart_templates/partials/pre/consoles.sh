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

open_consoles() {
    [ -z "$consoles" ] || return 0
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
        [ ! -c "$console_device" ] || consoles="$consoles $console_device"
    done
    [ -n "$consoles" ] || consoles=$R/dev/console
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
    fi
}

close_consoles() {
    case $consoles in *"$R/dev/tty6"*) chvt 1 2>/dev/null ;; esac
    if [ -f "$W/tmux-tty" ]; then
        tmux kill-window -t anaconda:b2ct 2>/dev/null
    fi
    consoles=''
}

# Wait for Enter on any console, SECONDS at most (0: for ever). $entered is the console.
wait_enter() {
    entered=''
    rm -f "$W/entered"
    enter_seconds=$1
    [ "$enter_seconds" -gt 0 ] || enter_seconds=2147483647
    sleep "$enter_seconds" &
    timer=$!
    readers=''
    for enter_console in $consoles; do
        (
            IFS= read -r _ <"$enter_console" && {
                printf '%s\n' "$enter_console" >"$W/entered"
                kill "$timer"
            }
        ) 2>/dev/null &
        readers="$readers $!"
    done
    wait "$timer" 2>/dev/null
    for reader in $readers; do
        kill "$reader" 2>/dev/null
        wait "$reader" 2>/dev/null
    done
    read_value "$W/entered"
    entered=$value
}

# Choose the console of the dialog: the one on which somebody presses Enter, else the last.
open_dialog() {
    [ -z "$dialog" ] || return 0
    open_consoles
    dialog=${consoles##* }
    set -f
    # shellcheck disable=SC2086 # one word a console
    set -- $consoles
    set +f
    if [ $# -gt 1 ]; then
        say ''
        say 'b2ct has questions. Press Enter on the console where you want to answer them.'
        say "(Nobody within $ASK_TIMEOUT seconds: they are put on this machine's last console.)"
        wait_enter "$ASK_TIMEOUT"
        [ -z "$entered" ] || dialog=$entered
    fi
    exec 3<>"$dialog" || stop "Console $dialog cannot be opened."
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
    reply=''
    rm -f "$W/reply"
    reply_seconds=$1
    [ "$reply_seconds" -gt 0 ] || reply_seconds=2147483647
    sleep "$reply_seconds" &
    timer=$!
    (
        IFS= read -r typed <&3 && {
            printf '%s\n' "$typed" >"$W/reply"
            kill "$timer"
        }
    ) 2>/dev/null &
    reader=$!
    wait "$timer" 2>/dev/null
    kill "$reader" 2>/dev/null
    wait "$reader" 2>/dev/null
    if [ -f "$W/reply" ]; then
        read_value "$W/reply"
        reply=$value
        return 0
    fi
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
