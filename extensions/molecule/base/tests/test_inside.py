"""What the role does beyond the checks of `b2ct verify`."""

testinfra_hosts = ["ssh://control1", "ssh://node1"]


def test_another_table_survives_a_reload(host):
    """Rules of OpenNebula and libvirt are not the role's to flush."""
    el = host.file("/etc/redhat-release").exists
    host.run_expect([0], "nft add table ip others")
    host.run_expect([0], f"systemctl reload {'firewalld' if el else 'nftables'}")
    try:
        assert host.run("nft list table ip others").rc == 0
    finally:
        host.run("nft delete table ip others")


def test_the_updater_takes_its_configuration(host):
    if host.file("/etc/redhat-release").exists:
        done = host.run("dnf-automatic --no-installupdates --no-downloadupdates")
        assert done.rc == 0, done.stderr
        return
    done = host.run("unattended-upgrade --dry-run --debug")
    assert done.rc == 0, done.stderr
    text = done.stdout + done.stderr
    assert "label=Debian-Security" in text
    assert "label=Debian\n" not in text, "updates that are no security updates"


def test_only_the_site_s_keys_count(host):
    keys = host.file("/home/ada/.ssh/authorized_keys").content_string.splitlines()
    assert len(keys) == 1
