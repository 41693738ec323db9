"""The OpenSSH command line for what needs a terminal: it pins the same keys and never asks about others."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping

from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.config import parse_jump
from sparkctl.ssh.faults import CONNECT_SECONDS
from sparkctl.ssh.hostkeys import KnownHosts

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")  # what every login shell, csh and fish too, leaves as it is
_TARGET = "[%h]:%p"


def openssh_argv(
    endpoint: Endpoint,
    known_hosts: KnownHosts,
    argv: tuple[str, ...] = (),
    tty: bool = True,
    others: Mapping[str, Endpoint] | None = None,
) -> tuple[str, ...]:
    """`ssh …` for exec(3): a login shell without `argv`, else that command. Pure; ssh itself reads ssh_config.

    `endpoint` must have passed `config.resolve`, which refuses hostile values.
    """
    command = [*_ssh(endpoint, known_hosts, others or {}), "-t" if tty else "-T", "--", endpoint.address]
    return (*command, remote_line(argv)) if argv else tuple(command)


def remote_line(argv: tuple[str, ...]) -> str:
    """`argv` as one line that any login shell reads alike; base64 carries what shells quote differently."""
    if all(_PLAIN_WORD.fullmatch(word) for word in argv) and "=" not in argv[0]:
        return " ".join(argv)
    code = base64.b64encode(shlex.join(argv).encode("utf-8", "surrogateescape")).decode()
    return f"exec sh -c 'eval \"$(echo {code} | base64 -d)\"'"


def _ssh(endpoint: Endpoint, known_hosts: KnownHosts, others: Mapping[str, Endpoint]) -> list[str]:
    options = {
        "UserKnownHostsFile": f'"{_percent(str(known_hosts.path))}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "ForwardAgent": "no",
        "ConnectTimeout": f"{CONNECT_SECONDS:.0f}",
        "ServerAliveInterval": "2",
        "ServerAliveCountMax": "3",
    }
    if endpoint.identity_file:
        options |= {"IdentityFile": f'"{_percent(endpoint.identity_file)}"', "IdentitiesOnly": "yes"}
    if endpoint.jump:
        # Not ProxyJump: the ssh that it starts for the jump host would not be given our known_hosts.
        hop = parse_jump(endpoint.jump, others)
        through = [*_ssh(hop, known_hosts, others), "-W", _TARGET, "--", hop.address]
        options["ProxyCommand"] = _keep_tokens(through)
    command = ["ssh", *[part for name, value in options.items() for part in ("-o", f"{name}={value}")]]
    command += [part for name, value in endpoint.options for part in ("-o", f"{name}={value}")]
    if endpoint.user:
        command += ["-l", endpoint.user]
    if endpoint.port != 22:
        command += ["-p", str(endpoint.port)]
    return command


def _percent(text: str) -> str:
    """ssh_config(5) TOKENS: a percent sign is written twice."""
    return text.replace("%", "%%")


def _keep_tokens(argv: list[str]) -> str:
    """The command of a ProxyCommand: quoted for the shell, percent signs doubled but for its own %h and %p."""
    return " ".join(f"'{word}'" if word == _TARGET else _percent(shlex.quote(word)) for word in argv)
