"""Whatever the value: one word comes out, and it is the value."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2ct.errors import B2ctError
from b2ct.render.quoting import kickstart_quote, one_line, shell_quote, shell_unquote, shell_words

LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)
NASTY = st.sampled_from(
    ["$(reboot)", "`id`", "a b", "'", '"', "\\", "\\'", "#x", "%end", "-n", "", "é", "*", "~", "!x"]
)
VALUE = st.one_of(LINE, NASTY, st.lists(NASTY, max_size=5).map("".join))


@given(VALUE)
def test_kickstart_word_is_read_back(value):
    assert shlex.split(f"x {kickstart_quote(value)} y", comments=True) == ["x", value, "y"]
    assert shlex.split(f"x --o={kickstart_quote(value)}", comments=True) == ["x", f"--o={value}"]


@given(VALUE)
def test_shell_quote_is_undone(value):
    assert shell_unquote(shell_quote(value)) == value
    assert shlex.split(shell_quote(value)) == [value]


@pytest.mark.parametrize("shell", [["bash"], ["dash"], ["busybox", "sh"]])
@settings(max_examples=5)
@given(st.lists(VALUE, min_size=30, max_size=60))
def test_shell_words_are_read_back(shell, values):
    script = f"printf '%s\\0' {shell_words(values)}"
    done = subprocess.run([*shell, "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == values
    assert done.stderr == b""


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "\x00", "\x1b[2J", "\x85", "\u2028", "a\u2029"])
@pytest.mark.parametrize("quote", [one_line, shell_quote, kickstart_quote])
def test_no_value_ends_its_line(quote, bad):
    with pytest.raises(B2ctError, match="control character"):
        quote(bad)
