"""What turns a plain Debian root into that of a Spark: user, limits of a container, stand-ins, apt source."""

from __future__ import annotations

import shutil
from pathlib import Path

from sparkctl.lab import addresses, places
from sparkctl.lab.outer import call

USER = "spark"
USER_ID = 1000
STANDINS = "usr/local/lib/sparkctl-lab"
"""Where the stand-ins live on a virtual Spark, each labelled as one in its header."""

_LINKS = {
    "usr/bin/nvidia-smi": "nvidia-smi",
    "usr/bin/nvidia-container-runtime-hook": "nvidia-container-runtime-hook",
    "usr/local/sbin/udevadm": "udevadm",
}
_COPIES = {"etc/cdi/nvidia.yaml": "cdi.yaml", "etc/docker/daemon.json": "daemon.json", "etc/dgx-release": "dgx-release"}

_MASKED = (
    *(
        "docker-registry.service",
        "systemd-udevd.service",
        "systemd-udevd-control.socket",
        "systemd-udevd-kernel.socket",
    ),
    *("getty@tty1.service", "console-getty.service", "systemd-networkd-wait-online.service"),
    *("apt-daily.service", "apt-daily-upgrade.service", "dpkg-db-backup.service"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer"),
    *("nfs-ganesha.service", "nfs-ganesha-lock.service", "nfs-ganesha-config.service", "nfs-blkmap.service"),
)
"""Units that make no sense on a virtual Spark, or would run beside the stand-in (ganesha's own)."""


def finish(root: Path) -> None:
    """Customize `root` in place. Raises StepFailed."""
    doing = "finishing the golden root"
    call(["chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", USER], doing=doing)
    call(["chroot", root, "setcap", "cap_net_raw+ep", "/bin/ping"], doing=doing)
    call(["chroot", root, "systemctl", "enable", "systemd-networkd", "systemd-resolved"], doing=doing)
    call(["chroot", root, "systemctl", "disable", "rpcbind.socket", "rpcbind.service"], doing=doing)
    for unit in _MASKED:
        _link(root / "etc/systemd/system" / unit, "/dev/null")
    _install_standins(root)
    _write(root / f"etc/sudoers.d/{USER}", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    _forget_the_outer_machine(root)
    _write(root / "etc/apt/sources.list", f"deb [trusted=yes] http://{addresses.APT_NAME}/ ./\n")
    (root / "etc/netplan").mkdir(mode=0o700, exist_ok=True)


def _install_standins(root: Path) -> None:
    home = root / STANDINS
    home.mkdir(parents=True)
    for file in places.STANDINS.iterdir():
        if file.is_file():
            shutil.copyfile(file, home / file.name)
            (home / file.name).chmod(0o755 if file.read_bytes().startswith(b"#!") else 0o644)
    for link, name in _LINKS.items():
        _link(root / link, f"/{STANDINS}/{name}")
    for target, name in _COPIES.items():
        _write(root / target, (places.STANDINS / name).read_text(encoding="utf-8"))


def _forget_the_outer_machine(root: Path) -> None:
    """Host keys, machine id, mirrors and proxies: none of the outer machine's may be on a Spark."""
    doomed = [
        *root.glob("etc/ssh/ssh_host_*"),
        *root.glob("etc/apt/sources.list.d/*"),
        *root.glob("etc/apt/apt.conf.d/99mmdebstrap"),
        *root.glob("var/cache/apt/archives/*.deb"),
        *(file for file in root.glob("var/lib/apt/lists/*") if file.is_file()),
    ]
    for file in doomed:
        file.unlink()
    (root / "etc/machine-id").write_text("")


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _write(path: Path, content: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
