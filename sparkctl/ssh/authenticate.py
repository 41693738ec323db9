"""Proving who we are: by the identity file, by the agent, never by password and never by forwarding the agent."""

from __future__ import annotations

import base64
import functools
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.agent import AgentSSH
from paramiko.pkey import UnknownKeyType

from sparkctl.errors import AuthenticationError, ConfigError
from sparkctl.ssh import faults
from sparkctl.ssh.config import Resolved
from sparkctl.ssh.plain import plain

MAX_KEYS = 5
"""Keys offered before giving up; sshd hangs up at the sixth failure (MaxAuthTries, sshd_config(5))."""
_MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class _Offer:
    key: paramiko.PKey
    what: str


def authenticate(transport: paramiko.Transport, to: Resolved) -> None:
    """Log in on a transport whose host key is verified. Raises `AuthenticationError` or `ConfigError`."""
    tried: list[str] = []
    with _agent(to) as held:
        for offer in _offers(to, held):
            if len(tried) == MAX_KEYS:
                break
            tried.append(offer.what)
            if _accepted(transport, to, offer.key):
                return
    raise faults.refused_login(to, tuple(tried), _banner(transport))


def _accepted(transport: paramiko.Transport, to: Resolved, key: paramiko.PKey) -> bool:
    try:
        further = transport.auth_publickey(to.user, key)
    except paramiko.BadAuthenticationType as error:
        raise faults.refused_login(
            to, (f"a public key, but only {', '.join(error.allowed_types)} is allowed",), ""
        ) from error
    except paramiko.AuthenticationException as error:
        if "timeout" in str(error).lower():
            raise faults.slow_login(to) from error
        if not transport.is_active():
            raise faults.closed_login(to, _banner(transport), str(error)) from error
        return False
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise faults.closed_login(to, _banner(transport), str(error)) from error
    if further:
        raise AuthenticationError(
            f"logging in to {to.host} as {to.user}: the key is accepted but {' and '.join(further)} is asked for too",
            host=to.host,
            hint=f"on {to.host}: set AuthenticationMethods publickey for {to.user} in /etc/ssh/sshd_config.d/",
        )
    return True


def _offers(to: Resolved, held: tuple[paramiko.AgentKey, ...]) -> Iterator[_Offer]:
    """The keys in the order they are offered, each once."""
    public = {file: _public_blob(file) for file in to.identity_files}
    offered: set[bytes] = set()
    for file in to.identity_files:
        by_agent = next((key for key in held if key.asbytes() == public[file]), None)
        if by_agent is not None:
            offered.add(by_agent.asbytes())
            yield _Offer(by_agent, f"{file} (from the agent)")
            continue
        if not to.explicit_identity and not Path(file).exists():
            continue
        key = _load(file, to)
        if key is not None and key.asbytes() not in offered:
            offered.add(key.asbytes())
            certified = _certified(file)
            if certified is not None:
                yield _Offer(certified, f"{file}-cert.pub")
            yield _Offer(key, file)
    if to.explicit_identity or to.identities_only:
        return
    for agent_key in held:
        if agent_key.asbytes() not in offered:
            yield _Offer(agent_key, f"{plain(agent_key.comment) or agent_key.get_name()} (from the agent)")


def _load(file: str, to: Resolved) -> paramiko.PKey | None:
    """The key in `file`; None for a default key that is of no use. An identity that was named must be of use."""
    try:
        status = Path(file).stat()
        if status.st_mode & 0o077:
            raise ValueError("others may read it")
        key = _read(file, status.st_mtime_ns)
    except (paramiko.PasswordRequiredException, TypeError) as error:  # TypeError is cryptography's "password-protected"
        if not to.explicit_identity:
            return None
        raise AuthenticationError(
            f"logging in to {to.host} as {to.user}: {file} is encrypted and no agent holds it",
            host=to.host,
            hint=f"ssh-add {file}" if to.agent else f'eval "$(ssh-agent)" && ssh-add {file}',
        ) from error
    except (OSError, ValueError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType) as error:
        if not to.explicit_identity:
            return None
        missing = isinstance(error, FileNotFoundError)
        cause = "it does not exist" if missing else f"it cannot be used as a private key ({error})"
        raise ConfigError(
            f"reading the identity file {file} for {to.host}: {cause}",
            host=to.host,
            hint=f"chmod 600 {file}; ssh-keygen -y -f {file}",
        ) from error
    if key.get_name() == "ssh-rsa" and key.get_bits() < _MIN_RSA_BITS:
        raise ConfigError(f"reading the identity file {file}: RSA keys below {_MIN_RSA_BITS} bits are not safe")
    return key


@functools.lru_cache(maxsize=64)
def _read(file: str, changed: int) -> paramiko.PKey:
    return paramiko.PKey.from_path(file)


def _certified(file: str) -> paramiko.PKey | None:
    """The key with the certificate beside it, as OpenSSH looks for it; None where there is none of use."""
    try:
        key = paramiko.PKey.from_path(file)
        key.load_certificate(f"{file}-cert.pub")
    except (OSError, ValueError, paramiko.SSHException):
        return None
    return key


def _public_blob(file: str) -> bytes | None:
    """The public half beside `file`, so that the agent's copy of an encrypted key is found."""
    try:
        return base64.b64decode(Path(f"{file}.pub").read_text("utf-8").split()[1])
    except (OSError, ValueError, IndexError):
        return None


class _Agent(AgentSSH):
    """An agent behind a socket of our choice (IdentityAgent) that may not keep us waiting for ever."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(faults.AUTH_SECONDS)
        self._socket.connect(path)
        self._connect(self._socket)  # type: ignore[attr-defined]  # the stubs leave it out

    def close(self) -> None:
        self._socket.close()


@contextmanager
def _agent(to: Resolved) -> Iterator[tuple[paramiko.AgentKey, ...]]:
    """The agent's keys; none where no agent answers."""
    if to.agent is None:
        yield ()
        return
    try:
        agent = _Agent(to.agent)
    except (OSError, paramiko.SSHException):
        yield ()
        return
    try:
        yield agent.get_keys()
    finally:
        agent.close()


def _banner(transport: paramiko.Transport) -> str:
    banner = transport.get_banner()
    return banner.decode("utf-8", "replace") if banner else ""
