#!/bin/sh
# Runs inside a Debian image when it is made: gives it the shape of Enterprise Linux.
# Usage: el-shape.sh MAJOR
set -eu
major=$1
export LC_ALL=C.UTF-8

cat >/usr/lib/os-release <<EOF
NAME="AlmaLinux"
VERSION="$major.5 (EL-shaped test image)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="$major.5"
PLATFORM_ID="platform:el$major"
PRETTY_NAME="AlmaLinux $major.5 (EL-shaped test image)"
CPE_NAME="cpe:/o:almalinux:almalinux:$major::baseos"
EOF
ln -sf ../usr/lib/os-release /etc/os-release
echo "AlmaLinux release $major.5 (EL-shaped test image)" >/etc/almalinux-release
ln -s almalinux-release /etc/redhat-release
ln -s almalinux-release /etc/system-release
rm -f /etc/debian_version /etc/lsb-release

# dnf and rpm, as EL has them. Debian's rpm keeps its database in the home directory.
mkdir -p /etc/yum.repos.d /etc/rpm /var/lib/rpm /etc/dnf/vars /etc/pki/rpm-gpg /etc/sysconfig
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros.dbpath
rpm --initdb
cat >/etc/dnf/dnf.conf <<'EOF'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
EOF
for conf in /etc/dnf/plugins/local.conf; do
    [ ! -e "$conf" ] || printf '[main]\nenabled = false\n' >"$conf"
done
rm -f /etc/yum.repos.d/*
cat >/etc/yum.repos.d/baseos.repo <<'EOF'
[baseos]
name=EL-shaped packages of the tests
baseurl=file:///srv/el-repository
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-baseos
# The tests replace it between two runs.
metadata_expire=1
EOF
rpm --import /etc/pki/rpm-gpg/RPM-GPG-KEY-baseos
rpm --install /tmp/el-base/*.rpm
rm -r /tmp/el-base

# Units, groups and places.
groupadd --system --gid 10 wheel 2>/dev/null || groupmod --new-name wheel "$(getent group 10 | cut -d: -f1)"
cat >/etc/sudoers <<'EOF'
Defaults    !visiblepw
Defaults    env_reset
Defaults    secure_path = /sbin:/bin:/usr/sbin:/usr/bin
root	ALL=(ALL) 	ALL
%wheel	ALL=(ALL)	ALL
#includedir /etc/sudoers.d
EOF
chmod 0440 /etc/sudoers
sed -e '/^Alias=/d' /lib/systemd/system/ssh.service >/usr/lib/systemd/system/sshd.service
systemctl --quiet disable ssh.service ssh.socket 2>/dev/null || :
rm -f /lib/systemd/system/ssh.service /lib/systemd/system/ssh.socket /etc/systemd/system/sshd.service \
    /etc/systemd/system/multi-user.target.wants/ssh.service
sed -i '/ssh.service/d' /usr/lib/systemd/system/sshd.service
systemctl --quiet enable sshd.service
# It would take dnf's lock in the middle of a test.
systemctl --quiet disable dnf-makecache.timer
mkdir -p /usr/libexec/openssh /etc/pki/tls/certs /etc/pki/tls/private /etc/pki/ca-trust/source/anchors
ln -s ../../lib/openssh/sftp-server /usr/libexec/openssh/sftp-server
ln -s /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt
cat >/usr/bin/update-ca-trust <<'EOF'
#!/bin/sh
# EL's command, on Debian's store.
set -eu
mkdir -p /usr/local/share/ca-certificates/anchors
rm -f /usr/local/share/ca-certificates/anchors/*
for anchor in /etc/pki/ca-trust/source/anchors/*; do
    [ ! -f "$anchor" ] || cp "$anchor" "/usr/local/share/ca-certificates/anchors/${anchor##*/}.crt"
done
exec update-ca-certificates --fresh >/dev/null
EOF
chmod 0755 /usr/bin/update-ca-trust

# Nothing finds Debian's package tools any more.
mkdir /usr/lib/debian-tools
for tool in /usr/bin/apt* /usr/bin/dpkg* /usr/sbin/dpkg*; do
    [ ! -e "$tool" ] || mv "$tool" /usr/lib/debian-tools/
done
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
