"""A detached signature beside a report, made by the admin's own gpg."""

from __future__ import annotations

import subprocess
from pathlib import Path

from b2ct.errors import B2ctError
from iso_builder.atomic import atomic_output


def sign(file: Path, key: str) -> Path:
    """Sign a file with a key of the admin's keyring; give the signature's path.

    :raises B2ctError: gpg is not there, or cannot sign with this key.
    """
    target = file.with_name(f"{file.name}.asc")
    with atomic_output(target) as part:
        argv = ["gpg", "--yes", "--armor", "--local-user", key]
        argv += ["--output", str(part), "--detach-sign", "--", str(file)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise B2ctError("gpg is not installed", "install the package gpg") from None
        if done.returncode:
            told = done.stderr.strip().splitlines()
            raise B2ctError(
                f"gpg cannot sign with {key}: {told[-1] if told else 'no reason is given'}",
                "name a key of yours, see: gpg --list-secret-keys",
            )
    return target
