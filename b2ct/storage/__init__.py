"""Shared storage and its cluster on a running site: how they stand, and proofs of fencing.

What is asked is asked by commands on the members, over the ways that `b2ct verify` uses.
"""
