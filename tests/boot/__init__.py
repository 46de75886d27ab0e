"""Media booted in QEMU, and what only a look at the bytes can show."""
