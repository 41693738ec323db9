from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkctl.errors import ConfigError, HostKeyError
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.connection import SshTransport
from sparkctl.ssh.hostkeys import KnownHosts
from sparkctl.ssh.trust import TrustItem, forget, inspect, pin, scan
from tests.support.sshd import Farm, Sshd, free_port, keygen


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "clusters" / "pair" / "known_hosts")


def test_from_new_to_pinned_to_changed_to_forgotten(farm: Farm, known: KnownHosts) -> None:
    one, two = farm.start("trust-1"), farm.start("trust-2", key_type="ecdsa")
    down = Endpoint("trust-3", "127.0.0.1", free_port(), "dan")
    endpoints = [one.endpoint, two.endpoint, down]

    items = inspect(endpoints, known)
    assert [(item.host, item.state) for item in items] == [
        ("trust-1", "new"),
        ("trust-2", "new"),
        ("trust-3", "unreachable"),
    ]
    assert [item.key for item in items] == [one.host_key, two.host_key, None]
    assert "refused" in str(items[2].refusal)
    assert not known.path.exists()

    assert pin(items, known) == (one.host_key, two.host_key)
    assert [item.state for item in inspect(endpoints[:2], known)] == ["pinned", "pinned"]
    assert pin(inspect(endpoints[:2], known), known) == ()

    other = replace(two.host_key, name=one.host_key.name, comment="trust-1")
    known.forget("trust-1")
    known.pin([other])
    [item] = inspect([one.endpoint], known)
    assert (item.state, item.key, item.pinned) == ("changed", one.host_key, (other,))
    assert isinstance(item.refusal, HostKeyError)
    assert pin([item], known) == ()
    assert known.keys(one.host_key.name) == (other,)

    assert forget("trust-1", [one.endpoint], known) == (other,)
    assert [item.state for item in inspect([one.endpoint], known)] == ["new"]
    assert "Accepted publickey" not in one.log


def test_pinning_what_meanwhile_has_another_key_is_refused(known: KnownHosts, sshd: Sshd, farm: Farm) -> None:
    items = inspect([sshd.endpoint], known)
    other = farm.start("other-key").host_key
    known.pin([replace(other, name=sshd.host_key.name)])
    with pytest.raises(HostKeyError):
        pin(items, known)


def test_events_come_as_hosts_answer(known: KnownHosts, sshd: Sshd) -> None:
    seen: list[TrustItem] = []
    items = inspect([sshd.endpoint], known, on_event=seen.append)
    assert seen == items


def test_behind_a_jump_host_trust_comes_in_two_steps(farm: Farm, sshd: Sshd, known: KnownHosts) -> None:
    gate = farm.start("gate")
    others = {"gate": gate.endpoint}
    endpoint = replace(sshd.endpoint, jump="gate")
    items = inspect([endpoint], known, others=others)
    assert [(item.host, item.state) for item in items] == [("gate", "new"), ("spark-1", "unreachable")]
    assert "behind gate" in str(items[1].refusal)
    pin(items, known)
    items = inspect([endpoint], known, others=others)
    assert [(item.host, item.state) for item in items] == [("gate", "pinned"), ("spark-1", "new")]
    pin(items, known)
    assert scan(endpoint, known, others=others) == [sshd.host_key]
    door = SshTransport(endpoint, known, others=others)
    door.connect()
    door.close()


def test_a_scan_prefers_ed25519_but_asks_for_the_pinned_kind(farm: Farm, known: KnownHosts) -> None:
    keygen(farm.folder / "rsa_beside", "rsa")
    server = farm.start("two-keys", f"HostKey {farm.folder}/rsa_beside")
    assert scan(server.endpoint) == [server.host_key]
    kind, blob = (farm.folder / "rsa_beside.pub").read_text().split()[:2]
    known.pin([replace(server.host_key, kind=kind, blob=blob)])
    assert [item.state for item in inspect([server.endpoint], known)] == ["pinned"]


def test_a_broken_file_stops_before_any_host_is_asked(known: KnownHosts, sshd: Sshd) -> None:
    known.pin([sshd.host_key])
    known.path.write_text("broken\n")
    with pytest.raises(ConfigError, match="line 1"):
        inspect([sshd.endpoint], known)
