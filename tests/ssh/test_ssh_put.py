"""Files arrive whole or not at all, whoever else plays in the directory."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkctl.errors import StepFailed
from sparkctl.ssh.command import Put
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.place import CUT_OFF, DISK_FULL, placing

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_with_its_directories(door: SshTransport, tmp_path: Path) -> None:
    path = tmp_path / "new dir" / "it's" / "file \\ $(x)"
    content = bytes(range(256)) * 100
    result = door.put(Put(content, str(path), 0o640))
    assert (result.code, result.stderr) == (0, "")
    assert path.read_bytes() == content
    assert mode(path) == 0o640
    assert mode(path.parent) == mode(path.parent.parent) == 0o755
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"\n", b"text", os.urandom(3 << 20)], ids=["empty", "nl", "text", "3MiB"])
def test_an_old_file_is_replaced_byte_by_byte(door: SshTransport, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    assert door.put(Put(content, str(path), 0o600)).ok
    assert path.read_bytes() == content
    assert mode(path) == 0o600


def test_it_is_secret_from_the_first_byte(door: SshTransport, tmp_path: Path) -> None:
    """The temporary file never was readable by others, not even for a moment."""
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for path in tmp_path.glob(".*sparkctl*"):
                try:
                    seen.add(mode(path))
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    assert door.put(Put(os.urandom(8 << 20), str(tmp_path / "key"), 0o600, confidential=True)).ok
    done.set()
    watcher.join()
    assert seen == {0o600}


@NEEDS_ROOT
def test_owner_and_mode(door: SshTransport, tmp_path: Path) -> None:
    path = tmp_path / "of" / "others"
    assert door.put(Put(b"x", str(path), 0o4755, owner="daemon:mail")).ok
    assert (path.owner(), path.group(), mode(path)) == ("daemon", "mail", 0o4755)
    assert path.parent.owner() == "daemon"


def test_an_owner_that_does_not_exist_leaves_the_old_file(door: SshTransport, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    result = door.put(Put(b"new", str(path), owner="no-such-user:no-such-group"))
    assert result.code == 1
    assert "its owner cannot be set" in result.stderr
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_directory_is_not_replaced(door: SshTransport, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    result = door.put(Put(b"x", str(tmp_path / "dir")))
    assert "it is a directory" in result.stderr
    assert (tmp_path / "dir").is_dir()
    result = door.put(Put(b"x", f"{tmp_path}/dir/../file"[: len(str(tmp_path))] + "/dir/x/y"))
    assert result.ok


def test_a_link_is_replaced_not_followed(door: SshTransport, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "file"
    path.symlink_to(victim)
    assert door.put(Put(b"new", str(path))).ok
    assert victim.read_text() == "precious"
    assert not path.is_symlink()
    assert path.read_text() == "new"


def test_a_link_in_the_temporary_files_place_is_not_followed(
    door: SshTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkctl.ssh.place.secrets.token_hex", lambda _: "guessed")
    victim = tmp_path / "victim"
    for exists in (True, False):
        if exists:
            victim.write_text("precious")
        else:
            victim.unlink()
        (tmp_path / ".file.sparkctl-guessed").unlink(missing_ok=True)
        (tmp_path / ".file.sparkctl-guessed").symlink_to(victim)
        result = door.put(Put(b"new", str(tmp_path / "file")))
        assert result.code not in (0, None)
        assert "no file can be made" in result.stderr
        assert not (tmp_path / "file").exists()
        assert victim.exists() is exists
        assert not exists or victim.read_text() == "precious"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(folder)]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("mounting is not possible here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_the_old_file_and_says_so(door: SshTransport, small_disk: Path) -> None:
    path = small_disk / "file"
    path.write_text("old")
    result = door.put(Put(b"x" * (4 << 20), str(path)))
    assert result.code == DISK_FULL
    assert "no space left, 4194304 bytes needed, 10" in result.stderr
    assert path.read_text() == "old"
    assert [one.name for one in small_disk.iterdir()] == ["file"]
    assert door.put(Put(b"small", str(path))).ok


def test_content_that_is_cut_off_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    job = placing(Put(b"new content", str(path)))
    done = subprocess.run(["sh", "-c", job.script], input=b"new cont", capture_output=True, timeout=10)
    assert done.returncode == CUT_OFF
    assert b"not all bytes arrived" in done.stderr
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("path", ["relative", "/", "/a/../b", "/a//b", "/a/./b", "/a\nb", "", "/a/"])
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(StepFailed, match="not an absolute path"):
        placing(Put(b"", path))
