"""The checks that molecule and ``b2ct verify`` run: one file a role, ``test_<role>.py``."""
