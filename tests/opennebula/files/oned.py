#!/usr/bin/python3
"""Start the double of oned as the real one is started: from oned.conf, under systemd."""
# ruff: noqa: PTH123, SIM115, UP031

import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, "/usr/lib/one/double")
CONF = re.sub(r"(?m)^\s*#.*$", "", open("/etc/one/oned.conf").read())


def said(name, default):
    """Give a single value of oned.conf."""
    found = re.search(r'(?m)^\s*%s\s*=\s*"?([^"\s]+)' % name, CONF)
    return found[1] if found else default


def tell_systemd(address, port):
    """Say that oned is ready once it answers."""
    where = os.environ.get("NOTIFY_SOCKET")
    while where:
        with socket.socket() as trial:
            if trial.connect_ex((address, port)) == 0:
                break
        time.sleep(0.05)
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect("\0" + where[1:] if where[0] == "@" else where)
            line.sendall(b"READY=1")


def database():
    """Refuse, as oned does, a database that does not answer."""
    block = re.search(r"(?ms)^\s*DB\s*=\s*\[(.*?)\]", CONF)[1]
    keys = dict(re.findall(r'(\w+)\s*=\s*"?([^",\s]*)', block))
    if keys.get("BACKEND") == "mysql":
        port = int(keys.get("PORT") or 0) or 3306
        with socket.create_connection((keys.get("SERVER", "localhost"), port), timeout=10):
            pass


def main():
    """Run."""
    address, port = said("LISTEN_ADDRESS", "0.0.0.0"), int(said("PORT", "2633"))
    try:
        database()
    except OSError as error:
        sys.exit("oned: the database does not answer: %s" % error)
    trial = "127.0.0.1" if address == "0.0.0.0" else address
    threading.Thread(target=tell_systemd, args=(trial, port), daemon=True).start()
    sys.argv[1:] = [
        "--auth-file",
        "/var/lib/one/.one/one_auth",
        "--auth-folder",
        "/var/lib/one/.one",
        "--address",
        address,
        "--port",
        str(port),
        "--state",
        "/var/lib/one/double.json",
        "--release",
        "@VERSION@",
        "--log",
        "/var/log/one/oned.log",
    ]
    from oned.__main__ import main as double

    return double()


if __name__ == "__main__":
    sys.exit(main())
