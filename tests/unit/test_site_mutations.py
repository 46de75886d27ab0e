"""Whatever is done to a site file: it loads, or its problems are told with file and line."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from b2ct import show
from b2ct.cli import main
from b2ct.errors import B2ctError, ProblemsError
from b2ct.inventory import inventory
from b2ct.load.document import parse
from b2ct.load.site import judge
from b2ct.load.text import decode
from b2ct.model import Site
from tests.unit.site_texts import BASE

EXAMPLE = (Path(__file__).parents[2] / "inventories" / "example" / "site.yml").read_text()
FILE = Path("site.yml")

fast = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))


def load(raw: bytes) -> Site | None:
    """Load a site; with problems check that they are told well, and give None."""
    try:
        site = judge(parse(decode(raw, "site.yml"), "site.yml"), FILE).site
    except ProblemsError as error:
        assert error.problems
        # YAML 1.1 breaks lines at NEL and U+2028 too.
        breaks = (b"\n", b"\r", b"\xc2\x85", "\u2028".encode(), "\u2029".encode())
        lines = sum(raw.count(found) for found in breaks) + 2
        for problem in error.problems:
            assert problem.file == "site.yml"
            assert 0 <= problem.line <= lines
            assert problem.message.strip()
            assert "\n" not in str(problem)
            assert len(str(problem)) < 1500
        return None
    use(site)
    return site


def use(site: Site) -> None:
    """Do what is done with any site that passes."""
    inventory(site)
    picture = show.picture(site)
    show.text(picture)
    show.svg(picture)
    show.html(picture)
    show.json_text(site)


# -- mutations of the data

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.sampled_from(
        [
            *("rest", "dhcp", "auto", "10.20.0.1", "10.20.0.255", "0.0.0.0/0", "::/0", "::1"),
            *("255.255.255.255", "fe80::1", "2001:db8::/64", "40GiB", "0", "1e9", "9" * 400),
            *(
                "service",
                "private",
                "bond0",
                "eno1",
                "box",
                "/",
                "/boot",
                "sda",
                "usb-x",
                "centos-6",
            ),
            *("debian-13", "Etc/UTC", "../..", "ssh-rsa AAAA", "00:00:00:00:00:00", "{{ x }}"),
        ]
    ),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=8), st.text(max_size=5), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in items:
        found += places(part, (*path, key))
    return found


DATA = yaml.safe_load(BASE)
PLACES = places(DATA)


@st.composite
def mutated_data(draw: st.DrawFn) -> Any:
    data = copy.deepcopy(DATA)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(PLACES))
        here = data
        try:
            for step in path[:-1]:
                here = here[step]
            here[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(here, str):  # An earlier change put a text where a list was.
            continue
        kind = draw(st.sampled_from(["replace", "remove", "rename", "move", "repeat"]))
        if kind == "replace":
            here[path[-1]] = draw(junk)
        elif kind == "remove":
            del here[path[-1]]
        elif kind == "rename" and isinstance(here, dict):
            here[draw(st.text(max_size=12))] = here.pop(path[-1])
        elif kind == "move" and isinstance(here, dict):
            source = draw(st.sampled_from(PLACES))
            here[path[-1]] = value_at(source)
        elif kind == "repeat" and isinstance(here, dict):
            here[f"{path[-1]}2"] = copy.deepcopy(here[path[-1]])
    return data


def value_at(path: tuple[Any, ...]) -> Any:
    here = DATA
    for step in path:
        here = here[step]
    return copy.deepcopy(here)


def dumped(data: Any) -> bytes:
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode("utf-8", "replace")


# -- mutations of the text


@st.composite
def mutated_text(draw: st.DrawFn) -> bytes:
    text = draw(st.sampled_from([BASE, EXAMPLE]))
    for _ in range(draw(st.integers(1, 5))):
        if not text:
            break
        start = draw(st.integers(0, len(text) - 1))
        length = draw(st.integers(0, 30))
        piece = draw(
            st.one_of(
                st.text(max_size=10),
                st.sampled_from(
                    [
                        *("\t", "\n", "\x00", "{", "}", "[", "]", "&a ", "*a", "<<: *a", "!!x "),
                        *("- ", "? ", ": ", "|\n", "'", '"', "---\n", "...\n", "%TAG ! x\n"),
                        *("\u2028", "#"),
                    ]
                ),
            )
        )
        text = text[:start] + piece + text[start + length :]
    return text.encode("utf-8", "surrogatepass")


@given(mutated_data())
@fast
def test_mutated_data(data: Any) -> None:
    load(dumped(data))


@given(mutated_text())
@fast
def test_mutated_text(raw: bytes) -> None:
    load(raw)


@given(st.binary(max_size=300))
@fast
def test_any_bytes(raw: bytes) -> None:
    load(raw)


@given(st.one_of(mutated_text(), mutated_data().map(dumped)))
@settings(fast, max_examples=25)
def test_the_commands_exit_with_0_or_2(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "site.yml").write_bytes(raw)
        for arguments in (["check", folder], ["show", folder, "-o", f"{folder}/out.svg"]):
            done = CliRunner().invoke(main, arguments)
            assert done.exit_code in (0, 2)
            assert done.exception is None or isinstance(done.exception, SystemExit)
            assert "Traceback" not in done.output
        assert (Path(folder) / "out.svg").exists() == (done.exit_code == 0)


@pytest.mark.slow
@given(mutated_data())
@thorough
def test_mutated_data_thoroughly(data: Any) -> None:
    load(dumped(data))


@pytest.mark.slow
@given(mutated_text())
@thorough
def test_mutated_text_thoroughly(raw: bytes) -> None:
    load(raw)


@pytest.mark.slow
@given(st.binary(max_size=2000))
@thorough
def test_any_bytes_thoroughly(raw: bytes) -> None:
    load(raw)


@pytest.mark.parametrize("passes", [True, False])
def test_the_mutations_reach_both_outcomes(passes: bool) -> None:
    """A property that only ever sees refusals would prove little."""
    # Raises NoSuchExample where no mutation of thousands has this outcome.
    find(
        mutated_data(),
        lambda data: data != DATA and (load(dumped(data)) is not None) is passes,
        settings=settings(thorough, derandomize=True, database=None, phases=[Phase.generate]),
    )


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a" * 100_000, b"[" * 100_000, b"- " * 50_000])
def test_odd_files(raw: bytes) -> None:
    with pytest.raises(B2ctError):
        judge(parse(decode(raw, "site.yml"), "site.yml"), FILE)
