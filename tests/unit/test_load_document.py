"""The reader of raw YAML: data as PyYAML gives it, with lines, and within bounds."""

from __future__ import annotations

import pytest
import yaml

from b2ct.errors import ProblemsError
from b2ct.load.document import parse
from b2ct.load.text import MAX_DEPTH, decode


def problems(text: str) -> list[str]:
    try:
        return [str(problem) for problem in parse(text, "f").problems]
    except ProblemsError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "- a\n- [1, 0x10, 1_000, 052, 1.5, .inf, yes, off, ~, null, 1e3, 12:30:45]\n",
        "a: &x {b: [1, 2]}\nc: *x\nd: {<<: *x, e: 1}\nf: {<<: [*x, {g: 2}], b: 3}\n",
        "a: |\n  text\n  more\nb: >-\n  folded\n  line\nc: 'it''s'\nd: \"\\u00e9\"\n",
        "? a\n: b\n",
        "[]",
        "word",
        "a: !!str 5\nb: !!int '7'\nc: ! 5\n",
        "a: &n ~\nb: *n\n",
    ],
)
def test_data_is_what_pyyaml_gives(text: str) -> None:
    assert parse(text, "f").data == yaml.safe_load(text)


def test_keys_stay_text() -> None:
    assert parse("no: 1\n6.10: 2\n1: 3\n~: 4\n", "f").data == {"no": 1, "6.10": 2, "1": 3, "~": 4}


def test_lines() -> None:
    document = parse("a:\n  b:\n    - x\n    - {c: 1,\n       d: 2}\n\ne: f\n", "f")
    assert document.line(("a",)) == 1
    assert document.line(("a", "b", 0)) == 3
    assert document.line(("a", "b", 1, "c")) == 4
    assert document.line(("a", "b", 1, "d")) == 5
    assert document.line(("a", "b", 1, "missing")) == 4
    assert document.line(("e",)) == 7
    assert document.line(()) == 1


def test_lines_of_merged_keys_are_those_of_their_origin() -> None:
    document = parse("base: &b\n  x: 010\nnode:\n  <<: *b\n  y: 2\n", "f")
    assert document.data["node"] == {"x": 8, "y": 2}
    assert document.line(("node", "x")) == 2
    assert document.raw(("node", "x")) == "010"
    assert document.raw(("node", "z")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3: 'a' is given twice, first on line 1"),
        ("x:\n  y: {a: 1, a: 2}\n", "f:2: x.y: 'a' is given twice, first on line 2"),
        ("a: *b\n", "f:1: *b is used, but no &b stands before it"),
        ("a: &a [*a]\n", "f:1: *a stands inside its own &a"),
        ("a: 1\n---\nb: 2\n", "f:2: a second document begins here"),
        ("a: !foo 1\n", "f:1: the tag '!foo' is not understood here"),
        ("a: !vault |\n  $ANSIBLE_VAULT\n", "f:1: an encrypted value has no place in this file"),
        ("a: !!python/object:x {}\n", "f:1: the tag 'python/object:x' is not understood here"),
        ("a: {{ b }}\n", "f:1: a mapping or list stands where a key should be"),
        ("a: 1\nb: {<<: 5}\n", "f:2: << merges mappings only"),
        ("a:\n\tb: 1\n", "f:2: this line is indented with a tab; YAML takes blanks only"),
        ("a: b: c\n", "f:1: this is no YAML: mapping values are not allowed in this context"),
        ("a: [1, 2\nb: 3\n", "f:2: this is no YAML: did not find expected ',' or ']'"),
        ("a: 'x\n", "f:2: this is no YAML: found unexpected end of stream"),
        ("a: " + "[" * 5000, f"f:1: nested more than {MAX_DEPTH} levels deep"),
        ("a: " + "{b: " * 5000, f"f:1: nested more than {MAX_DEPTH} levels deep"),
        ("- " * 5000 + "a", f"f:1: nested more than {MAX_DEPTH} levels deep"),
    ],
)
def test_faults_are_told_with_their_line(text: str, expected: str) -> None:
    assert any(told.startswith(expected) for told in problems(text)), problems(text)


def test_every_tab_is_told() -> None:
    assert [told.split(":")[1] for told in problems("a:\n\tb: 1\n\tc: 2\n  \td: 3\n")] == list(
        "234"
    )


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert any("aliases stand for more than" in told for told in problems("\n".join(lines)))


def test_a_merge_bomb_is_refused() -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(2000))
    text = f"a: &a {{{keys}}}\n" + "\n".join(f"b{n}: {{<<: *a}}" for n in range(2000))
    assert any("aliases stand for more than" in told for told in problems(text))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a: 1\nb: \xe9\n", "f:2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), "f:1: this is UTF-16 text; save the file as UTF-8"),
        (b"a: 1\nb: \x00\n", "f:2: control character U+0000 is no text; remove it from this line"),
        (b"a: \x1b[1m\n", "f:1: control character U+001B is no text; remove it from this line"),
    ],
)
def test_what_is_no_text_is_told(raw: bytes, expected: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        decode(raw, "f")
    assert [str(problem) for problem in caught.value.problems] == [expected]


def test_a_byte_order_mark_is_no_fault() -> None:
    assert decode(b"\xef\xbb\xbfa: 1", "f") == "a: 1"
