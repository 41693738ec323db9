"""From what went wrong on the way to a host to one sentence and one command."""

from __future__ import annotations

import errno
import socket

from sparkctl.errors import AuthenticationError, SparkctlError, UnreachableError
from sparkctl.ssh.config import Resolved
from sparkctl.ssh.plain import excerpt

CONNECT_SECONDS = 5.0
"""Until the TCP connection stands."""
BANNER_SECONDS = 8.0
"""Until sshd has said its first line, and until the keys are exchanged."""
AUTH_SECONDS = 15.0
"""For one attempt to authenticate."""
CHANNEL_SECONDS = 10.0
"""Until sshd has opened a channel."""


class Dropped(UnreachableError):
    """sshd closed the connection before its banner: too many at once. Nothing was sent, trying again is safe."""


def _doing(to: Resolved) -> str:
    through = f" through {to.jump.host}" if to.jump else ""
    return f"connecting to {to.host} ({to.place}{through})"


def connect_failure(to: Resolved, error: OSError) -> UnreachableError:
    """The TCP connection did not come about."""
    if isinstance(error, socket.gaierror):
        cause = f"the name {to.address} does not resolve"
        hint = f"set hosts.{to.host}.address to an IP address, or check: getent hosts {to.address}"
    elif isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        cause = f"no answer within {CONNECT_SECONDS:.0f} s; it is off, or the address is wrong, or a firewall drops it"
        hint = f"ping -c 3 {to.address}"
    elif isinstance(error, ConnectionRefusedError):
        cause = f"refused; it is up but no sshd listens on port {to.port}"
        hint = f"on {to.host}: sudo systemctl enable --now ssh"
    elif error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        cause = "no route; this machine is on another network, or the host is off"
        hint = f"ip route get {to.address}"
    else:
        cause = (error.strerror or str(error) or type(error).__name__).lower()
        hint = f"ping -c 3 {to.address}"
    return UnreachableError(f"{_doing(to)}: {cause}", host=to.host, hint=hint)


def dropped(to: Resolved, said: bytes) -> UnreachableError:
    """The connection ended before a banner. sshd's own refusals are in its session.c and sshd.c."""
    words = excerpt(said.decode("utf-8", "replace"), lines=2) or None
    if said.startswith(b"Not allowed at this time"):  # PerSourcePenalties, OpenSSH >= 9.8: trying again prolongs it
        return UnreachableError(
            f"{_doing(to)}: sshd refuses this machine for a while, after failed logins (PerSourcePenalties)",
            host=to.host,
            hint="wait a minute, then try again",
            evidence=words,
        )
    return Dropped(
        f"{_doing(to)}: sshd closed the connection before its banner; too many logins at once, or we are banned",
        host=to.host,
        hint=f"on {to.host}: sudo journalctl -u ssh -n 20",
        evidence=words,
    )


def no_banner(to: Resolved) -> UnreachableError:
    """Connected, and then silence."""
    return UnreachableError(
        f"{_doing(to)}: it accepts the connection but no SSH banner came within {BANNER_SECONDS:.0f} s; "
        "sshd hangs, or another service has the port",
        host=to.host,
        hint=f"on {to.host}: sudo systemctl restart ssh",
    )


def not_ssh(to: Resolved, said: bytes) -> UnreachableError:
    """Something else answers on the port."""
    return UnreachableError(
        f"{_doing(to)}: what answers on port {to.port} is not an SSH server",
        host=to.host,
        hint=f"set hosts.{to.host}.ssh.port in the inventory",
        evidence=excerpt(said.decode("utf-8", "replace"), lines=2),
    )


def no_agreement(to: Resolved, detail: str) -> UnreachableError:
    """The key exchange failed."""
    return UnreachableError(
        f"{_doing(to)}: no key exchange; its sshd is too old or only has algorithms that are no longer safe",
        host=to.host,
        hint=f"on {to.host}: sudo apt-get install --only-upgrade openssh-server",
        evidence=excerpt(detail, lines=2),
    )


def broken_exchange(to: Resolved, silent: bool) -> UnreachableError:
    """sshd said its banner, and then the connection went silent or ended. Silence there is how a wrong MTU looks."""
    if silent:
        return UnreachableError(
            f"{_doing(to)}: silence in the key exchange; large packets get lost (MTU), or sshd hangs",
            host=to.host,
            hint=f"ping -c 3 -M do -s 1472 {to.address}",
        )
    return UnreachableError(
        f"{_doing(to)}: sshd ended the connection in the key exchange",
        host=to.host,
        hint=f"on {to.host}: sudo journalctl -u ssh -n 20",
    )


def through_jump(to: Resolved, error: SparkctlError) -> UnreachableError:
    """The jump host could not be reached, or could not reach the target."""
    kind = type(error) if isinstance(error, UnreachableError) and not isinstance(error, Dropped) else UnreachableError
    via = to.jump.host if to.jump else "its jump host"
    return kind(f"{_doing(to)}: {via} failed: {error.message}", host=to.host, hint=error.hint, evidence=error.evidence)


def jump_refused(to: Resolved, detail: str) -> UnreachableError:
    """The jump host is fine but would not or could not connect onwards."""
    via = to.jump.host if to.jump else "the jump host"
    return UnreachableError(
        f"{_doing(to)}: {via} could not connect to it",
        host=to.host,
        hint=f"on {via}: nc -vz {to.address} {to.port}",
        evidence=excerpt(detail, lines=2),
    )


def refused_login(to: Resolved, tried: tuple[str, ...], banner: str) -> AuthenticationError:
    """No key was accepted."""
    if not tried:
        return AuthenticationError(
            f"logging in to {to.host} as {to.user}: no key to offer; no agent holds one and no key file exists",
            host=to.host,
            hint=f"ssh-keygen -t ed25519 && {_copy_id(to)}",
        )
    return AuthenticationError(
        f"logging in to {to.host} as {to.user}: none of our keys is accepted",
        host=to.host,
        hint=_copy_id(to),
        evidence=excerpt("\n".join((*[f"offered {one}" for one in tried], banner))),
    )


def closed_login(to: Resolved, banner: str, detail: str) -> AuthenticationError:
    """sshd hung up while we authenticated: PAM's account stage, AllowUsers, or too many keys."""
    return AuthenticationError(
        f"logging in to {to.host} as {to.user}: sshd closed the connection; the account is locked or expired, "
        "not allowed (AllowUsers), or logins are off (booting up)",
        host=to.host,
        hint=f"on {to.host}: sudo journalctl -u ssh -n 20; sudo chage -l {to.user}",
        evidence=excerpt(f"{banner}\n{detail}") or None,
    )


def slow_login(to: Resolved) -> AuthenticationError:
    """No answer to our authentication."""
    return AuthenticationError(
        f"logging in to {to.host} as {to.user}: no answer within {AUTH_SECONDS:.0f} s",
        host=to.host,
        hint=f"on {to.host}: sudo journalctl -u ssh -n 20",
    )


def _copy_id(to: Resolved) -> str:
    port = f" -p {to.port}" if to.port != 22 else ""
    key = f" -i {to.identity_files[0]}" if to.explicit_identity else ""
    return f"ssh-copy-id{key}{port} {to.user}@{to.address}"


# What a login that runs nothing says of itself: login(1), PAM's pam_unix and pam_nologin, sshd's session.c.
_NO_SHELL = (
    ("password has expired", "the account's password has expired", "ssh -t {user}@{address}  # and choose a new one"),
    (
        "password change required",
        "the account's password has expired",
        "ssh -t {user}@{address}  # and choose a new one",
    ),
    (
        "account is currently not available",
        "the account has no login shell",
        "on {host}: sudo chsh -s /bin/bash {user}",
    ),
    ("account has expired", "the account has expired", "on {host}: sudo chage -E -1 {user}"),
    ("not permitted to log in yet", "it is still booting up", "wait a minute, then try again"),
    ("system is going down", "it is shutting down", "wait until it is up again"),
)


def ran_nothing(to: Resolved, said: str) -> UnreachableError:
    """Logged in, yet the command line was not run: the login shell or the account stands in the way."""
    for words, cause, hint in _NO_SHELL:
        if words in said.lower():
            return AuthenticationError(
                f"logging in to {to.host} as {to.user}: {cause}",
                host=to.host,
                hint=hint.format(user=to.user, address=to.address, host=to.host),
                evidence=excerpt(said),
            )
    return UnreachableError(
        f"logging in to {to.host} as {to.user}: the login shell ended without running anything",
        host=to.host,
        hint=f"ssh {to.user}@{to.address} true",
        evidence=excerpt(said) or None,
    )
