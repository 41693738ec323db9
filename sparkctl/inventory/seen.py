"""What of an inventory can be related to each other, read even where other parts of it are wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import Any

from pydantic_core import PydanticCustomError

from sparkctl.inventory.document import Document, Path
from sparkctl.inventory.fields import rail_address


@dataclass(frozen=True, slots=True)
class SeenRail:
    """A rail that can be read."""

    host: str
    netdev: str
    interface: IPv4Interface

    @property
    def path(self) -> Path:
        return ("hosts", self.host, "fabric", self.netdev, "address")

    def __str__(self) -> str:
        return f"{self.netdev} of {self.host}"


@dataclass(frozen=True, slots=True)
class SeenShare:
    """A share that can be read; what is missing or no text is None."""

    index: int
    export: str | None
    server: str | None
    mount: str | None
    clients: tuple[tuple[int, str], ...] | None


@dataclass(slots=True)
class Seen:
    """Of the document, what can be related; `blind` where some rail cannot be read."""

    document: Document
    hosts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rails: list[SeenRail] = field(default_factory=list)
    shares: list[SeenShare] = field(default_factory=list)
    head: str | None = None
    topology: str | None = None
    blind: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rails_of(self) -> dict[str, list[SeenRail]]:
        found: dict[str, list[SeenRail]] = {name: [] for name in self.hosts}
        for rail in self.rails:
            found[rail.host].append(rail)
        return found


def seen(document: Document) -> Seen:
    """Read what can be read; never raises."""
    data = mapping(document.data)
    found = Seen(document, data=data, head=text_or_none(data.get("head")))
    found.topology = text_or_none(mapping(data.get("fabric")).get("topology"))
    for name, host in mapping(data.get("hosts")).items():
        found.hosts[name] = mapping(host)
        for netdev, rail in mapping(found.hosts[name].get("fabric")).items():
            address = mapping(rail).get("address")
            try:
                interface = IPv4Interface(rail_address(address)) if isinstance(address, str) else None
            except PydanticCustomError:
                interface = None
            if interface is None:
                found.blind = True
            else:
                found.rails.append(SeenRail(name, netdev, interface))
    found.blind |= any(path[:1] == ("hosts",) and path[2:3] == ("fabric",) for path in document.refused)
    nfs = data.get("nfs")
    for index, item in enumerate(nfs if isinstance(nfs, list) else ()):
        found.shares.append(_share(index, mapping(item)))
    return found


def _share(index: int, item: Mapping[str, Any]) -> SeenShare:
    clients = item.get("clients")
    named = [(i, c) for i, c in enumerate(clients) if isinstance(c, str)] if isinstance(clients, list) else None
    export, mount = (_tidy(text_or_none(item.get(key))) for key in ("export", "mount"))
    return SeenShare(index, export, text_or_none(item.get("server")), mount, None if named is None else tuple(named))


def _tidy(path: str | None) -> str | None:
    return path.rstrip("/") if path and path.startswith("/") and path.strip("/") else None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
