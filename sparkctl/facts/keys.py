"""SSH keys of a node: its own pair for talking to the other nodes, and its host key."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require

KEY = "~/.ssh/id_ed25519_sparkctl"
"""The pair is made on the node and its private half never leaves it."""

_PUBLIC = re.compile(r"(ssh-ed25519) ([A-Za-z0-9+/]{68,}={0,2})(?: .*)?\Z")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`public` is `ssh-ed25519 BASE64` without its comment, None where there is no pair. `unusable` says why ssh-keygen
    cannot read a private key that is there (a passphrase, rights)."""

    home: str
    public: str | None
    unusable: str = ""


_PAIR = r"""
printf '%s\n' "$HOME"
key="$HOME/.ssh/id_ed25519_sparkctl"
[ -e "$key" ] || { echo absent; exit 0; }
if said=$(ssh-keygen -y -P '' -f "$key" 2>&1); then printf 'public\n%s\n' "$said"
else printf 'unusable\n%s\n' "$said"; fi
"""


def parse_key_pair(output: Output) -> KeyPair:
    said = require(output).splitlines()
    if len(said) < 2 or not said[0].startswith("/"):
        raise FactUnavailable("the answer about the key was cut off")
    if said[1] == "absent":
        return KeyPair(said[0], None)
    if said[1] == "public" and len(said) > 2 and (public := bare(said[-1])) is not None:
        return KeyPair(said[0], public)
    return KeyPair(said[0], None, unusable=(said[-1] if len(said) > 2 else "it cannot be read")[:200])


def bare(line: str) -> str | None:
    """An ed25519 public key without its comment; None for anything else (the peers get to read this line)."""
    match = _PUBLIC.match(line.strip())
    return f"{match.group(1)} {match.group(2)}" if match else None


KEY_PAIR: Fact[KeyPair] = Fact("ssh-key", _PAIR, parse_key_pair)


def parse_public_key(output: Output) -> str:
    pair = parse_key_pair(output)
    if pair.public is None:
        raise FactUnavailable(pair.unusable or "this node has no key of its own yet")
    return pair.public


PUBLIC_KEY: Fact[str] = Fact("ssh-public-key", _PAIR, parse_public_key)
"""The public key that the peers shall let in; unknowable until the pair is made."""


def parse_host_key(output: Output) -> str:
    public = bare(require(output).strip())
    if public is None:
        raise FactUnavailable("its sshd has no ed25519 host key", hint="sudo ssh-keygen -A")
    return public


HOST_KEY: Fact[str] = Fact("ssh-host-key", "cat /etc/ssh/ssh_host_ed25519_key.pub", parse_host_key)
"""Read over our own connection, whose host key was pinned: so the nodes pin what the controller verified."""


def peer_login(name: str) -> Fact[str]:
    """Whether this node can log in to the peer that its ssh configuration calls `name`; the value is the user there."""
    options = "-o BatchMode=yes -o ConnectTimeout=5 -o ConnectionAttempts=1"
    snippet = f"ssh {options} -- {shlex.quote(name)} id -un"
    return Fact(f"peer-login {name}", snippet, lambda output: require(output).strip(), timeout=10)
