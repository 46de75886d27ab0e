#!/usr/bin/python3
"""b2ct-tls: the keys, requests and certificates of this machine, and the site's own authority.

The role ``tls`` calls it, and so does the timer that renews what is due. It needs nothing but
Python 3.8 and the program ``openssl``. Private keys never leave the machine that made them:
the authority gets a request, and what it gives back is public.

Answers are one JSON object on standard output; what goes wrong is one line on standard error.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import fcntl
import grp
import json
import os
import pwd
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SERVICES = Path(os.environ.get("B2CT_TLS_SERVICES", "/etc/b2ct/tls"))
AUTHORITY = Path(os.environ.get("B2CT_TLS_AUTHORITY", "/etc/b2ct/ca"))
PUBLISHED = Path(os.environ.get("B2CT_TLS_PUBLISHED", "/var/lib/b2ct/tls"))
DAY = 86400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_DNS = re.compile(r"(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n?", re.DOTALL)
#: More than any chain of certificates needs.
_ANSWER_MAX = 1 << 18


class TlsError(Exception):
    """What is wrong, and what to do, in one line."""


def openssl(*arguments: str, given: str | bytes = "") -> str:
    """Run openssl. Nothing secret is ever among its arguments."""
    data = given.encode() if isinstance(given, str) else given
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise TlsError("openssl {}: {}".format(arguments[0], said[-1] if said else "failed"))
    return done.stdout.decode()


def checked_name(name: str) -> str:
    """Refuse names that would lead out of their folder."""
    if not _NAME.fullmatch(name):
        raise TlsError(f"{name!r} is no name of a certificate or machine")
    return name


def write(path: Path, text: str, mode: int, owner: str = "root", group: str = "root") -> None:
    """Put a file in place whole; it has its final owner and mode before its content."""
    descriptor, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=".b2ct-")
    try:
        with os.fdopen(descriptor, "w") as stream:
            if os.geteuid() == 0:
                os.fchown(descriptor, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
            os.fchmod(descriptor, mode)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time work in a folder."""
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


# --- reading certificates ----------------------------------------------------------------------


def certificates(text: str) -> list[str]:
    """Give the certificates of a PEM text, in their order."""
    return [found[0].rstrip("\n") + "\n" for found in _PEM.finditer(text)]


def expiry(certificate: str) -> float:
    """Give the end of a certificate's life, in seconds since 1970."""
    line = openssl("x509", "-noout", "-enddate", given=certificate).strip()
    moment = line.partition("=")[2]
    parsed = time.strptime(moment.replace(" GMT", ""), "%b %d %H:%M:%S %Y")
    return float(calendar.timegm(parsed))


def names_of(certificate: str) -> set[str]:
    """Give a certificate's names as ``DNS:…`` and ``IP:…``, addresses spelt as the kernel does."""
    text = openssl("x509", "-noout", "-text", given=certificate)
    found = re.search(r"Subject Alternative Name:.*\n\s*(.+)", text)
    if not found:
        return set()
    return {same_name(part.strip().replace("IP Address:", "IP:")) for part in found[1].split(",")}


def same_name(name: str) -> str:
    """Spell a name (``DNS:…``, ``IP:…`` or bare) in one way."""
    kind, value = name.split(":", 1) if name.startswith(("DNS:", "IP:")) else ("", name)
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            return "IP:" + socket.inet_ntop(family, socket.inet_pton(family, value))
    if kind == "IP" or not _DNS.fullmatch(value):
        raise TlsError(f"{name!r} is no name for a certificate")
    return "DNS:" + value.lower()


def public_key(kind: str, text: str) -> str:
    """Give the public half of a key, request or certificate (``pkey``, ``req``, ``x509``)."""
    wanted = ["-pubout"] if kind == "pkey" else ["-noout", "-pubkey"]
    return openssl(kind, *wanted, given=text)


def chains_up(leaf: str, between: str, root: str) -> bool:
    """Whether a certificate leads to a root, as a client of a server would judge now."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {"leaf": leaf, "between": between, "root": root}
        for part, text in parts.items():
            Path(folder, part).write_text(text)
        arguments = ["verify", "-purpose", "sslserver", "-no-CApath", "-CAfile", folder + "/root"]
        if between:
            arguments += ["-untrusted", folder + "/between"]
        try:
            openssl(*arguments, folder + "/leaf")
        except TlsError:
            return False
    return True


# --- the authority -----------------------------------------------------------------------------


def new_key(kind: str) -> str:
    """Make a private key; it comes over a pipe and is in no list of processes."""
    if kind == "rsa":
        return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072")
    return openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def kind_of(key: str) -> str:
    """Tell which kind of key it is."""
    first = openssl("pkey", "-noout", "-text", given=key).splitlines()[0]
    return "rsa" if "RSA" in first or "3072" in first else "ec"


def make_authority(options: argparse.Namespace) -> dict[str, Any]:
    """Make the authority's key and certificate, once."""
    certificate, key = AUTHORITY / "ca.pem", AUTHORITY / "key.pem"
    if certificate.exists() and key.exists():
        text = certificate.read_text()
        if public_key("x509", text) != public_key("pkey", key.read_text()):
            raise TlsError(f"{certificate} and {key} are no pair; restore them from a backup")
        return {"changed": False, "certificate": text}
    if certificate.exists() or key.exists():
        raise TlsError(
            f"only one of {certificate} and {key} is there; restore the other from a backup"
        )
    if options.check:
        return {"changed": True, "certificate": ""}
    if not options.subject or "/" in options.subject:
        raise TlsError("the authority's name must not be empty nor hold a slash")
    AUTHORITY.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(AUTHORITY):
        secret = new_key(options.key_type)
        write(key, secret, 0o600)
        settings = (
            "[req]\nprompt = no\ndistinguished_name = dn\nx509_extensions = ca\nutf8 = yes\n"
            "[dn]\nCN = {}\n[ca]\nbasicConstraints = critical, CA:TRUE, pathlen:0\n"
            "keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
        ).format(options.subject.replace("\\", "").replace("$", ""))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "settings").write_text(settings)
            text = openssl(
                *("req", "-x509", "-new", "-sha256", "-key", str(key)),
                *("-days", str(options.days), "-set_serial", "0x" + secrets.token_hex(16)),
                *("-config", folder + "/settings"),
            )
        write(certificate, text, 0o644)
    return {"changed": True, "certificate": text}


def sign(host: str, name: str) -> str:
    """Sign a request that is on record, with the names on record; publish the certificate."""
    folder = AUTHORITY / "requests" / host
    approved = json.loads((folder / (name + ".json")).read_text())
    request = (folder / (name + ".csr")).read_text()
    extensions = (
        "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature{}\n"
        "extendedKeyUsage = serverAuth, clientAuth\nsubjectAltName = {}\n"
        "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
    ).format(
        ", keyEncipherment" if approved["key_type"] == "rsa" else "", ", ".join(approved["names"])
    )
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "extensions").write_text(extensions)
        text = openssl(
            *("x509", "-req", "-sha256", "-days", str(approved["days"])),
            *("-CA", str(AUTHORITY / "ca.pem"), "-CAkey", str(AUTHORITY / "key.pem")),
            *("-set_serial", "0x" + secrets.token_hex(16), "-extfile", scratch + "/extensions"),
            given=request,
        )
    out = PUBLISHED / host
    for folder in (PUBLISHED.parent, PUBLISHED, out):
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(0o755)
    write(out / (name + ".pem"), text, 0o644)
    return text


def approve(options: argparse.Namespace) -> dict[str, Any]:
    """Put a machine's request (standard input) on record with its names, and sign it."""
    host, name = checked_name(options.host), checked_name(options.name)
    names = [same_name(one) for one in options.names]
    if not names:
        raise TlsError("a certificate needs at least one name")
    request = sys.stdin.read()
    openssl("req", "-verify", "-noout", given=request)
    folder = AUTHORITY / "requests" / host
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {
        "names": names,
        "days": options.days,
        "renew_days": options.renew_days,
        "key_type": options.key_type,
    }
    with locked(AUTHORITY):
        write(folder / (name + ".csr"), request, 0o600)
        write(folder / (name + ".json"), json.dumps(kept), 0o600)
        text = sign(host, name)
    return {"changed": True, "certificate": text + (AUTHORITY / "ca.pem").read_text()}


def sign_due() -> list[str]:
    """Sign anew what on this authority is about to expire."""
    signed = []
    for record in sorted((AUTHORITY / "requests").glob("*/*.json")):
        host, name = record.parent.name, record.stem
        published = PUBLISHED / host / (name + ".pem")
        days = json.loads(record.read_text())["renew_days"]
        if not published.exists() or expiry(published.read_text()) < time.time() + days * DAY:
            with locked(AUTHORITY):
                sign(host, name)
            signed.append(f"{host}/{name}")
    return signed


def answer(_: argparse.Namespace) -> None:
    """Answer one connection: a line ``host name`` gets the certificate, which is public."""
    words = sys.stdin.readline(256).split()
    if len(words) != 2 or not all(_NAME.fullmatch(word) for word in words):
        return
    path = PUBLISHED / words[0] / (words[1] + ".pem")
    if path.is_file():
        sys.stdout.write(path.read_text())


# --- a machine's own certificates --------------------------------------------------------------


def settings_of(name: str) -> dict[str, Any]:
    """Read what the role wrote down about a certificate."""
    path = SERVICES / checked_name(name) / "service.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TlsError(f"{path} cannot be read: {error}") from None
    assert isinstance(found, dict)
    return found


def why_due(name: str, settings: dict[str, Any]) -> str:  # noqa: PLR0911 - one reason each
    """Say why a certificate of the site's authority must be made anew; "" if it need not."""
    folder = SERVICES / name
    key, certificate = folder / "key.pem", folder / "cert.pem"
    if not key.exists() or not certificate.exists():
        return "there is none"
    secret, text = key.read_text(), certificate.read_text()
    if kind_of(secret) != settings["key_type"]:
        return "another type of key is wanted"
    if public_key("pkey", secret) != public_key("x509", text):
        return "it does not belong to its key"
    if names_of(text) != {same_name(one) for one in settings["names"]}:
        return "its names are others"
    if expiry(text) < time.time() + settings["renew_days"] * DAY:
        return "it expires soon"
    root = SERVICES / "ca.pem"
    if root.exists() and not chains_up(text, "", root.read_text()):
        return "another authority signed it"
    return ""


def request(options: argparse.Namespace) -> dict[str, Any]:
    """Say whether a certificate is due, and give the request for it; make its key if need be."""
    name = checked_name(options.name)
    if options.check and not (SERVICES / name / "service.json").exists():
        return {"changed": True, "due": "there is none", "request": ""}
    settings = settings_of(name)
    due = why_due(name, settings)
    if not due or options.check:
        return {"changed": bool(due), "due": due, "request": ""}
    key = SERVICES / name / "key.pem"
    pending = SERVICES / name / ".key-new.pem"
    if key.exists() and kind_of(key.read_text()) == settings["key_type"]:
        source = key
        with contextlib.suppress(FileNotFoundError):
            pending.unlink()
    else:
        source = pending
        write(pending, new_key(settings["key_type"]), 0o600)
    # No name of the request counts: the authority takes the names that the site says.
    text = openssl("req", "-new", "-sha256", "-key", str(source), "-subj", "/CN=" + name)
    return {"changed": True, "due": due, "request": text}


def install(options: argparse.Namespace) -> dict[str, Any]:
    """Put a certificate (standard input: PEM, issuers after it) beside its key."""
    name = checked_name(options.name)
    return {"changed": True, "expires": put(name, settings_of(name), sys.stdin.read())}


def put(name: str, settings: dict[str, Any], text: str) -> str:
    """Judge a certificate and put it in place; give the end of its life."""
    folder = SERVICES / name
    pending, key = folder / ".key-new.pem", folder / "key.pem"
    secret = (pending if pending.exists() else key).read_text()
    found = certificates(text)
    if not found:
        raise TlsError(f"the authority gave no certificate for {name}")
    leaf, issuers = found[0], found[1:]
    root = (SERVICES / "ca.pem").read_text()
    if public_key("x509", leaf) != public_key("pkey", secret):
        raise TlsError(f"the certificate that came for {name} does not belong to its key")
    if not chains_up(leaf, "".join(issuers), root):
        raise TlsError(f"the certificate that came for {name} is not the site's own")
    place(folder, settings, secret, leaf=leaf, issuers=issuers or [root], between=[])
    if pending.exists():
        pending.unlink()
    return time.strftime("%Y-%m-%d", time.gmtime(expiry(leaf)))


def place(
    folder: Path,
    settings: dict[str, Any],
    secret: str,
    *,
    leaf: str,
    issuers: list[str],
    between: list[str],
) -> None:
    """Write the four files of a certificate."""
    owner, group = settings["owner"], settings["group"]
    write(folder / "key.pem", secret, 0o640 if group != "root" else 0o600, owner, group)
    write(folder / "cert.pem", leaf, 0o644, owner, group)
    write(folder / "chain.pem", "".join(issuers), 0o644, owner, group)
    write(folder / "fullchain.pem", "".join([leaf, *between]), 0o644, owner, group)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Put the admin's own certificate in place (JSON on standard input), once it is judged."""
    name = checked_name(options.name)
    material = json.loads(sys.stdin.read())
    folder = SERVICES / name
    key_text = material["key"].strip() + "\n"
    found = certificates(material["certificate"].strip() + "\n")
    issuers = found[1:] + certificates(material.get("chain", "").strip() + "\n")
    if not found:
        raise TlsError(f"the certificate given for {name} is no PEM text")
    leaf = found[0]
    try:
        same = public_key("pkey", key_text) == public_key("x509", leaf)
    except TlsError:
        raise TlsError(
            f"the key given for {name} is no PEM key without a passphrase; a service needs one that"
            " it can read alone"
        ) from None
    if not same:
        raise TlsError(f"the key given for {name} belongs to another certificate")
    if expiry(leaf) < time.time():
        raise TlsError(f"the certificate given for {name} has expired; get a new one")
    missing = sorted(
        one for one in map(same_name, material["names"]) if not covered(one, names_of(leaf))
    )
    if missing:
        raise TlsError(
            "the certificate given for {} lacks {}; get one that has it, or remove the name".format(
                name, ", ".join(missing)
            )
        )
    settings = {"owner": material["owner"], "group": material["group"]}
    wanted = {
        "key.pem": key_text,
        "cert.pem": leaf,
        "chain.pem": "".join(issuers) or leaf,
        "fullchain.pem": "".join([leaf, *issuers]),
    }
    same_already = all(
        (folder / part).exists() and (folder / part).read_text() == text
        for part, text in wanted.items()
    )
    if same_already or options.check:
        return {"changed": not same_already}
    place(folder, settings, key_text, leaf=leaf, issuers=issuers or [leaf], between=issuers)
    with contextlib.suppress(FileNotFoundError):
        (folder / ".key-new.pem").unlink()
    return {"changed": True}


def covered(name: str, names: set[str]) -> bool:
    """Whether a certificate's names, wildcards among them, cover a name."""
    kind, _, value = name.partition(":")
    return name in names or (
        kind == "DNS" and "." in value and "DNS:*." + value.split(".", 1)[1] in names
    )


def fetch(name: str, settings: dict[str, Any]) -> str:
    """Get the newest certificate that the authority has for this machine."""
    host = settings["host"]
    if (AUTHORITY / "key.pem").exists():
        path = PUBLISHED / host / (name + ".pem")
        return path.read_text() if path.exists() else ""
    where = (settings["authority"], settings["port"])
    try:
        with socket.create_connection(where, timeout=20) as connection:
            connection.settimeout(20)
            connection.sendall((f"{host} {name}\n").encode())
            connection.shutdown(socket.SHUT_WR)
            text = b""
            while len(text) < _ANSWER_MAX:
                piece = connection.recv(1 << 16)
                if not piece:
                    break
                text += piece
    except OSError as error:
        raise TlsError("the site's authority at {} port {}: {}".format(*where, error)) from None
    return text.decode("ascii", "replace")


def renew(_: argparse.Namespace) -> dict[str, Any]:
    """Renew whatever is due: the timer's errand."""
    done: list[str] = []
    troubles: list[str] = []
    if (AUTHORITY / "key.pem").exists():
        done += ["signed " + one for one in sign_due()]
    for path in sorted(SERVICES.glob("*/service.json")):
        name = path.parent.name
        try:
            settings = settings_of(name)
            if not settings.get("authority") or not why_due(name, settings):
                continue
            text = fetch(name, settings)
            leaf = (certificates(text) or [""])[0]
            current = SERVICES / name / "cert.pem"
            if not leaf or (current.exists() and leaf == current.read_text()):
                raise TlsError(f"the authority has no newer certificate for {name} yet")
            put(name, settings, leaf)
            reload_units(settings)
            done.append("renewed " + name)
        except TlsError as error:
            troubles.append(str(error))
    if troubles:
        raise TlsError("; ".join(troubles))
    return {"changed": bool(done), "done": done}


def reload_units(settings: dict[str, Any]) -> list[str]:
    """Let the running ones of a certificate's units read it anew."""
    reloaded = []
    for unit in settings.get("reload", []):
        active = subprocess.run(["systemctl", "--quiet", "is-active", unit], check=False)
        if active.returncode:
            continue
        done = subprocess.run(
            ["systemctl", "reload-or-restart", unit], capture_output=True, check=False
        )
        if done.returncode:
            raise TlsError(f"{unit} did not reload; see: journalctl -u {unit}")
        reloaded.append(unit)
    return reloaded


def reload(options: argparse.Namespace) -> dict[str, Any]:
    """Reload the units of one certificate."""
    reloaded = reload_units(settings_of(options.name))
    return {"changed": bool(reloaded), "reloaded": reloaded}


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="b2ct-tls", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(run: Any, title: str, *names: str) -> argparse.ArgumentParser:  # noqa: ANN401
        added = commands.add_parser(title, help=(run.__doc__ or "").split("\n")[0])
        added.set_defaults(run=run)
        for name in names:
            added.add_argument(name)
        return added

    authority = command(make_authority, "authority")
    authority.add_argument("--subject", required=True)
    authority.add_argument("--days", type=int, default=3650)
    approving = command(approve, "approve", "host", "name")
    approving.add_argument("--names", nargs="+", required=True)
    approving.add_argument("--days", type=int, required=True)
    approving.add_argument("--renew-days", type=int, required=True)
    for added in (authority, approving):
        added.add_argument("--key-type", choices=("ec", "rsa"), default="ec")
    command(request, "request", "name")
    command(install, "install", "name")
    command(given, "given", "name")
    command(reload, "reload", "name")
    command(renew, "renew")
    command(answer, "answer")
    return parser


def main() -> int:
    """Run one command."""
    options = arguments().parse_args()
    os.umask(0o077)
    try:
        result = options.run(options)
    except TlsError as error:
        print(f"b2ct-tls: {error}", file=sys.stderr)
        return 1
    if result is not None:
        print(json.dumps(result, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
