from __future__ import annotations

import base64
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.hostkeys import KnownHosts
from sparkctl.ssh.openssh import openssh_argv, remote_line
from tests.support.sshd import Farm, Sshd

NEEDS_SSH = pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is needed")


def test_the_line_that_exec_gets() -> None:
    endpoint = Endpoint("spark-1", "192.168.1.21", 2222, "dan", "/keys/id")
    argv = openssh_argv(endpoint, KnownHosts(Path("/c/100% mine/known_hosts")), ("docker", "ps"))
    assert argv[0] == "ssh"
    assert argv[-3:] == ("--", "192.168.1.21", "docker ps")
    for option in (
        'UserKnownHostsFile="/c/100%% mine/known_hosts"',
        "StrictHostKeyChecking=yes",
        "ForwardAgent=no",
        "PasswordAuthentication=no",
        'IdentityFile="/keys/id"',
    ):
        assert argv[argv.index(option) - 1] == "-o"
    assert ("-t" in argv, "-T" in argv) == (True, False)
    assert argv[argv.index("-l") + 1] == "dan"
    assert argv[argv.index("-p") + 1] == "2222"
    assert openssh_argv(endpoint, KnownHosts(Path("/k")), (), tty=False)[-2:] == ("--", "192.168.1.21")


@pytest.mark.parametrize("argv", [("echo", "a b"), ("echo", "$(id)"), ("echo", "it's", "!x", "a\nb"), ("A=b", "x")])
def test_what_shells_quote_differently_travels_in_base64(argv: tuple[str, ...]) -> None:
    line = remote_line(argv)
    assert not set(line) & set("\n\\!`;&*?~")
    code = line.split("echo ")[1].split(" ")[0]
    assert base64.b64decode(code)
    for shell in ("sh", "bash", "tcsh", "fish"):
        if argv[0] == "echo" and shutil.which(shell):
            said = subprocess.run([shell, "-c", line], capture_output=True, text=True, timeout=10)
            assert said.stdout.strip() == " ".join(argv[1:])


@NEEDS_SSH
def test_openssh_accepts_our_line_and_our_keys(farm: Farm, sshd: Sshd) -> None:
    known = farm.known_hosts(sshd, name="with a 100% space")
    argv = openssh_argv(sshd.endpoint, known, ("printf", "%s|", "a b", "$HOME"), tty=False)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "a b|$HOME|"), done.stderr


@NEEDS_SSH
def test_openssh_refuses_what_we_have_not_pinned(farm: Farm, sshd: Sshd, tmp_path: Path) -> None:
    argv = openssh_argv(sshd.endpoint, KnownHosts(tmp_path / "known_hosts"), ("true",), tty=False)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


@NEEDS_SSH
def test_openssh_jumps_with_our_keys_for_both(farm: Farm, sshd: Sshd) -> None:
    gate = farm.start("gate")
    inner = farm.start("inner")
    known = farm.known_hosts(gate, inner, sshd, name="gate's 100% own")
    others = {"gate": gate.endpoint, "inner": replace(inner.endpoint, jump="gate")}
    for way in ("gate", "inner"):
        argv = openssh_argv(replace(sshd.endpoint, jump=way), known, ("echo", "there"), tty=False, others=others)
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (0, "there\n"), done.stderr
