"""Read, check and remaster netinstall media; make bootable USB images; write them safely.

This library knows bytes, files, labels and kernel arguments. It knows nothing of
sites, templates or command lines, and never imports :mod:`b2ct` (a test asserts it).
"""
