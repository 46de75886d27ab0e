#!/usr/bin/python3
"""Stand in for a web service: listen where its configuration says, and say who is asked.

Usage: service.py NAME CONFIGURATION
"""
# ruff: noqa: PTH110, PTH123, SIM115, UP031

import http.server
import os
import re
import sys

NAME, FILE = sys.argv[1:3]
TEXT = open(FILE).read()
# Whoever looks for the owner of a port finds the real one's program.
with open("/proc/self/comm", "w") as comm:
    comm.write("node" if NAME == "FireEdge" else "ruby")


def said(key):
    """Give a value of the configuration, in Ruby's or in plain YAML."""
    return re.search(r"(?m)^:?%s:\s*'?\"?([^'\"\s]+)" % key, TEXT)[1]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request with the name of the service and what was asked."""

    def do_GET(self):
        body = ("%s (stand-in) %s %s\n" % (NAME, self.command, self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Seen-Proto", self.headers.get("X-Forwarded-Proto", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# The real ones cannot start before oned has written their accounts.
if NAME in ("OneFlow", "OneGate") and not os.path.exists(
    "/var/lib/one/.one/%s_auth" % NAME.lower()
):
    sys.exit("%s: no account yet: was oned ever started?" % NAME)
http.server.ThreadingHTTPServer((said("host"), int(said("port"))), Handler).serve_forever()
