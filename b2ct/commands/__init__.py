"""One module a command: click options in, one call to a library, a report out."""
