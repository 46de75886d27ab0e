"""The failover pair in operation: how it stands, planned switches, and drills.

Everything is asked of the nodes over ssh, as root; nothing is kept here.
"""
