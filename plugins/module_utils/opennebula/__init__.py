"""OpenNebula objects over oned's XML-RPC, for the modules ``b2ct.cloud.opennebula_*``.

Only the standard library: it runs on the front-end with nothing installed. The package keeps to
what Python 3.8 knows, because the managed node's Python may be older than the controller's.
"""
