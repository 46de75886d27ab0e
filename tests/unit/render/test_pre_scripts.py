"""Every script of every kickstart: shellcheck finds nothing, three shells can read it."""

from __future__ import annotations

import subprocess

import pytest

from b2ct.model import Kind
from b2ct.render.el.parse import parse

from .cases import EL_RELEASES, rendered


def scripts_of(ks, folder):
    found = []
    for index, section in enumerate(parse(ks.path, ks.text, ks.release.major).sections):
        if section.name != "%packages":
            path = folder / f"{index}.sh"
            path.write_text("\n".join(section.body) + "\n")
            found.append(path)
    assert len(found) == 4
    return found


def shellcheck(*paths):
    checked = subprocess.run(
        ["shellcheck", "-s", "sh", "-S", "info", *paths],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_whole_scripts_are_clean(tmp_path):
    shellcheck(*scripts_of(rendered("almalinux-9", None), tmp_path))


@pytest.mark.parametrize("release", EL_RELEASES)
@pytest.mark.parametrize("kind", [*Kind, None])
def test_what_differs_is_clean(release, kind, tmp_path):
    """The program of %pre is the same in all; its data and the other scripts are not."""
    pre, *others = scripts_of(rendered(release, kind), tmp_path)
    text = pre.read_text()
    data = tmp_path / "data.sh"
    data.write_text(
        "# shellcheck disable=SC2034\n"
        + text[text.index("VERSION=") : text.index("# --- What happens")]
    )
    shellcheck(data, *others)
    for shell in (["bash"], ["dash"], ["busybox", "sh"]):
        for path in (pre, *others):
            subprocess.run([*shell, "-n", path], check=True)
