from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.errors import ConfigError, HostKeyError
from sparkctl.ssh.hostkeys import HostKey, KnownHosts, known_name
from tests.support.sshd import keygen


def key(name: str = "192.168.1.21", seed: int = 1, kind: str = "ssh-ed25519", comment: str = "spark-1") -> HostKey:
    raw = len(kind).to_bytes(4, "big") + kind.encode() + bytes([seed]) * 36
    return HostKey(name, kind, base64.b64encode(raw).decode(), comment)


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "clusters" / "pair" / "known_hosts")


def test_a_missing_file_pins_nothing(known: KnownHosts) -> None:
    assert known.all() == ()
    assert known.state(key()) == "new"
    assert not known.path.exists()


def test_pin_then_know_then_refuse_another(known: KnownHosts) -> None:
    assert known.pin([key(), key("192.168.1.22", 2, comment="spark-2")]) == known.all()
    assert known.pin([key()]) == ()
    assert known.state(key()) == "pinned"
    assert known.state(key(seed=9)) == "changed"
    with pytest.raises(HostKeyError, match="not the pinned one") as caught:
        known.pin([key(seed=9)])
    assert caught.value.hint == "sparkctl trust --forget spark-1"
    assert str(caught.value.evidence).count("SHA256:") == 2
    assert known.state(key()) == "pinned"


def test_the_file_is_private_and_nothing_else_is_left(known: KnownHosts) -> None:
    known.pin([key()])
    assert known.path.stat().st_mode & 0o777 == 0o600
    assert known.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in known.path.parent.iterdir()] == ["known_hosts"]


@pytest.mark.parametrize("by", ["spark-1", "SPARK-1", "192.168.1.21"])
def test_forget_by_inventory_name_or_address(known: KnownHosts, by: str) -> None:
    other = key("192.168.1.22", 2, comment="spark-2")
    known.pin([key(), other])
    assert known.forget(by) == (key(),)
    assert known.all() == (other,)
    assert known.forget(by) == ()
    known.pin([key(seed=9)])
    assert known.state(key(seed=9)) == "pinned"


def test_require_says_which_of_the_two_it_is(known: KnownHosts) -> None:
    with pytest.raises(HostKeyError, match="not pinned yet") as caught:
        known.require("spark-1", key())
    assert (caught.value.hint, caught.value.host, caught.value.exit_code) == ("sparkctl trust", "spark-1", 4)
    known.pin([key()])
    known.require("spark-1", key())
    with pytest.raises(HostKeyError, match="not the pinned one"):
        known.require("spark-1", key(kind="ssh-rsa", seed=3))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(known: KnownHosts, mode: int) -> None:
    known.pin([key()])
    known.path.chmod(mode)
    with pytest.raises(ConfigError, match="others may write") as caught:
        known.all()
    assert str(caught.value.hint).startswith("chmod go-w")


def test_a_directory_that_others_can_write_is_refused(known: KnownHosts) -> None:
    known.pin([key()])
    known.path.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="others may write"):
        known.all()


def test_a_foreign_file_is_refused(known: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    known.pin([key()])
    os.chown(known.path, 12345, 12345)
    with pytest.raises(ConfigError, match="another user"):
        known.all()
    monkeypatch.setenv("SUDO_UID", "12345")
    assert known.state(key()) == "pinned"


def test_a_symbolic_link_is_not_followed(known: KnownHosts, tmp_path: Path) -> None:
    known.pin([key()])
    real = known.path.rename(tmp_path / "elsewhere")
    known.path.symlink_to(real)
    with pytest.raises(ConfigError, match="symbolic link"):
        known.all()


@pytest.mark.parametrize(
    "line",
    [
        "192.168.1.21 ssh-ed25519",
        "192.168.1.21 ssh-ed25519 not-base64!",
        "192.168.1.21 ssh-rsa " + key().blob,
        "@cert-authority * ssh-ed25519 " + key().blob,
        "|1|c2FsdA==|aGFzaA== ssh-ed25519 " + key().blob,
        "one-word",
    ],
)
def test_a_broken_line_is_named(known: KnownHosts, line: str) -> None:
    known.pin([key("10.0.0.1")])
    known.path.write_text(known.path.read_text() + "\n# comment\n" + line + "\n")
    with pytest.raises(ConfigError, match="line 4") as caught:
        known.all()
    assert caught.value.location is not None
    assert caught.value.location.line == 4


def test_a_file_that_is_no_text_is_an_error_not_a_crash(known: KnownHosts) -> None:
    known.pin([key()])
    known.path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not text"):
        known.all()


@pytest.mark.parametrize("cluster", ["../../etc", "", ".hidden", "a/b", "-x", "a" * 65, "a\nb"])
def test_a_cluster_name_is_no_path(cluster: str) -> None:
    with pytest.raises(ConfigError):
        KnownHosts.for_cluster(cluster)


def test_where_a_clusters_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert KnownHosts.for_cluster("pair").path == tmp_path / "sparkctl" / "clusters" / "pair" / "known_hosts"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_fingerprints_read_as_openssh_prints_them(tmp_path: Path, kind: str) -> None:
    keygen(tmp_path / "key", kind)
    words = (tmp_path / "key.pub").read_text().split()
    printed = subprocess.run(
        ["ssh-keygen", "-lf", str(tmp_path / "key.pub")], capture_output=True, text=True, check=True
    )
    assert HostKey("h", words[0], words[1]).fingerprint == printed.stdout.split()[1]


def test_openssh_finds_what_we_pin(known: KnownHosts) -> None:
    known.pin([key(known_name("Spark.Local", 2222))])
    found = subprocess.run(
        ["ssh-keygen", "-F", "[spark.local]:2222", "-f", str(known.path)], capture_output=True, text=True, check=True
    )
    assert key().blob in found.stdout


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=8))
def test_one_name_never_gets_a_second_key(
    tmp_path_factory: pytest.TempPathFactory, tried: list[tuple[int, int]]
) -> None:
    known = KnownHosts(tmp_path_factory.mktemp("known") / "c" / "known_hosts")
    first: dict[str, int] = {}
    for host, seed in tried:
        name = f"10.0.0.{host}"
        if first.setdefault(name, seed) == seed:
            known.pin([key(name, seed)])
        else:
            with pytest.raises(HostKeyError):
                known.pin([key(name, seed)])
    assert {one.name: one.blob for one in known.all()} == {name: key(name, seed).blob for name, seed in first.items()}
