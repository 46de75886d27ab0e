"""A double of oned, OpenNebula's daemon, for tests: its XML-RPC interface and no cloud behind.

Written against release 6.10.0 running: names and order of arguments, their strict types, the
texts and numbers of refusals, the shape of the XML and the attributes that oned derives were
compared call by call. It keeps no virtual machines, and it decides about rights by three simple
rules (oneadmin's group may all; an owner may use and manage; everybody may create images,
templates and security groups).

Standard library only and relative imports only, so that the folder can be packed and installed
by itself: ``python -m tests.oned --help`` here, ``python3 -m oned`` elsewhere.
"""

from .faults import Fault
from .server import Oned

__all__ = ["Fault", "Oned"]
