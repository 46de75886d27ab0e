"""b2ct: from bare servers to a running OpenNebula cloud with one USB key and one file."""

__version__ = "0.1.0"
