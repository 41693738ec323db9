"""The rails of the fabric: address and MTU, live and after each boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

from sparkctl.ensure.base import Change, Diff
from sparkctl.facts.base import Fact
from sparkctl.facts.netplan import NETPLAN, NetplanFile, NetplanState, definition, patterns
from sparkctl.facts.network import Link
from sparkctl.ssh.command import Action, Command, Put, sh

OWN_FILE = "/etc/netplan/60-sparkctl.yaml"
"""After the installer's and NVIDIA's 40-cx7.yaml, before NVIDIA Sync's 99-nvidia-sync-cluster.yaml."""

MODE = 0o600
"""netplan warns about anything wider (since 0.106)."""

SETTLE = 30
"""Seconds for the addresses to appear: NVIDIA's own set-up waits up to 50 s for NetworkManager."""

AWAIT = r"""
tries=$(($1 * 2)); shift
while :; do
  late=
  for pair in "$@"; do
    ip -o -4 addr show dev "${pair%%=*}" 2>/dev/null | grep -qwF -- "${pair#*=}" || late="$late ${pair%%=*}"
  done
  [ -n "$late" ] || exit 0
  tries=$((tries - 1)); [ $tries -gt 0 ] || break
  sleep 0.5
done
for dev in $late; do
  if [ "$(cat "/sys/class/net/$dev/carrier" 2>/dev/null)" = 0 ]; then
    echo "$dev has no carrier: no cable, or the port at its other end is down"
  else echo "$dev did not get its address"
  fi
done >&2
exit 1
"""


@dataclass(frozen=True, slots=True)
class RailAddress:
    """`address` with its prefix length (`192.168.100.10/24`)."""

    netdev: str
    address: str


@dataclass(frozen=True, slots=True)
class Netplan:
    """Each of `rails` shall have exactly its address and `mtu`, in netplan's files and live.

    Configuration that already says so is left alone, whoever wrote it. Otherwise only `OWN_FILE` is written; what other
    files say is never changed, and where it contradicts the answer is a refusal that names the file. `protected` are
    addresses of this host that must not be put at risk: those that our ssh session uses.
    """

    rails: tuple[RailAddress, ...]
    mtu: int
    protected: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "netplan"

    @property
    def fact(self) -> Fact[NetplanState]:
        return NETPLAN

    def diff(self, seen: NetplanState) -> Diff:
        absent = [rail.netdev for rail in self.rails if rail.netdev not in seen.links]
        if absent:
            there = ", ".join(sorted(name for name in seen.links if name != "lo")) or "none"
            return Diff(refuse=f"there is no network device {absent[0]} (there are: {there})", hint="ip -br link")
        changes = [change for rail in self.rails for change in self._rail_changes(rail, seen)]
        if not changes:
            return Diff()
        return self._refusal(seen) or Diff(tuple(changes))

    def _rail_changes(self, rail: RailAddress, seen: NetplanState) -> list[Change]:
        said, link = seen.configured(rail.netdev), seen.links[rail.netdev]
        changes: list[Change] = []
        if seen.installed:
            if _normal(said.addresses) != _normal((rail.address,)):
                changes.append(Change(f"{rail.netdev} kept address", _listed(said.addresses), rail.address))
            if said.mtu != self.mtu:
                changes.append(Change(f"{rail.netdev} kept mtu", str(said.mtu or "default"), str(self.mtu)))
        if not link.up or _normal((rail.address,)) - _normal(link.addresses):
            changes.append(Change(f"{rail.netdev} address", _live(link), rail.address))
        if link.mtu != self.mtu:
            changes.append(Change(f"{rail.netdev} mtu", str(link.mtu), str(self.mtu)))
        return changes

    def _refusal(self, seen: NetplanState) -> Diff | None:
        if not seen.installed:
            missing = ", ".join(f"{rail.netdev} {rail.address}" for rail in self.rails)
            return Diff(refuse=f"netplan is not installed, so these are yours to set: {missing}, mtu {self.mtu}")
        for rail in self.rails:
            if not self._rail_changes(rail, seen):
                continue
            carried = {address.partition("/")[0] for address in seen.links[rail.netdev].addresses}
            if ours := sorted(carried & set(self.protected)):
                why = f"{rail.netdev} carries {ours[0]}, over which this very session runs"
                return Diff(refuse=why, hint="set it up at the machine itself, or reach the host by another address")
            for file in _others(seen):
                if refused := self._contradiction(rail, file):
                    return refused
        return None

    def _contradiction(self, rail: RailAddress, file: NetplanFile) -> Diff | None:
        said = definition(file.tree, rail.netdev)
        # netplan joins the address lists of all files, so another file's address cannot be overridden by ours
        pattern = next(iter(patterns(file.tree, rail.netdev)), None)
        extra = [a for a in said.addresses if _normal((a,)) != _normal((rail.address,))]
        after_ours = file.path.rpartition("/")[2] > OWN_FILE.rpartition("/")[2]
        if extra:
            what = f"gives {rail.netdev} the address {extra[0]}, not {rail.address}"
        elif pattern is not None:
            # networkd takes the first .network file that matches a device, so an entry of ours might never count
            what = f"covers {rail.netdev} by its entry {pattern!r}, with which one of ours would compete"
        elif after_ours and said.mtu not in (None, self.mtu):
            what = f"gives {rail.netdev} the mtu {said.mtu}, not {self.mtu}, and comes after {OWN_FILE}"
        else:
            return None
        hint = f"put what it says into the inventory, or take {rail.netdev} out of {file.path} (sudo nano {file.path})"
        return Diff(refuse=f"{file.path} {what}", hint=hint)

    def apply(self, seen: NetplanState, diff: Diff) -> Sequence[Action]:
        if not seen.installed:
            return []
        own = own_file(self.rails, self.mtu, seen)
        kept = all(self._kept(rail, seen) for rail in self.rails)
        pairs = [f"{rail.netdev}={_text(rail.address)}" for rail in self.rails]
        return [
            *([] if kept else [Put(own.encode(), OWN_FILE, MODE, "root:root", sudo=True)]),
            Command(("netplan", "generate"), sudo=True, mutates=True),
            Command(("netplan", "apply"), sudo=True, mutates=True, timeout=120),
            sh(AWAIT, str(SETTLE), *pairs, timeout=SETTLE + 10),
        ]

    def _kept(self, rail: RailAddress, seen: NetplanState) -> bool:
        said = seen.configured(rail.netdev)
        return _normal(said.addresses) == _normal((rail.address,)) and said.mtu == self.mtu


_HEADER = """\
# Written by sparkctl: the rails of the fabric. It is written anew when the inventory changes.
# To undo: sudo rm {path} && sudo netplan apply
network:
  version: 2
  ethernets:
"""


def own_file(rails: Sequence[RailAddress], mtu: int, seen: NetplanState) -> str:
    """The text of our own file: what no other file says already."""
    others = [file.tree for file in _others(seen)]
    text = _HEADER.format(path=OWN_FILE)
    for rail in rails:
        elsewhere = any(_normal(definition(tree, rail.netdev).addresses) for tree in others)
        renderer = seen.configured(rail.netdev).renderer or seen.renderer
        text += f"    {rail.netdev}:\n"
        if not elsewhere:
            text += f"      addresses: [{_text(rail.address)}]\n"
        text += (
            f"      mtu: {mtu}\n      dhcp4: false\n      dhcp6: false\n      link-local: []\n      optional: true\n"
        )
        if renderer == "networkd":
            # else networkd takes the address away while the peer is off, and with it Ray's head loses its own GCS
            text += "      ignore-carrier: true\n"
    return text


def _others(seen: NetplanState) -> list[NetplanFile]:
    return [file for file in seen.files if file.path != OWN_FILE]


def _normal(addresses: Sequence[str]) -> frozenset[str]:
    """Addresses in one spelling; what is no address stays as it is, and so never equals one."""
    return frozenset(_text(address) for address in addresses)


def _text(address: str) -> str:
    try:
        return str(ip_interface(address))
    except ValueError:
        return address


def _listed(addresses: Sequence[str]) -> str:
    return ", ".join(addresses) or "none"


def _live(link: Link) -> str:
    state = "" if link.up and link.carrier else (" (no carrier)" if link.up else " (down)")
    return _listed(link.addresses) + state
