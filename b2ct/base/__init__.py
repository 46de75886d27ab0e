"""The catalogue of vendors' install media, and the verified store of what was fetched."""
