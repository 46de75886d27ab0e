"""Where the dialog appears: one console or several, a screen, a serial line, Anaconda's tmux."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

import pytest

from .machine import SHELLS, script
from .test_pre_dialog import brisk

PROGRAMS = ("tmux", "chvt")


@pytest.fixture
def unknown(machine):
    machine.card("eno1", "52:54:00:aa:bb:cc")
    machine.key()
    machine.disk("sda", 894)
    return machine


def test_screen_is_the_default(unknown, site_ks):
    """Without console= the dialog is on the screen: terminal 6, and back to 1 at the end."""
    unknown.cmdline("quiet")
    unknown.program("chvt", "exit 0")
    unknown.console("tty1")
    screen = unknown.console("tty6").expect
    unknown.start(script(site_ks, "%pre"), "dash")
    for question in (
        "Number [2]",
        "Host name",
        "Number [1]",
        "Number [1]",
        "Number [1]",
        "Install?",
    ):
        screen.expect_exact(question)
        screen.send("\n")
    assert unknown.finish() == 0, unknown.log()
    assert [call for call in unknown.calls().splitlines() if "chvt" in call] == ["chvt 6", "chvt 1"]


def test_screen_without_chvt(unknown, site_ks):
    unknown.cmdline("console=tty0")
    unknown.console("tty6")
    screen = unknown.console("tty1").expect
    unknown.start(script(site_ks, "%pre"), "dash", without=PROGRAMS)
    screen.expect_exact("What shall this machine be?")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("answering", ["tty1", "ttyS0"])
def test_the_console_where_enter_is_pressed(unknown, site_ks, shell, answering):
    unknown.cmdline("console=tty0 console=ttyS0,115200n8 quiet")
    unknown.program("chvt", "exit 1")
    consoles = {name: unknown.console(name).expect for name in ("tty1", "ttyS0")}
    unknown.start(brisk(site_ks, 20), shell)
    for console in consoles.values():
        console.expect_exact("Press Enter on the console where you want to answer them.")
    consoles[answering].send("\n")
    consoles[answering].expect_exact("What shall this machine be?")
    other = next(name for name in consoles if name != answering)
    with pytest.raises(Exception, match="Timeout"):
        consoles[other].expect_exact("What shall", timeout=0.2)


@pytest.mark.slow
def test_nobody_presses_enter(unknown, site_ks):
    """The questions go to the last console, which is the machine's /dev/console."""
    unknown.cmdline("console=ttyS0,115200n8 console=tty0")
    unknown.program("chvt", "exit 1")
    unknown.console("ttyS0")
    screen = unknown.console("tty1").expect
    unknown.start(brisk(site_ks))
    screen.expect_exact("What shall this machine be?")
    assert unknown.finish() == 0, unknown.log()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_refusal_is_on_every_console(unknown, site_ks, shell):
    unknown.cmdline("b2ct.node=nobody console=tty0 console=ttyS0,115200n8")
    unknown.program("chvt", "exit 1")
    consoles = [unknown.console(name).expect for name in ("tty1", "ttyS0")]
    unknown.start(script(site_ks, "%pre"), shell)
    for console in consoles:
        console.expect_exact("*** b2ct has stopped the installation. No disk has been changed. ***")
        console.expect_exact("asks for node nobody")
        console.expect_exact("Press Enter to leave the installer.")
    consoles[0].send("\n")
    assert unknown.finish() == 1


def test_no_console_at_all(unknown, site_ks):
    """Nobody can be asked, and nobody can read: it waits, and installs nothing."""
    unknown.start(brisk(site_ks))
    with pytest.raises(subprocess.TimeoutExpired):
        unknown.finish(4)
    assert "There is no console to put questions on." in unknown.log()
    assert not (unknown.root / "tmp/b2ct/storage.ks").exists()


def test_a_console_that_goes_away(unknown, site_ks):
    unknown.cmdline("console=ttyS0 b2ct.node=nobody")
    console = unknown.console("ttyS0")
    unknown.start(script(site_ks, "%pre"))
    console.expect.expect_exact("Press Enter to leave the installer.")
    os.close(console.slave)
    console.expect.close()
    del unknown.consoles["ttyS0"]
    # Hung up, the script may die (a controlling terminal) or wait, but it must not go on.
    with contextlib.suppress(subprocess.TimeoutExpired):
        assert unknown.finish(3) != 0
    assert not (unknown.root / "tmp/b2ct/storage.ks").exists()


@pytest.fixture
def tmux(unknown):
    """Anaconda's own tmux, with a client attached to the serial console."""
    sockets = unknown.root / "sockets"
    sockets.mkdir()
    environment = {**os.environ, "TMUX_TMPDIR": str(sockets), "TERM": "vt100", "LC_ALL": "C.UTF-8"}
    environment.pop("TMUX", None)

    def call(*words, **more):
        return subprocess.run(
            [shutil.which("tmux"), "-f", "/dev/null", *words], env=environment, check=True, **more
        )

    call("new-session", "-d", "-x", "120", "-y", "40", "-s", "anaconda", "-n", "main", "sleep 600")
    call("set-option", "-g", "remain-on-exit", "on")
    console = unknown.console("ttyS0")
    client = subprocess.Popen(
        [shutil.which("tmux"), "attach", "-t", "anaconda"],
        env=environment,
        stdin=console.slave,
        stdout=console.slave,
        stderr=console.slave,
        start_new_session=True,
    )
    yield call, console.expect, sockets
    call("kill-server")
    client.wait(10)


def test_a_window_in_anacondas_tmux(unknown, site_ks, tmux):
    """On the last console tmux reads the keys: the dialog is a window there."""
    call, console, sockets = tmux
    unknown.cmdline("console=tty0 console=ttyS0,115200n8 quiet")
    unknown.program("chvt", "exit 1")
    unknown.console("tty1")
    unknown.start(script(site_ks, "%pre"), TMUX_TMPDIR=str(sockets))
    console.expect_exact("Press Enter on the console")
    console.send("\r")
    console.expect_exact("What shall this machine be?")
    console.send("1\r")
    console.expect_exact("Host name")
    console.send("by-tmux\r")
    for question in ("Card on network", "Address on network", "Disk to install on", "Install?"):
        console.expect_exact(question)
        console.send("\r")
    assert unknown.finish() == 0, unknown.log()
    assert "--hostname=by-tmux." in unknown.written("network.ks")
    windows = call("list-windows", "-t", "anaconda", capture_output=True, text=True).stdout
    assert "b2ct" not in windows and "main" in windows
