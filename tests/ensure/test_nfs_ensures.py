"""Exports and mounts: who may mount, and what a mount must not hide."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkctl.ensure.export import Exported, Exports, escaped
from sparkctl.ensure.mount import OPTIONS, Mount, escape_path
from sparkctl.facts.base import FactUnavailable
from tests.ensure.examples import CACHE, file, packages
from tests.ensure.shown import changes
from tests.ensure.simulated_answers import answer, value
from tests.ensure.simulated_host import Entry, SimulatedHost

EXPORTS = Exports("lab", (Exported(CACHE, ("192.168.100.11",), "rw"), Exported("/srv/a b#", ("10.0.0.9",), "ro")))


def test_exports_name_each_client_and_squash_root() -> None:
    assert EXPORTS.content().decode().splitlines()[1:] == [
        f"{CACHE} 192.168.100.11(rw,sync,no_subtree_check,root_squash)",
        "/srv/a\\040b\\043 10.0.0.9(ro,sync,no_subtree_check,root_squash)",
    ]


def test_an_export_that_is_written_and_not_loaded_is_loaded() -> None:
    host, wanted = SimulatedHost(), Exports("lab", (Exported(CACHE, ("192.168.100.11",), "rw"),))
    packages("nfs-kernel-server")(host)
    file(wanted.file, wanted.content().decode(), owner="root:root")(host)
    seen = value(host, wanted.fact)
    diff = wanted.diff(seen)
    assert changes(diff) == [f"export of {CACHE} to 192.168.100.11: none -> rw"]
    assert [str(action) for action in wanted.apply(seen, diff)] == ["sudo -n -- exportfs -ra"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_an_exported_path_is_one_word(path: str) -> None:
    written = escaped(path)
    assert not set(written) & set(" \t\n\"'#()")
    assert written.isascii()


MOUNT = Mount("spark-1", "192.168.100.10", CACHE, CACHE)


def mount_host(**more: object) -> SimulatedHost:
    host = SimulatedHost(**more)  # type: ignore[arg-type]
    packages("nfs-common")(host)
    return host


def test_a_mount_unit() -> None:
    text = MOUNT.content().decode()
    assert MOUNT.unit == "home-dan-.cache-huggingface.mount"
    assert f"What=192.168.100.10:{CACHE}\nWhere={CACHE}\nType=nfs\nOptions=rw,hard" in text
    assert "_netdev,nofail" in text and "WantedBy=remote-fs.target" in text
    assert OPTIONS["ro"].startswith("ro,soft") and OPTIONS["rw"].startswith("rw,hard")


def test_files_of_this_host_are_not_hidden_by_a_mount() -> None:
    host = mount_host(directories={CACHE: Entry(b"", 0o755, "dan:dan", "directory")})
    assert MOUNT.diff(value(host, MOUNT.fact)).refuse is None
    file(f"{CACHE}/hub/models--x/blobs/1", "")(host)
    diff = MOUNT.diff(value(host, MOUNT.fact))
    assert diff.refuse is not None and f"{CACHE}/hub/models--x/blobs/1" in diff.refuse
    assert diff.hint is not None and f"mv {CACHE} {CACHE}.local" in diff.hint


def test_something_else_that_is_mounted_there_stays() -> None:
    host = mount_host(mounts={CACHE: ("nas:/models", "nfs4", "rw")})
    assert MOUNT.diff(value(host, MOUNT.fact)).refuse == f"nas:/models (nfs4) is mounted at {CACHE}"


def test_what_was_mounted_by_hand_is_made_to_last() -> None:
    host = mount_host(mounts={CACHE: (f"192.168.100.10:{CACHE}", "nfs4", "rw,hard")})
    assert changes(MOUNT.diff(value(host, MOUNT.fact)))[-1] == f"{CACHE} at boot: not mounted -> mounted"
    sent = [str(action) for action in MOUNT.apply(value(host, MOUNT.fact), MOUNT.diff(value(host, MOUNT.fact)))]
    assert f"sudo -n -- systemctl enable '{MOUNT.unit}'" in sent or f"sudo -n -- systemctl enable {MOUNT.unit}" in sent
    assert not any("restart" in line or "umount" in line for line in sent)


def test_a_server_that_does_not_answer_is_said_not_waited_for() -> None:
    host = mount_host(mounts={CACHE: (f"192.168.100.10:{CACHE}", "nfs4", "rw")}, alive="hung")
    with pytest.raises(FactUnavailable, match="spark-1 does not answer"):
        MOUNT.fact.parse(answer(host, MOUNT.fact.name))


def test_a_mount_in_the_other_mode_is_made_anew_but_fuse_is_not_asked() -> None:
    host = mount_host(mounts={CACHE: (f"192.168.100.10:{CACHE}", "nfs4", "ro,hard")})
    assert any("mounted otherwise" in change for change in changes(MOUNT.diff(value(host, MOUNT.fact))))
    host.mounts[CACHE] = (f"192.168.100.10:{CACHE}", "fuse.nfs", "ro")
    assert not any("mounted otherwise" in change for change in changes(MOUNT.diff(value(host, MOUNT.fact))))


PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=30).map(lambda text: "/" + text)


@given(PATHS)
def test_a_unit_name_is_one_that_systemd_takes(path: str) -> None:
    assert set(escape_path(path)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-\\")


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd-escape is not installed")
def test_unit_names_are_those_of_systemd_escape() -> None:
    paths = ["/", "/srv", "//srv//x/", "/srv/.hidden/a.b", "/.x", "/a b-c", "/é%$'\"\\x", "/_:/~+@", CACHE, "/a/./b"]
    done = subprocess.run(["systemd-escape", "--path", "--", *paths], capture_output=True, text=True, check=True)
    assert [escape_path(path) for path in paths] == done.stdout.split()


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd-escape is not installed")
@settings(max_examples=25, deadline=None)
@given(st.lists(PATHS.filter(lambda path: ".." not in path), min_size=20, max_size=60))
def test_any_unit_name_is_that_of_systemd_escape(paths: list[str]) -> None:
    done = subprocess.run(["systemd-escape", "--path", "--", *paths], capture_output=True, text=True, check=True)
    assert [escape_path(path) for path in paths] == done.stdout.split()
