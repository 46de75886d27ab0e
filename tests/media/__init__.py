"""Stand-ins for the vendors' install media, made from Debian's packages."""
