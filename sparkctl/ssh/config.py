"""Where a host really is: the inventory's word first, then the user's ssh_config as OpenSSH itself reads it.

`ssh -G` is asked rather than a parser of ours: paramiko treats unknown Match criteria as matching (paramiko #2632) and
trips over Match exec (#1992).
"""

from __future__ import annotations

import functools
import getpass
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which

from sparkctl.errors import ConfigError
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.hostkeys import known_name

MAX_HOPS = 4
"""How many jump hosts may stand in a row."""
_ASK_SECONDS = 5.0  # Match exec may run anything
_DEFAULT_PORT = 22
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_ADDRESS = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,63}\$?")
_HOP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<six>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d{1,5}))?/?"
)
# The words of ssh_config(5) that change what we use; a configuration without them need not be asked.
_WORDS = re.compile(
    r"^\s*(?:hostname|port|user|identityfile|identitiesonly|identityagent|proxyjump|proxycommand|match|"
    r"canonicalizehostname|include(?!\s+/etc/ssh/ssh_config\.d/\*\.conf\s*$))\b",
    re.IGNORECASE | re.MULTILINE,
)
_OPTIONS = frozenset({"identityagent", "identitiesonly"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """An endpoint with nothing left open. `agent` is a socket's path, None for none."""

    host: str
    address: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    explicit_identity: bool
    identities_only: bool
    agent: str | None
    jump: Resolved | None = None

    @property
    def known_name(self) -> str:
        """The name under which its host key is pinned."""
        return known_name(self.address, self.port)

    @property
    def place(self) -> str:
        """`address:port`, for messages."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def resolve(endpoint: Endpoint, others: Mapping[str, Endpoint] | None = None) -> Resolved:
    """`endpoint` completed from ssh_config; `others` are the inventory's hosts, which a jump may name.

    The inventory's port counts as given when it is not 22. Raises `ConfigError` for hostile or unusable values.
    """
    return _resolve(endpoint, others or {}, ())


def _resolve(endpoint: Endpoint, others: Mapping[str, Endpoint], seen: tuple[str, ...]) -> Resolved:
    if endpoint.host in seen or len(seen) > MAX_HOPS:
        path = " -> ".join((*seen, endpoint.host))
        raise ConfigError(f"finding the way to {seen[0]}: its jump hosts go round in a circle or never end: {path}")
    _refuse_hostile(endpoint)
    said = ask_openssh(endpoint)
    options = {name.lower(): value for name, value in endpoint.options}
    explicit = endpoint.identity_file is not None
    files = (
        (endpoint.identity_file,) if endpoint.identity_file is not None else said.get("identityfile", _default_keys())
    )
    only = options.get("identitiesonly") or _first(said, "identitiesonly") or "no"
    agent = options.get("identityagent") or _first(said, "identityagent") or "SSH_AUTH_SOCK"
    port = endpoint.port if endpoint.port != _DEFAULT_PORT else int(_first(said, "port") or _DEFAULT_PORT)
    jump = _jump(endpoint, said, others)
    resolved = Resolved(
        host=endpoint.host,
        address=_first(said, "hostname") or endpoint.address,
        port=port,
        user=endpoint.user or _first(said, "user") or getpass.getuser(),
        identity_files=tuple(_expanded(file) for file in files),
        explicit_identity=explicit,
        identities_only=only == "yes",
        agent=_agent_socket(agent),
        jump=_resolve(jump, others, (*seen, endpoint.host)) if jump else None,
    )
    _refuse_hostile(replace(endpoint, address=resolved.address, user=resolved.user))
    return resolved


def _refuse_hostile(endpoint: Endpoint) -> None:
    """A value that ssh could take for an option or a shell for a command never gets that far."""
    where = f"reading how to reach {endpoint.host}"
    if endpoint.address.startswith("-") or not _ADDRESS.fullmatch(endpoint.address):
        raise ConfigError(f"{where}: {endpoint.address!r} is no address", host=endpoint.host)
    if endpoint.user is not None and not _USER.fullmatch(endpoint.user):
        raise ConfigError(f"{where}: {endpoint.user!r} is no user name", host=endpoint.host)
    if not 0 < endpoint.port < 65536:
        raise ConfigError(f"{where}: {endpoint.port} is no port", host=endpoint.host)
    for name, _ in endpoint.options:
        if name.lower() not in _OPTIONS:
            known = ", ".join(sorted(_OPTIONS))
            raise ConfigError(f"{where}: the ssh option {name!r} is not one of {known}", host=endpoint.host)


def _jump(endpoint: Endpoint, said: Mapping[str, tuple[str, ...]], others: Mapping[str, Endpoint]) -> Endpoint | None:
    way = endpoint.jump or _first(said, "proxyjump")
    if way and way.lower() != "none":
        return parse_jump(way, others)
    command = _first(said, "proxycommand")
    if command and command.lower() != "none" and not endpoint.jump:
        raise ConfigError(
            f"finding the way to {endpoint.host}: ssh_config reaches it by a ProxyCommand, which sparkctl does not run",
            host=endpoint.host,
            hint=f"set hosts.{endpoint.host}.ssh.jump in the inventory",
            evidence=f"ProxyCommand {command}",
        )
    return None


def parse_jump(way: str, others: Mapping[str, Endpoint]) -> Endpoint:
    """The last hop of `[user@]host[:port],…`, its `jump` holding the hops before it. Raises `ConfigError`."""
    before, _, last = way.strip().rpartition(",")
    if last in others:
        return replace(others[last], jump=before) if before else others[last]
    hop = _HOP.fullmatch(last.strip())
    address = (hop["six"] or hop["name"]) if hop else ""
    if hop is None or address.startswith("-") or not _ADDRESS.fullmatch(address):
        raise ConfigError(f"reading the jump host {way!r}: it is not of the form [user@]host[:port]")
    port = int(hop["port"] or _DEFAULT_PORT)
    return Endpoint(last.strip(), address, port, hop["user"], jump=before or None)


def ask_openssh(endpoint: Endpoint) -> dict[str, tuple[str, ...]]:
    """What `ssh -G` says of the address, as {lower-case word: values}; empty where there is nothing to ask."""
    ssh = which("ssh")
    if ssh is None or not _configured():
        return {}
    argv = [ssh, "-G"]
    if endpoint.user:
        argv += ["-l", endpoint.user]
    if endpoint.port != _DEFAULT_PORT:
        argv += ["-p", str(endpoint.port)]
    try:
        asked = subprocess.run([*argv, "--", endpoint.address], capture_output=True, timeout=_ASK_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"reading ssh_config for {endpoint.host}: ssh -G did not answer within {_ASK_SECONDS:.0f} s",
            hint=f"ssh -G {endpoint.address}",
        ) from error
    if asked.returncode != 0:
        raise ConfigError(
            f"reading ssh_config for {endpoint.host}: ssh -G refused it",
            hint=f"ssh -G {endpoint.address}",
            evidence=asked.stderr.decode("utf-8", "replace").strip()[-500:],
        )
    return parse_answer(asked.stdout.decode("utf-8", "replace"))


def parse_answer(text: str) -> dict[str, tuple[str, ...]]:
    """The output of `ssh -G`: a word and its value a line, a word may come more than once."""
    said: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        said[word.lower()] = (*said.get(word.lower(), ()), value.strip())
    return said


def _configured() -> bool:
    """Whether any configuration says something we would use: asking costs a process a host."""
    files = (Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config"), *_included())
    return any(_says_something(str(file), _changed(file)) for file in files)


def _included() -> list[Path]:
    return sorted(Path("/etc/ssh/ssh_config.d").glob("*.conf"))


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=64)
def _says_something(file: str, changed: int) -> bool:
    try:
        return bool(changed) and bool(_WORDS.search(Path(file).read_text("utf-8", "replace")))
    except OSError:
        return True


def _default_keys() -> tuple[str, ...]:
    return tuple(f"~/.ssh/{name}" for name in _DEFAULT_KEYS)


def _first(said: Mapping[str, tuple[str, ...]], word: str) -> str | None:
    values = said.get(word, ())
    return values[0] if values else None


def _expanded(file: str) -> str:
    """`~` and the tokens of ssh_config(5) that name the home directory; `ssh -G` leaves them as they are."""
    home = str(Path.home())
    return str(Path(re.sub(r"%([d%])", lambda token: home if token[1] == "d" else "%", file)).expanduser())


def _agent_socket(said: str) -> str | None:
    """ssh_config(5) IdentityAgent: `none`, `SSH_AUTH_SOCK`, `$NAME` or a path."""
    if said.lower() == "none":
        return None
    if said == "SSH_AUTH_SOCK" or said.startswith("$"):
        return os.environ.get(said.removeprefix("$")) or None
    return str(Path(said).expanduser())
