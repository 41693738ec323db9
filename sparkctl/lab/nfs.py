"""NFS on virtual Sparks: the kernel's own where it has one, else stand-in packages made here.

The stand-ins keep the packages' names, commands, files and units; nfs-ganesha serves, and a FUSE program mounts. Their
description says what they are, and /usr/lib/sparkctl-lab-nfs/README on a host does, too.
"""

from __future__ import annotations

import enum
import os
import platform
import shutil
from pathlib import Path

from sparkctl.lab import places
from sparkctl.lab.golden import Golden
from sparkctl.lab.machine import Kernel
from sparkctl.lab.outer import call, succeeds

SOURCES = places.STANDINS / "nfs"
VERSION = "1:2.8.3-1+sparkctl"
"""Sorts after Debian's own 1:2.8.3-1, whose place it takes."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_HOME = "usr/lib/sparkctl-lab-nfs"
_LABEL = "STAND-IN of sparkctl's lab, not Debian's package"

_COMPILE = """
golden=$1 debs=$2 source=$3 work=$4
mount -t tmpfs sparkctl-lab "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$golden,upperdir=$work/upper,workdir=$work/work" "$work/root"
for deb in "$debs"/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done
cp "$source" "$work/root/mount.nfs.c"
chroot "$work/root" tcc -Wall -Werror -o /mount.nfs /mount.nfs.c -lnfs -lfuse3 >&2
cat "$work/root/mount.nfs" > "$5"
"""


class Mode(enum.Enum):
    """Who speaks NFS on the virtual Sparks."""

    KERNEL = "kernel"
    STAND_IN = "stand-in"


def choose(kernel: Kernel) -> Mode:
    """The kernel's NFS where it has server and client. `SPARKCTL_LAB_NFS=stand-in` asks for the other."""
    if os.environ.get("SPARKCTL_LAB_NFS") == Mode.STAND_IN.value:
        return Mode.STAND_IN
    return Mode.KERNEL if kernel.nfs and serves_in_a_namespace() else Mode.STAND_IN


def serves_in_a_namespace() -> bool:
    """Whether the kernel's server can be set up in a network namespace of its own, as each host has one."""
    return succeeds(["unshare", "--net", "--mount", "mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd"])


def build(golden: Golden, target: Path) -> list[Path]:
    """Make the stand-in packages nfs-common and nfs-kernel-server in `target`. Raises StepFailed."""
    work = target / "work"
    work.mkdir()
    try:
        return [_common(golden, work, target), _server(work, target)]
    finally:
        shutil.rmtree(work)


def _common(golden: Golden, work: Path, target: Path) -> Path:
    tree = work / "nfs-common"
    (tree / "usr/sbin").mkdir(parents=True)
    _compile(golden, work, tree / "usr/sbin/mount.nfs")
    (tree / "usr/sbin/mount.nfs").chmod(0o755)
    (tree / "usr/sbin/mount.nfs4").symlink_to("mount.nfs")
    real = next((golden.debs / "ganesha").glob("nfs-common_*.deb"))
    call(["dpkg-deb", "--extract", real, work / "real"], doing="taking showmount from Debian's nfs-common")
    shutil.copy2(work / "real/usr/sbin/showmount", tree / "usr/sbin/showmount")
    control = _control("nfs-common", "fuse3, libnfs14, rpcbind", "NFS client: a FUSE program over libnfs")
    return _pack(tree, control, {}, target)


def _server(work: Path, target: Path) -> Path:
    tree = work / "nfs-kernel-server"
    units = tree / "usr/lib/systemd/system"
    for directory in (units, tree / "usr/sbin", tree / _HOME, tree / "etc/exports.d"):
        directory.mkdir(parents=True)
    _place(SOURCES / "exportfs", tree / "usr/sbin/exportfs", 0o755)
    _place(SOURCES / "wait-for-server", tree / _HOME / "wait-for-server", 0o755)
    _place(SOURCES / "exports", tree / "etc/exports", 0o644)
    _place(SOURCES / "nfs-server.service", units / "nfs-server.service", 0o644)
    (units / "nfs-kernel-server.service").symlink_to("nfs-server.service")
    needs = f"nfs-common (= {VERSION}), nfs-ganesha-vfs, rpcbind, python3"
    scripts = {
        "conffiles": "/etc/exports\n",
        "postinst": _script("systemctl enable nfs-server.service\nsystemctl restart nfs-server.service || true"),
        "prerm": _script("systemctl disable --now nfs-server.service"),
    }
    return _pack(tree, _control("nfs-kernel-server", needs, "NFS server: nfs-ganesha behind exportfs"), scripts, target)


def _compile(golden: Golden, work: Path, binary: Path) -> None:
    """Compile the client with the golden root's own libraries, in a throw-away overlay over it."""
    overlay = work / "overlay"
    overlay.mkdir()
    call(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-euc", _COMPILE, "sh"),
            *(golden.root, golden.debs / "compiler", SOURCES / "mount.nfs.c", overlay, binary),
        ],
        doing="compiling the lab's NFS client",
        timeout=120,
    )


def _control(name: str, needs: str, what: str) -> str:
    return (
        f"Package: {name}\nVersion: {VERSION}\nArchitecture: {_ARCHITECTURES[platform.machine()]}\n"
        f"Maintainer: sparkctl\nSection: net\nPriority: optional\nDepends: {needs}\n"
        f"Description: {what} ({_LABEL})\n This kernel has no NFS. See /{_HOME}/README.\n"
    )


def _script(text: str) -> str:
    """A maintainer script that acts only where systemd runs."""
    return f"#!/bin/sh\nset -e\n[ -d /run/systemd/system ] || exit 0\nsystemctl daemon-reload\n{text}\n"


def _place(source: Path, target: Path, mode: int) -> None:
    shutil.copyfile(source, target)
    target.chmod(mode)


def _pack(tree: Path, control: str, scripts: dict[str, str], target: Path) -> Path:
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line)
    readme = tree / _HOME / f"README.{fields['Package']}"
    readme.parent.mkdir(parents=True, exist_ok=True)
    readme.write_text(f"{fields['Package']}: {_LABEL}.\n{fields['Description']}\n")
    debian = tree / "DEBIAN"
    debian.mkdir()
    (debian / "control").write_text(control)
    for name, text in scripts.items():
        (debian / name).write_text(text)
        (debian / name).chmod(0o755 if text.startswith("#!") else 0o644)
    for path in (tree, *tree.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    deb = target / f"{fields['Package']}_{VERSION.replace(':', '.')}_{fields['Architecture']}.deb"
    call(["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", tree, deb], doing=f"packing {deb.name}", timeout=60)
    return deb
