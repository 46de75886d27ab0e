"""The JSON Schema of site.yml, for editors that complete and check it as it is typed."""

from __future__ import annotations

import json
from typing import Any

from b2ct.model import Site


def schema_text() -> str:
    """Give the schema as JSON text, the same for the same version of b2ct."""
    schema = Site.model_json_schema(mode="validation")
    _close(schema)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "site.yml of b2ct",
    }
    return json.dumps({**schema, **head}, indent=2, ensure_ascii=False) + "\n"


def _close(part: Any) -> None:  # noqa: ANN401 - JSON
    """Refuse keys that fit no pattern, and drop the titles that pydantic makes of names."""
    if isinstance(part, list):
        for item in part:
            _close(item)
    if not isinstance(part, dict):
        return
    if "patternProperties" in part:
        part.setdefault("additionalProperties", False)
    if isinstance(part.get("title"), str) and ("type" in part or "anyOf" in part):
        del part["title"]
    for item in part.values():
        _close(item)
