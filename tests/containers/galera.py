"""Asks the servers of a scenario's Galera cluster."""

from __future__ import annotations

import time

import testinfra
from testinfra.host import Host


def node(name: str) -> Host:
    """Give a container, reached beside all that is tested."""
    return testinfra.get_host(f"podman://{name}")


def sql(name: str, statement: str) -> str:
    """Ask a server as root."""
    return str(
        node(name).check_output("mariadb --batch --skip-column-names --execute %s", statement)
    )


def status(name: str, variable: str) -> str:
    """Give one of a server's status variables."""
    return sql(name, f"SHOW STATUS LIKE '{variable}'").partition("\t")[2]


def await_size(name: str, size: int) -> None:
    """Wait until a server sees so many members, and has all data itself."""
    for _ in range(90):
        done = node(name).run("mariadb -BNe \"SHOW STATUS LIKE 'wsrep_%%'\"")
        if f"wsrep_cluster_size\t{size}\n" in done.stdout and "\tSynced" in done.stdout:
            return
        time.sleep(1)
    raise AssertionError(f"{name} does not see {size} members: {done.stdout}{done.stderr}")
