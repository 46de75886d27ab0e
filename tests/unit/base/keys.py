"""Throw-away OpenPGP keys and what they sign."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

EXPIRED_AT = "20200102T000000"


@dataclass(frozen=True)
class Key:
    home: Path
    fingerprint: str
    public: bytes  #: armoured, as vendors publish it


class KeyMaker:
    """A gpg home in /tmp: the path of the agent's socket must be short."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="b2ct-k-", dir="/tmp"))

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def gpg(self, *argv: str, data: bytes = b"", clock: str | None = None) -> bytes:
        faked = ["--faked-system-time", clock] if clock else []
        call = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-options"]
        done = subprocess.run([*call, *faked, *argv], input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, name: str, *, expired: bool = False, subkey: bool = False) -> Key:
        clock = "20200101T000000" if expired else None
        usage = "cert" if subkey else "sign"
        self.gpg(
            *("--passphrase", "", "--pinentry-mode", "loopback"),
            *("--quick-generate-key", name, "ed25519", usage, "1d" if expired else "never"),
            clock=clock,
        )
        listed = self.gpg("--with-colons", "--list-keys", name).decode()
        fingerprint = next(x for x in listed.splitlines() if x.startswith("fpr:")).split(":")[9]
        if subkey:
            self.gpg(
                *("--passphrase", "", "--pinentry-mode", "loopback"),
                *("--quick-add-key", fingerprint, "ed25519", "sign"),
            )
        return Key(self.home, fingerprint, self.gpg("--armor", "--export", fingerprint))

    def clearsign(self, key: Key, text: bytes, *, clock: str | None = None) -> bytes:
        return self.gpg("-u", key.fingerprint, "--clearsign", data=text, clock=clock)

    def detach(self, key: Key, text: bytes, *, armour: bool = True) -> bytes:
        kind = ["--armor"] if armour else []
        return self.gpg("-u", key.fingerprint, *kind, "--detach-sign", data=text)
