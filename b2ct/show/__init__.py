"""A site to look at: table and network picture as text, SVG, HTML page or JSON."""

from b2ct.show.json_text import json_text
from b2ct.show.page import html
from b2ct.show.picture import Picture, picture
from b2ct.show.svg import svg
from b2ct.show.text import text

__all__ = ["Picture", "html", "json_text", "picture", "svg", "text"]
