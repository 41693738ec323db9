"""The network configuration that a host keeps (netplan), beside what is live."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from sparkctl.facts.base import Fact, FactUnavailable, Output, require
from sparkctl.facts.joined import joined
from sparkctl.facts.network import LINKS, Link


@dataclass(frozen=True, slots=True)
class Definition:
    """What a configuration says of one netdev. None: it does not say."""

    addresses: tuple[str, ...] = ()
    mtu: int | None = None
    dhcp4: bool | None = None
    renderer: str | None = None


@dataclass(frozen=True, slots=True)
class NetplanFile:
    """`path` under /etc/netplan, /run/netplan or /lib/netplan. `broken` where it is not YAML."""

    path: str
    mode: int
    owner: str
    text: str
    tree: Mapping[str, Any] = field(default_factory=dict)
    broken: bool = False


@dataclass(frozen=True, slots=True)
class NetplanState:
    """`installed` is false where the host has no netplan; then only `links` means anything."""

    installed: bool
    merged: Mapping[str, Any]
    files: tuple[NetplanFile, ...]
    links: Mapping[str, Link]

    def configured(self, netdev: str) -> Definition:
        """What all files together say of `netdev`."""
        return definition(self.merged, netdev)

    @property
    def renderer(self) -> str:
        """The global renderer; networkd is netplan's default (netplan-yaml, "renderer")."""
        return str(self.merged.get("renderer") or "networkd")


def definition(tree: Mapping[str, Any], netdev: str) -> Definition:
    """What the `network:` mapping `tree` says of `netdev`, by its own id or by `match: {name: GLOB}`."""
    said = Definition()
    ethernets = tree.get("ethernets")
    for ident, body in ethernets.items() if isinstance(ethernets, dict) else ():
        if isinstance(body, dict) and _is(netdev, str(ident), body):
            said = _overlaid(said, body)
    return said


def patterns(tree: Mapping[str, Any], netdev: str) -> tuple[str, ...]:
    """Ids under which `tree` covers `netdev` other than its own name (`all-en: {match: {name: en*}}`)."""
    ethernets = tree.get("ethernets")
    entries = ethernets.items() if isinstance(ethernets, dict) else ()
    return tuple(
        str(i) for i, body in entries if isinstance(body, dict) and "match" in body and _is(netdev, str(i), body)
    )


def _is(netdev: str, ident: str, body: Mapping[str, Any]) -> bool:
    match = body.get("match")
    if isinstance(match, dict):
        name = match.get("name")
        return body.get("set-name") == netdev or (isinstance(name, str) and fnmatchcase(netdev, name))
    return ident == netdev


def _overlaid(said: Definition, body: Mapping[str, Any]) -> Definition:
    listed = body.get("addresses")
    found = [str(next(iter(a))) if isinstance(a, dict) and a else str(a) for a in listed or []] if _list(listed) else []
    mtu, dhcp4, renderer = body.get("mtu"), body.get("dhcp4"), body.get("renderer")
    return Definition(
        addresses=tuple(dict.fromkeys([*said.addresses, *found])),
        mtu=mtu if isinstance(mtu, int) and not isinstance(mtu, bool) else said.mtu,
        dhcp4=dhcp4 if isinstance(dhcp4, bool) else said.dhcp4,
        renderer=str(renderer) if renderer else said.renderer,
    )


def _list(value: object) -> bool:
    return isinstance(value, list)


_MERGED = "command -v netplan >/dev/null || { echo absent; exit 0; }; echo present; netplan get 2>/dev/null"

_FILES = r"""
for f in /lib/netplan/*.yaml /etc/netplan/*.yaml /run/netplan/*.yaml; do
  [ -f "$f" ] || continue
  printf '%s\n' "$f"; stat -c '%a %U:%G' -- "$f"; base64 -w 0 < "$f"; echo
done
"""


def _parse_merged(output: Output) -> Mapping[str, Any] | None:
    first, _, rest = require(output).partition("\n")
    if first.strip() == "absent":
        return None
    if first.strip() != "present":
        raise FactUnavailable("the answer of `netplan get` was cut off")
    tree = network_tree(rest)
    if tree is None:
        raise FactUnavailable("`netplan get` answered something that is not YAML", hint="sudo netplan get")
    return tree


def network_tree(text: str) -> Mapping[str, Any] | None:
    """The mapping below `network:`; None where `text` is no YAML mapping."""
    import yaml

    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if tree is None:
        return {}
    network = tree.get("network", tree) if isinstance(tree, dict) else None
    return network if isinstance(network, dict) else ({} if network is None and isinstance(tree, dict) else None)


def _parse_files(output: Output) -> tuple[NetplanFile, ...]:
    said = require(output).splitlines()
    found: list[NetplanFile] = []
    for path, stat, content in zip(said[0::3], said[1::3], said[2::3], strict=False):
        mode, _, owner = stat.partition(" ")
        try:
            text = base64.b64decode(content, validate=True).decode("utf-8", "replace")
            tree = network_tree(text)
            found.append(NetplanFile(path, int(mode, 8), owner, text, tree or {}, tree is None))
        except (ValueError, binascii.Error):
            raise FactUnavailable("the answer about netplan's files was cut off") from None
    return tuple(found)


def _build(parts: Mapping[str, Any]) -> NetplanState:
    merged = parts["merged"]
    return NetplanState(merged is not None, merged or {}, parts["files"], parts["links"])


NETPLAN: Fact[NetplanState] = joined(
    "netplan",
    {
        "merged": Fact("netplan.merged", _MERGED, _parse_merged, timeout=15),
        "files": Fact("netplan.files", _FILES, _parse_files),
        "links": LINKS,
    },
    _build,
    sudo=True,
)
"""Root is needed: netplan's files are 0600 since 0.106."""
