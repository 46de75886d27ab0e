"""A starting point for a new site: site.yml with comments, and its encrypted vault.yml."""

from b2ct.new.answers import FIELDS, Answers, Field, judge
from b2ct.new.surroundings import Surroundings, look_around
from b2ct.new.write import site_text, vault_text, write_site

__all__ = [
    "FIELDS",
    "Answers",
    "Field",
    "Surroundings",
    "judge",
    "look_around",
    "site_text",
    "vault_text",
    "write_site",
]
