"""Keep secrets out of everything that is written for people: logs, reports, the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

#: What stands where a secret stood.
HIDDEN = "[secret]"
#: Shorter texts would hide half of the words; such a password is refused elsewhere.
_SHORTEST = 4


class Redactor:
    """Replaces each of some texts wherever it occurs, also as JSON, YAML and repr write it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Give the text without secrets."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


def _forms(secret: str) -> Iterable[str]:
    # A secret of several lines (a key) shows up line by line.
    for line in (secret, *secret.splitlines()):
        bare = line.strip()
        if len(bare) >= _SHORTEST and not bare.startswith("-----"):
            yield bare
            yield json.dumps(bare)[1:-1]
            yield json.dumps(bare, ensure_ascii=False)[1:-1]
            yield repr(bare)[1:-1]
