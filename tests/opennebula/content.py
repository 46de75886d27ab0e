"""What the tests' own OpenNebula packages hold: names, paths, units and users of the real ones.

Nothing of OpenNebula is in them. ``oned`` is the double in ``tests/oned``; the web services are
stand-ins that listen where the real ones do and say who they are.
"""

from __future__ import annotations

from pathlib import Path

from tests.containers.places import ROOT
from tests.containers.vendor import File, Package

DOUBLE = ROOT / "tests" / "oned"
_HERE = Path(__file__).parent / "files"
_LIB = "/usr/lib/one/double"


_ACCOUNT = """\
getent group oneadmin >/dev/null || groupadd --system --gid 9869 oneadmin
getent passwd oneadmin >/dev/null || useradd --system --uid 9869 --gid oneadmin \\
    --home-dir /var/lib/one --shell /bin/bash oneadmin
"""
#: The real packages do the same: a key, and a password of their own making.
_FIRST = """\
if [ ! -e /var/lib/one/.ssh/id_rsa ]; then
    install -d -o oneadmin -g oneadmin -m 0700 /var/lib/one/.ssh
    runuser -u oneadmin -- ssh-keygen -q -t rsa -b 2048 -N '' -f /var/lib/one/.ssh/id_rsa
fi
if [ ! -e /var/lib/one/.one/one_auth ]; then
    install -d -o oneadmin -g oneadmin -m 0700 /var/lib/one/.one
    (umask 077; echo "oneadmin:$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')" \\
        >/var/lib/one/.one/one_auth)
    chown oneadmin: /var/lib/one/.one/one_auth
fi
"""


def _unit(description: str, command: str, kind: str, after: str = "") -> str:
    return (
        f"[Unit]\nDescription={description}\nAfter=network.target {after}\n\n[Service]\n"
        f"Type={kind}\nUser=oneadmin\nGroup=oneadmin\nExecStart={command}\nRestart=on-failure\n"
        "RestartSec=2\n\n[Install]\nWantedBy=multi-user.target\n"
    )


def _service(name: str, title: str, file: str, text: str) -> Package:
    """Give a web service: its configuration, its unit, and the stand-in that reads the former."""
    command = f"/usr/bin/python3 {_LIB}/service.py {title} /etc/one/{file}"
    return Package(
        f"opennebula-{name}",
        files={
            f"/etc/one/{file}": File(text, 0o640, "oneadmin"),
            f"/usr/lib/systemd/system/opennebula-{name}.service": File(
                _unit(f"{title} (a stand-in of the tests)", command, "simple", "opennebula.service")
            ),
        },
        requires=("opennebula-common",),
        units=(f"opennebula-{name}.service",),
    )


def packages(version: str) -> tuple[Package, ...]:
    """Give the packages of a release line, 6.10 or 7.x."""
    classic = version.startswith("6.")
    double = {
        f"{_LIB}/oned/{path.name}": File(path.read_text()) for path in sorted(DOUBLE.glob("*.py"))
    }
    if not double:
        raise SystemExit(f"{DOUBLE} holds no double of oned")
    units = {
        "/usr/lib/systemd/system/opennebula.service": File(
            _unit("oned (a double of the tests)", "/usr/bin/oned -f", "notify")
        )
    }
    if classic:
        units["/usr/lib/systemd/system/opennebula-scheduler.service"] = File(
            _unit(
                "Scheduler (a stand-in of the tests)",
                "/usr/bin/sleep infinity",
                "simple",
                "opennebula.service",
            )
        )
    common = Package(
        "opennebula-common",
        folders=("/var/lib/one", "/var/log/one", "/etc/one", "/var/lib/one/datastores"),
        files={f"{_LIB}/service.py": File((_HERE / "service.py").read_text())},
        requires_debian=("openssh-client",),
        requires_el=("openssh-clients",),
        pre=_ACCOUNT,
        post="chown oneadmin: /var/lib/one /var/log/one /var/lib/one/datastores\n",
    )
    server = Package(
        "opennebula",
        files={
            "/etc/one/oned.conf": File((_HERE / "oned.conf").read_text(), 0o640, "oneadmin"),
            "/etc/one/monitord.conf": File(
                (_HERE / "monitord.conf").read_text(), 0o640, "oneadmin"
            ),
            "/usr/bin/oned": File(
                (_HERE / "oned.py").read_text().replace("@VERSION@", f"{version}.0"), 0o755
            ),
            **double,
            **units,
        },
        requires=("opennebula-common",),
        post=_FIRST,
        units=tuple(path.rpartition("/")[2] for path in units),
    )
    gui = "host: 0.0.0.0\nport: 2616\none_xmlrpc: 'http://localhost:2633/RPC2'\n"
    found = [
        common,
        server,
        _service("flow", "OneFlow", "oneflow-server.conf", "---\n:host: 0.0.0.0\n:port: 2474\n"),
        _service("gate", "OneGate", "onegate-server.conf", "---\n:host: 0.0.0.0\n:port: 5030\n"),
        _service("fireedge", "FireEdge", "fireedge-server.conf", gui),
        _node(),
    ]
    if classic:
        text = "---\n:host: 0.0.0.0\n:port: 9869\n"
        found.append(_service("sunstone", "Sunstone", "sunstone-server.conf", text))
    return tuple(found)


def _node() -> Package:
    """Give the KVM node: real libvirt on Debian, a stand-in where none can be had."""
    return Package(
        "opennebula-node-kvm",
        requires=("opennebula-common",),
        requires_debian=("libvirt-daemon-system",),
        files_el={
            "/etc/libvirt/qemu.conf": File('#user = "root"\n#migration_port_min = 49152\n', 0o600),
            "/usr/lib/systemd/system/libvirtd.service": File(
                "[Unit]\nDescription=libvirtd (a stand-in of the tests)\n\n[Service]\n"
                "ExecStart=/usr/bin/sleep infinity\n\n[Install]\nWantedBy=multi-user.target\n"
            ),
        },
        pre="for group in libvirt kvm; do getent group $group >/dev/null"
        " || groupadd --system $group; done\n",
        post="usermod -a -G libvirt,kvm oneadmin\n",
    )
