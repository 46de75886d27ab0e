#!/usr/bin/python3
"""Serve a folder over HTTPS on port 443, with FOLDER/server.pem, but not that file.

Usage: https_server.py FOLDER
"""
# ruff: noqa: PTH103, PTH114, PTH211

import functools
import http.server
import os
import ssl
import sys

FOLDER = sys.argv[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(FOLDER + "/server.pem")
os.makedirs(FOLDER + "/public", exist_ok=True)
if not os.path.islink(FOLDER + "/public/repo"):
    os.symlink("../repo", FOLDER + "/public/repo")
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=FOLDER + "/public")
server = http.server.ThreadingHTTPServer(("", 443), handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
