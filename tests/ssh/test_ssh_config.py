from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import pytest

from sparkctl.errors import ConfigError
from sparkctl.ssh import config
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.config import parse_answer, parse_jump, resolve

NEEDS_SSH = pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is needed")


@pytest.fixture
def ssh_config(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """The user's ssh_config, which `ssh -G` is made to read instead of the one in the password file's home."""
    file = home / ".ssh" / "config"
    file.parent.mkdir(mode=0o700)
    program = home / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {file} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return file


def test_without_any_configuration_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_configured", lambda: False)
    monkeypatch.setattr(config.subprocess, "run", lambda *_, **__: pytest.fail("ssh was asked"))
    found = resolve(Endpoint("spark-1", "192.168.1.21"))
    assert (found.address, found.port, found.user) == ("192.168.1.21", 22, getpass.getuser())
    assert not found.explicit_identity
    assert [Path(file).name for file in found.identity_files] == ["id_ed25519", "id_ecdsa", "id_rsa"]
    assert found.known_name == "192.168.1.21"


@NEEDS_SSH
def test_ssh_config_fills_what_the_inventory_leaves_open(ssh_config: Path) -> None:
    ssh_config.write_text(
        "Host spark-a\n  HostName 10.1.2.3\n  Port 2222\n  User carol\n  IdentityFile %d/.ssh/lab\n"
        "  IdentitiesOnly yes\n  IdentityAgent none\n"
    )
    found = resolve(Endpoint("spark-1", "spark-a"))
    assert (found.address, found.port, found.user) == ("10.1.2.3", 2222, "carol")
    assert (found.agent, found.identities_only, found.explicit_identity) == (None, True, False)
    assert found.identity_files[0] == str(Path.home() / ".ssh" / "lab")
    assert found.known_name == "[10.1.2.3]:2222"


@NEEDS_SSH
def test_the_inventory_wins(ssh_config: Path) -> None:
    ssh_config.write_text("Host *\n  Port 2222\n  User carol\n  IdentityFile ~/.ssh/lab\n  ProxyJump other\n")
    bastion = Endpoint("bastion", "10.9.9.9", jump="none")
    found = resolve(Endpoint("spark-1", "10.1.1.1", 2201, "dan", "/k/id", jump="bastion"), {"bastion": bastion})
    assert (found.port, found.user, found.identity_files) == (2201, "dan", ("/k/id",))
    assert found.explicit_identity
    assert found.jump is not None
    assert found.jump.address == "10.9.9.9"


@NEEDS_SSH
def test_a_jump_from_ssh_config_and_its_own_settings(ssh_config: Path) -> None:
    ssh_config.write_text("Host spark-*\n  ProxyJump bob@gate:2022\nHost gate\n  HostName 203.0.113.7\n")
    found = resolve(Endpoint("spark-1", "spark-1.lan"))
    assert found.jump is not None
    assert (found.jump.address, found.jump.port, found.jump.user) == ("203.0.113.7", 2022, "bob")


@NEEDS_SSH
def test_a_proxy_command_is_named_not_ignored(ssh_config: Path) -> None:
    ssh_config.write_text("Host *\n  ProxyCommand nc -X 5 %h %p\n")
    with pytest.raises(ConfigError, match="ProxyCommand") as caught:
        resolve(Endpoint("spark-1", "10.1.1.1"))
    assert "ssh.jump" in str(caught.value.hint)


@NEEDS_SSH
def test_a_broken_ssh_config_is_told_with_its_line(ssh_config: Path) -> None:
    ssh_config.write_text("Host *\n  Port notaport\n")
    with pytest.raises(ConfigError, match="ssh -G refused it") as caught:
        resolve(Endpoint("spark-1", "10.1.1.1"))
    assert "line 2" in str(caught.value.evidence)


@NEEDS_SSH
def test_a_match_exec_that_hangs_does_not_hang_us(ssh_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_ASK_SECONDS", 0.3)
    ssh_config.write_text('Match exec "sleep 3"\n  User carol\n')
    with pytest.raises(ConfigError, match="did not answer"):
        resolve(Endpoint("spark-1", "10.1.1.1"))


HOSTILE = [
    "-oProxyCommand=x",
    "a b",
    "$(id)",
    "`id`",
    "a\nb",
    "a;b",
    "",
    "../x",
    "a'b",
    "h\x00",
    "x" * 256,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_never_reach_ssh(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.subprocess, "run", lambda *_, **__: pytest.fail("ssh was asked"))
    with pytest.raises(ConfigError):
        resolve(Endpoint("spark-1", value))
    with pytest.raises(ConfigError):
        resolve(Endpoint("spark-1", "10.1.1.1", user=value))
    if value:
        with pytest.raises(ConfigError):
            parse_jump(value, {})


@pytest.mark.parametrize("option", [("ProxyCommand", "x"), ("LocalCommand", "x"), ("forwardagent", "yes")])
def test_options_that_run_things_are_refused(option: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="is not one of"):
        resolve(Endpoint("spark-1", "10.1.1.1", options=(option,)))


def test_jump_hosts_may_not_go_in_a_circle() -> None:
    hosts = {"a": Endpoint("a", "10.0.0.1", jump="b"), "b": Endpoint("b", "10.0.0.2", jump="a")}
    with pytest.raises(ConfigError, match="circle"):
        resolve(hosts["a"], hosts)


@pytest.mark.parametrize(
    ("way", "address", "port", "user", "before"),
    [
        ("gate", "gate", 22, None, None),
        ("bob@gate:2022", "gate", 2022, "bob", None),
        ("[fe80::1]:2022", "fe80::1", 2022, None, None),
        ("ssh://bob@gate:2022", "gate", 2022, "bob", None),
        ("one,bob@two", "two", 22, "bob", "one"),
    ],
)
def test_jumps_as_openssh_writes_them(way: str, address: str, port: int, user: str | None, before: str | None) -> None:
    hop = parse_jump(way, {})
    assert (hop.address, hop.port, hop.user, hop.jump) == (address, port, user, before)


def test_a_word_may_come_more_than_once() -> None:
    said = parse_answer("user dan\nidentityfile ~/.ssh/a\nidentityfile ~/.ssh/b c\nport 22\n")
    assert said["identityfile"] == ("~/.ssh/a", "~/.ssh/b c")


@pytest.mark.parametrize(
    ("text", "matters"),
    [
        ("Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n", False),
        ("Include /etc/ssh/ssh_config.d/*.conf\n", False),
        ("# Port 22\n", False),
        ("Host x\n\tport 2222\n", True),
        ("Include ~/.ssh/more\n", True),
        ("match user x\n", True),
        ("PROXYJUMP gate\n", True),
        ("IdentityFile=~/.ssh/x\n", True),
    ],
)
def test_which_configurations_are_worth_a_question(text: str, matters: bool) -> None:
    assert bool(config._WORDS.search(text)) is matters
