"""The one Jinja2 environment: strict, without autoescape, quoting by filter."""

from __future__ import annotations

from functools import cache

import jinja2

from b2ct.data import data_folder
from b2ct.render.quoting import kickstart_quote, one_line, shell_quote, shell_words

#: How a line of the script in a preseed begins; ``sed`` on the machine takes it off.
SCRIPT_MARK = "#b2ct|"


@cache
def raw(name: str) -> str:
    """Give a file below ``kickstart_templates`` as it stands: shell is no Jinja2.

    ``${#x}`` would begin a comment of Jinja2.
    """
    return (data_folder("kickstart_templates") / name).read_text(encoding="utf-8")


def carried(text: str) -> str:
    """Mark every line as one of the script that a preseed carries in its comments."""
    return "".join(f"{SCRIPT_MARK}{line}\n" for line in text.rstrip("\n").split("\n"))


@cache
def environment() -> jinja2.Environment:
    """Give the environment of this process; templates are compiled once in it.

    Autoescape is for HTML. Here every value of the site goes through ``sh``, ``shwords``,
    ``ks`` or ``line``, each of which refuses what could end the line it is written to.
    """
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_folder("kickstart_templates")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - kickstart, preseed and sh; quoted by the filters below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        cache_size=-1,
    )
    env.filters.update(sh=shell_quote, shwords=shell_words, ks=kickstart_quote, line=one_line)
    env.filters["carried"] = carried
    env.globals["raw"] = raw
    return env


def render_template(name: str, **values: object) -> str:
    """Render the template ``name`` (a path below ``kickstart_templates``)."""
    return environment().get_template(name).render(values)
