"""What the outer machine must have: each lack is one sentence that says what to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sparkctl.errors import SparkctlError, StepFailed, UsageError
from sparkctl.lab import disk, machine, nfs
from sparkctl.lab.progress import Silent

FILESYSTEMS = "nodev\tcgroup2\nnodev\toverlay\n\text4\nnodev\tfuse\n"


def kernel(filesystems: str = FILESYSTEMS, *, netns: bool = True, fuse: bool = True) -> machine.Kernel:
    return machine.Kernel(machine.kernel(filesystems).filesystems, netns, fuse)


def test_a_whole_kernel_passes() -> None:
    machine.check_kernel(kernel())


@pytest.mark.parametrize(
    ("seen", "lacks"),
    [
        (kernel(FILESYSTEMS.replace("overlay", "x")), "overlayfs"),
        (kernel(FILESYSTEMS.replace("cgroup2", "cgroup")), "cgroup2"),
        (kernel(netns=False), "network namespaces"),
        (kernel(fuse=False), "FUSE"),
    ],
)
def test_a_lacking_kernel_is_named(seen: machine.Kernel, lacks: str) -> None:
    with pytest.raises(StepFailed, match=lacks) as failure:
        machine.check_kernel(seen)
    assert failure.value.hint


def test_a_kernel_with_nfs_needs_no_fuse_and_no_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARKCTL_LAB_NFS", raising=False)
    seen = kernel(FILESYSTEMS + "nodev\tnfs\nnodev\tnfsd\n", fuse=False)
    machine.check_kernel(seen)
    monkeypatch.setattr(nfs, "serves_in_a_namespace", lambda: False)
    assert nfs.choose(seen) is nfs.Mode.STAND_IN
    monkeypatch.setattr(nfs, "serves_in_a_namespace", lambda: True)
    assert nfs.choose(seen) is nfs.Mode.KERNEL
    monkeypatch.setenv("SPARKCTL_LAB_NFS", "stand-in")
    assert nfs.choose(seen) is nfs.Mode.STAND_IN


def test_a_client_alone_is_not_nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARKCTL_LAB_NFS", raising=False)
    assert nfs.choose(kernel(FILESYSTEMS + "nodev\tnfs\n")) is nfs.Mode.STAND_IN


def test_only_root_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StepFailed, match="need root") as failure:
        machine.check_system()
    assert failure.value.hint is not None and "sudo" in failure.value.hint
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(StepFailed, match="need Linux"):
        machine.check_system()


def bin_with(directory: Path, *programs: str) -> str:
    directory.mkdir()
    for program in programs:
        (directory / program).write_text("#!/bin/sh\nexit 0\n")
        (directory / program).chmod(0o755)
    return str(directory)


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", bin_with(tmp_path / "bin", *set(machine.PROGRAMS) - {"systemd-nspawn", "ip"}))
    assert {"systemd-container", "iproute2"} <= set(machine.missing_packages())
    assert "mmdebstrap" not in machine.missing_packages()


def test_nothing_is_installed_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", bin_with(tmp_path / "bin", "apt-get"))
    with pytest.raises(UsageError, match=r"lacks mmdebstrap zstd") as refusal:
        machine.install(["mmdebstrap", "zstd"], yes=False, progress=Silent())
    assert refusal.value.hint is not None and "--yes" in refusal.value.hint


def test_without_apt_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", bin_with(tmp_path / "bin"))
    with pytest.raises(StepFailed, match="has no apt"):
        machine.install(["zstd"], yes=True, progress=Silent())


def test_a_failing_apt_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apt = tmp_path / "bin" / "apt-get"
    monkeypatch.setenv("PATH", f"{bin_with(tmp_path / 'bin')}:/usr/bin:/bin")
    apt.write_text('#!/bin/sh\ncase "$*" in *install*) echo "E: Unable to locate package zstd" >&2; exit 100;; esac\n')
    apt.chmod(0o755)
    with pytest.raises(StepFailed, match="apt could not install zstd") as failure:
        machine.install(["zstd"], yes=True, progress=Silent())
    assert failure.value.evidence == "E: Unable to locate package zstd"


def test_stale_package_lists_are_refreshed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apt, log = tmp_path / "bin" / "apt-get", tmp_path / "log"
    monkeypatch.setenv("PATH", f"{bin_with(tmp_path / 'bin')}:/usr/bin:/bin")
    apt.write_text(
        f'#!/bin/sh\necho "$*" >> {log}\n'
        f'case "$*" in update) touch {tmp_path}/fresh;; *) [ -e {tmp_path}/fresh ];; esac\n'
    )
    apt.chmod(0o755)
    machine.install(["zstd"], yes=True, progress=Silent())
    words = [line.split() for line in log.read_text().splitlines()]
    assert [line[-1] for line in words] == ["zstd", "update", "zstd"]


def test_a_full_disk_is_found_before_it_is_filled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "free_space", lambda _: 1.5)
    with pytest.raises(SparkctlError, match=r"1\.5 GiB free"):
        machine.check_room(tmp_path / "not" / "there")
    (tmp_path / "golden").mkdir()  # a cache that is filled already needs no room
    machine.check_room(tmp_path)


def test_memory_is_counted_in_gib() -> None:
    assert disk.available_memory("MemTotal:       24684084 kB\nMemAvailable:   16777216 kB\n") == 16.0
