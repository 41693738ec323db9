"""What the ensures of files, blocks, keys and directories change, and what they leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ensure.block import ManagedBlock
from sparkctl.ensure.directory import Directory
from sparkctl.ensure.file import File
from sparkctl.ensure.ssh_key import AuthorizedKeys, NodeKey
from sparkctl.facts.files import FileState
from sparkctl.facts.keys import KeyPair
from tests.ensure.examples import CACHE, file
from tests.ensure.shown import changes, put_of
from tests.ensure.simulated_answers import value
from tests.ensure.simulated_host import Entry, SimulatedHost


def test_a_changed_file_shows_its_changed_lines() -> None:
    host = SimulatedHost()
    file("/etc/x.conf", "a = 1\nb = 2\nc = 3\n", owner="root:root")(host)
    wanted = File("/etc/x.conf", b"a = 1\nb = 9\n", owner="root:root", sudo=True)
    assert changes(wanted.diff(value(host, wanted.fact))) == [
        "/etc/x.conf: b = 2 -> b = 9",
        "/etc/x.conf: c = 3 -> (no line)",
    ]


def test_a_link_in_a_files_place_is_not_replaced() -> None:
    host = SimulatedHost(files={"/etc/x.conf": Entry(b"", kind="link")})
    wanted = File("/etc/x.conf", b"", sudo=True)
    assert wanted.diff(value(host, wanted.fact)).refuse == "/etc/x.conf is a symbolic link"


def test_a_file_as_wanted_but_not_loaded_is_only_loaded() -> None:
    from sparkctl.ensure.file import FileAndReload, Reload
    from sparkctl.ensure.service import systemctl
    from tests.ensure.examples import OWED

    wanted = File("/etc/x", b"x", sudo=True, reload=Reload(systemctl("daemon-reload"), OWED))
    seen = FileAndReload(FileState("/etc/x", "file", 0o644, "root:root", _sha(b"x"), b"x"), "changed on disk")
    diff = wanted.diff(seen)
    assert changes(diff) == ["/etc/x: changed on disk -> loaded"]
    assert [str(action) for action in wanted.apply(seen, diff)] == ["sudo -n -- systemctl daemon-reload"]


def _sha(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


NO_MARKER = st.binary(max_size=80).filter(lambda content: b"sparkctl" not in content)


@given(before=NO_MARKER, after=NO_MARKER, where=st.sampled_from(["top", "end"]))
def test_a_block_leaves_the_rest_of_the_file_byte_for_byte(before: bytes, after: bytes, where: str) -> None:
    old, new = (ManagedBlock("~/f", "lab", lines, where=where) for lines in (("old",), ("new", "lines")))  # type: ignore[arg-type]
    foreign = FileState("/home/dan/f", "file", 0o640, "dan:dan", "", before)
    first = put_of(list(old.apply(foreign, old.diff(foreign)))).content
    assert first.replace(b"# sparkctl lab begin\nold\n# sparkctl lab end\n", b"") in (before, before + b"\n")

    between = FileState("/home/dan/f", "file", 0o640, "dan:dan", "", first + after)
    assert not old.diff(between)
    second = put_of(list(new.apply(between, new.diff(between))))
    assert second.content == (first + after).replace(b"begin\nold\n", b"begin\nnew\nlines\n")
    assert second.mode == 0o640


@pytest.mark.parametrize(
    "content",
    [
        b"# sparkctl lab begin\nx\n",
        b"# sparkctl lab end\n",
        b"# sparkctl lab end\n# sparkctl lab begin\n",
        b"# sparkctl lab begin\n# sparkctl lab begin\n# sparkctl lab end\n",
    ],
)
def test_markers_that_do_not_pair_up_are_for_people_to_mend(content: bytes) -> None:
    block = ManagedBlock("~/f", "lab", ("x",))
    diff = block.diff(FileState("/home/dan/f", "file", 0o600, "dan:dan", "", content))
    assert diff.refuse is not None and "do not pair up" in diff.refuse


def test_a_block_that_an_editor_gave_dos_line_ends_is_written_anew() -> None:
    block = ManagedBlock("~/f", "lab", ("x",))
    seen = FileState("/f", "file", 0o600, "dan:dan", "", b"a\r\n# sparkctl lab begin\r\nx\r\n# sparkctl lab end\r\nz")
    assert put_of(list(block.apply(seen, block.diff(seen)))).content == (
        b"a\r\n# sparkctl lab begin\nx\n# sparkctl lab end\nz"
    )


def test_a_key_that_is_there_is_never_written_over() -> None:
    diff = NodeKey("c").diff(KeyPair("/home/dan", None, "incorrect passphrase supplied to decrypt private key"))
    assert diff.refuse is not None and "passphrase" in diff.refuse


def test_authorized_keys_keeps_foreign_lines_and_replaces_its_own() -> None:
    laptop = 'from="10.0.0.0/8" ssh-rsa AAAA me@laptop'
    other = "ssh-ed25519 CCCC sparkctl:other-cluster:spark-2"
    seen = FileState(
        "/k", "file", 0o664, "dan:dan", "", f"{laptop}\nssh-ed25519 OLD sparkctl:lab:spark-2\n{other}".encode()
    )
    wanted = AuthorizedKeys("lab", {"spark-3": "ssh-ed25519 NEW3", "spark-2": "ssh-ed25519 NEW2"})
    diff = wanted.diff(seen)
    assert changes(diff) == [
        "~/.ssh/authorized_keys sparkctl:lab:spark-2: another key -> the peer's key",
        "~/.ssh/authorized_keys sparkctl:lab:spark-3: absent -> the peer's key",
        "~/.ssh/authorized_keys mode: 0664 -> 0600",
    ]
    put = put_of(list(wanted.apply(seen, diff)))
    assert put.mode == 0o600
    assert put.content.decode().splitlines() == [
        laptop,
        other,
        "ssh-ed25519 NEW2 sparkctl:lab:spark-2",
        "ssh-ed25519 NEW3 sparkctl:lab:spark-3",
    ]


def test_a_directory_that_a_container_filled_as_root_is_for_people_to_decide() -> None:
    host = SimulatedHost(directories={CACHE: Entry(b"", 0o755, "root:root", "directory")})
    file(f"{CACHE}/hub/model", "")(host)
    diff = Directory(CACHE).diff(value(host, Directory(CACHE).fact))
    assert diff.refuse == f"{CACHE} belongs to root and is not empty"
    assert diff.hint == f"sudo chown -R dan: {CACHE}"
    read_only = Directory(CACHE, owned=False)
    assert not read_only.diff(value(host, read_only.fact))
