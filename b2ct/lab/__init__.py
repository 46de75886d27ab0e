"""A lab: the machines of a site as virtual machines on this host, with networks and disks.

A lab is made from a site.yml. Roles and checks know nothing of it: they see hosts over ssh.
"""
