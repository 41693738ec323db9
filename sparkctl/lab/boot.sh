#!/bin/sh
# Power to one virtual Spark, from firmware to power-off. chassis.py runs it in a mount namespace of its own, so that
# nothing it mounts outlives it. Exit status: systemd-nspawn's (133: the host asked for a reboot).
# usage: boot.sh HOST NETNS GOLDEN-ROOT HOST-DIRECTORY HOME CGROUP
set -eu
host=$1 netns=$2 golden=$3 directory=$4 home=$5 cgroup=$6

# A pure cgroup2 view, whatever this machine mounts there (systemd-nspawn and dockerd follow what they see).
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# systemd-nspawn writes here, also where the outer machine runs no systemd.
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd
mount -t overlay overlay -o "lowerdir=$golden,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"

# dockerd must be able to set /proc/sys/net/ipv4/ip_forward
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
# the outer libseccomp may be older than the inner programs' system calls
export SYSTEMD_SECCOMP=0

# The clock belongs to the outer machine: without dropping CAP_SYS_TIME a virtual host once set it.
no_harm=CAP_SYS_TIME,CAP_WAKE_ALARM,CAP_SYS_MODULE,CAP_SYS_RAWIO,CAP_SYSLOG
set -- systemd-nspawn --quiet --register=no --keep-unit --directory="$directory/root" --machine="$host" \
    --hostname="$host" --boot --network-namespace-path="/run/netns/$netns" --capability=all \
    --drop-capability="$no_harm" --link-journal=no --resolv-conf=off --timezone=off \
    --bind="$directory/docker:/var/lib/docker" --bind="$directory/containerd:/var/lib/containerd" \
    --bind="$home:/home" --bind=/dev/fuse --console=pipe systemd.log_target=journal

# A time namespace: uptime starts at 0 with each boot.
time=
if [ -e /proc/self/ns/time ]; then
    up=$(cut -d. -f1 /proc/uptime)
    time="--time --boottime=-$up --monotonic=-$up"
fi
# shellcheck disable=SC2086,SC2016
exec unshare $time --fork --kill-child=KILL \
    sh -euc 'echo $$ > "/sys/fs/cgroup/$0/cgroup.procs"; exec "$@"' "$cgroup" "$@"
