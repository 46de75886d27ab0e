"""Run the double of oned as a daemon: ``python -m tests.oned --auth-file FILE --port 2633``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .server import Oned, StartError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="oned", description="A double of OpenNebula's daemon, for tests."
    )
    parser.add_argument("--auth-file", default="/var/lib/one/.one/one_auth", metavar="FILE")
    parser.add_argument(
        "--auth-folder", metavar="FOLDER", help="write sunstone_auth and the like there"
    )
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2633)
    parser.add_argument("--state", metavar="FILE", help="keep everything there")
    parser.add_argument("--release", default="6.10.0", help="what one.system.version says")
    parser.add_argument("--host-delay", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument("--image-delay", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--log", metavar="FILE", help="a line for each call; stdout if absent")
    options = parser.parse_args()

    def log(line: str) -> None:
        if options.log:
            with Path(options.log).open("a") as file:
                file.write(line + "\n")
        else:
            print(line, flush=True)

    try:
        oned = Oned(
            options.auth_file,
            options.port,
            options.address,
            options.state,
            options.auth_folder,
            options.release,
            options.host_delay,
            options.image_delay,
            log,
        )
    except (StartError, OSError) as error:
        print(f"oned: {error}", file=sys.stderr)
        return 1
    # shutdown() waits for serve(), which runs in this thread: it must come from another one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=oned.stop).start())
    log(f"oned started in solo mode, on {oned.endpoint}")
    oned.serve()
    return 0


sys.exit(main())
