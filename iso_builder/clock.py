"""The time written into media, so that the same input gives the same bytes."""

from __future__ import annotations

import os
import re

from iso_builder.errors import MediaError

#: 1980-01-01 00:00 UTC, the first moment that FAT can say.
EARLIEST = 315_532_800


def media_time() -> int:
    """Return ``SOURCE_DATE_EPOCH`` (reproducible-builds.org) or a constant: a Unix time, UTC.

    Never the wall clock: two builds of the same site compare equal.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EARLIEST
    if not re.fullmatch(r"[0-9]{1,11}", text):
        raise MediaError(
            f"SOURCE_DATE_EPOCH is {text!r}, not a number of seconds since 1970",
            "unset it, or set it to a Unix time",
        )
    return int(text)
