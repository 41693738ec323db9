"""The texts that an inventory or playbook may hold, each by an allow-list: what is not plainly harmless is refused.

A value never meets a shell unquoted anyway; this is the first of two walls, and the one that can say why.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sparkctl.inventory.letters import shown
from sparkctl.inventory.secrets import looks_secret, named_secret

_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_USER = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"
_NETDEV = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}"
_ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
_PATH = r"[A-Za-z0-9._@+/-]+"
_LOCAL_PATH = r"[\w.~/][\w .,@+=:~/-]*"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_IMAGE = (
    rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{{1,5}})?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[a-f0-9]{64})?"
)
"""The grammar of github.com/distribution/reference, with the one digest algorithm that is in use."""

_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr")
_TOP = frozenset({"/", "/home", "/media", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/lib/docker"})


def refuse(message: str, hint: str) -> PydanticCustomError:
    """The error that a validator raises: what was found and wanted, and what to write."""
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})


def name(text: str) -> str:
    if re.fullmatch(_NAME, text):
        return text
    tame = re.sub(r"[^a-z0-9]+", "-", text[:63].lower()).strip("-")
    wanted = "small letters, digits and hyphens are wanted, 63 at most, a letter or digit first and last"
    raise refuse(f"{shown(text)} is not a name: {wanted}", f"write {tame or 'spark-1'}")


def address(text: str) -> str:
    """An IP address or a host name. Returned as given."""
    if re.fullmatch(r"[0-9.]+", text) or (":" in text and re.fullmatch(r"[0-9A-Fa-f:.\[\]]+", text)):
        return _ip(text)
    if re.fullmatch(_HOSTNAME, text) and len(text) <= 253 and not text.rstrip(".").rpartition(".")[2].isdecimal():
        return text
    found = f"{shown(text)} is neither an IP address nor a host name"
    for pattern, hint in (
        (rf"{_USER}@(.+)", "write the user as `user:` beside it"),
        (r"[^/]+/[0-9]+", "leave the prefix away: it belongs to the fabric's addresses"),
        (r"[^:]+:[0-9]+", "write the port as `port:` beside it"),
    ):
        if re.fullmatch(pattern, text):
            raise refuse(found, hint)
    raise refuse(found, "write something like 192.168.1.21 or spark-1.local")


def _ip(text: str) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        port = re.fullmatch(r"\[?([0-9A-Fa-f:.]+?)\]?:[0-9]+", text)
        hint = "write the port as `port:` beside it" if port else "write something like 192.168.1.21"
        raise refuse(f"{shown(text)} is not an IP address", hint) from error
    if found.is_unspecified or found.is_multicast or str(found) == "255.255.255.255":
        raise refuse(f"{text} is not the address of one host", "write the host's own address")
    return text


def rail_address(text: str) -> str:
    """An IPv4 address with the prefix of its network, usable by a host."""
    example = "write something like 192.168.100.10/24"
    host, slash, prefix = text.partition("/")
    try:
        found = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise refuse(f"{shown(text)} is not an IPv4 address with a prefix", example) from error
    if not slash:
        raise refuse(f"the prefix of {text} is missing", f"write {text}/24")
    if not re.fullmatch(r"[0-9]{1,2}", prefix) or not 8 <= int(prefix) <= 31:
        raise refuse(f"the prefix {shown(prefix)} is not one between 8 and 31", f"write {found}/24")
    interface = ipaddress.IPv4Interface(f"{found}/{int(prefix)}")
    net = interface.network
    if found.is_loopback or found.is_multicast or found.is_unspecified or found.is_reserved:
        raise refuse(f"{found} cannot be the address of a network device", example)
    if net.prefixlen < 31 and found in (net.network_address, net.broadcast_address):
        which = "first" if found == net.network_address else "last"
        raise refuse(f"{found} is the {which} address of {net}, which no host may have", f"write {net[1]}/{prefix}")
    return str(interface)


def user(text: str) -> str:
    return _fits(_USER, text, "a user name", "write the login name on the hosts, like nvidia")


def netdev(text: str) -> str:
    what = "the name of a network device (15 characters at most)"
    return _fits(_NETDEV, text, what, "see `ip -br link`; on a DGX Spark: enp1s0f1np1 and enP2p1s0f1np1")


def jump(text: str) -> str:
    pattern = rf"(?:{_USER}@)?(?:{_HOSTNAME}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?"
    return _fits(pattern, text, "a jump host", "write [user@]host[:port]")


def env_name(text: str) -> str:
    if not re.fullmatch(_ENV_NAME, text):
        raise refuse(f"{shown(text)} is not a variable's name", "write letters, digits and _, no digit first")
    return text


def image(text: str) -> str:
    if re.fullmatch(_IMAGE, text) and len(text) <= 255:
        return text
    hint = f"write {text.lower()}" if re.fullmatch(_IMAGE, text.lower()) else "write registry/name:tag"
    raise refuse(f"{shown(text)} is not an image reference", hint)


def remote_path(text: str) -> str:
    """A directory on the hosts: absolute, without `..`, outside the system's own; a `/` at its end dropped."""
    if text.startswith("~"):
        raise refuse(f"{shown(text)} begins with ~, and an absolute path is wanted", f"write /home/USER{text[1:40]}")
    tidy = _directory(text)
    if not text.startswith("/"):
        raise refuse(f"{shown(text)} is not an absolute path", "begin it with /")
    if tidy in _TOP or any(tidy == top or tidy.startswith(f"{top}/") for top in _SYSTEM):
        raise refuse(f"{shown(tidy)} belongs to the system", "name a directory for models, like /srv/models")
    return tidy


def home_path(text: str) -> str:
    """As `remote_path`, and `~/...` in the home of the login user on each host."""
    return _directory(text) if text.startswith("~/") and len(text) > 2 else remote_path(text)


def _directory(text: str) -> str:
    body = text[1:] if text.startswith("~/") else text
    if not re.fullmatch(_PATH, body):
        raise refuse(f"{shown(text)} is not a plain path", "use letters, digits and . _ - + @ / only")
    if {".", ".."} & set(text.split("/")):
        raise refuse(f"{shown(text)} holds . or .. as a part", "write the path out")
    if "//" in text or any(part.startswith("-") for part in text.split("/")):
        raise refuse(f"{shown(text)} holds // or a part that begins with -", "write it plainly")
    return text.rstrip("/") or "/"


def local_path(text: str) -> str:
    """A path on the controller; relative ones are relative to where sparkctl is run."""
    return _fits(_LOCAL_PATH, text, "a plain path", "use letters, digits, blanks and . _ - + @ , = : ~ / only")


def line(text: str) -> str:
    """Any one line of text."""
    if "\n" in text:
        raise refuse("this text holds a line break, and one line is wanted", "write it on one line")
    return text


def argument(text: str) -> str:
    """One argument, passed on untouched."""
    if not text:
        raise refuse("an empty argument", "delete it")
    if looks_secret(text) or (text.startswith("--") and named_secret(text)):
        raise refuse("this argument holds a secret", _SECRET_HINT)
    return line(text)


_SECRET_HINT = "name a file that only you can read: runtime.hf_token_file, serve.api_key_file"


def env_value(text: str) -> str:
    if looks_secret(text):
        raise refuse("this value looks like a secret", _SECRET_HINT)
    return line(text)


def variable(text: str) -> str:
    """The name of a variable whose value stands beside it."""
    if named_secret(text):
        raise refuse(f"{text} is a secret, and secrets are not written here", _SECRET_HINT)
    return env_name(text)


def _whole(value: Any) -> Any:
    """Variables are text; a whole number reads the same either way."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fits(pattern: str, text: str, what: str, hint: str) -> str:
    if not re.fullmatch(pattern, text):
        raise refuse(f"{shown(text)} is not {what}", hint)
    return text


def _text(check: Callable[[str], str], pattern: str | None = None, **more: Any) -> Any:
    # Not `Field(pattern=...)`: that would be checked before our validator, which says what to write instead.
    schema: dict[str, Any] = {**({"pattern": f"^(?:{pattern})$"} if pattern else {}), **more}
    return Annotated[str, AfterValidator(check), Field(json_schema_extra=schema)]


Name = _text(name, _NAME)
Address = _text(address, maxLength=253)
RailAddress = _text(rail_address, r"[0-9.]+/[0-9]{1,2}")
User = _text(user, _USER)
Netdev = _text(netdev, _NETDEV)
Jump = _text(jump)
EnvName = _text(env_name, _ENV_NAME)
Variable = _text(variable, _ENV_NAME)
EnvValue = Annotated[
    str,
    BeforeValidator(_whole),
    AfterValidator(env_value),
    Field(json_schema_extra={"type": ["string", "integer"]}),
]
Image = _text(image, maxLength=255)
RemotePath = _text(remote_path, r"/[A-Za-z0-9._@+/-]+")
HomePath = _text(home_path, r"(~/|/)[A-Za-z0-9._@+/-]+")
LocalPath = _text(local_path)
Line = _text(line)
Argument = _text(argument, minLength=1)
