"""Anything that a fact may have answered, as hypothesis strategies: plausible, odd and hostile."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sparkctl.ensure.base import Ensure
from sparkctl.ensure.block import ManagedBlock
from sparkctl.ensure.directory import Directory
from sparkctl.ensure.export import Exports
from sparkctl.ensure.file import File, FileAndReload
from sparkctl.ensure.group import GroupMember
from sparkctl.ensure.image import Image
from sparkctl.ensure.mount import Mount
from sparkctl.ensure.netplan import Netplan
from sparkctl.ensure.package import Package
from sparkctl.ensure.service import Service
from sparkctl.ensure.ssh_key import AuthorizedKeys, NodeKey
from sparkctl.facts import packages
from sparkctl.facts.docker import ImageState
from sparkctl.facts.files import DirectoryState, FileState
from sparkctl.facts.keys import KeyPair
from sparkctl.facts.netplan import NetplanFile, NetplanState
from sparkctl.facts.network import Link
from sparkctl.facts.nfs import ExportState, Mounted, MountState
from sparkctl.facts.os import GroupState
from sparkctl.facts.services import UnitState

WORDS = st.sampled_from(
    ["", "root", "dan", "enabled", "active", "ro", "rw", "installed", "half-configured", "$(x)", "a'b"]
)
PATHS = st.sampled_from(["/home/dan/.ssh/config", "/etc/x y", "/a'b", "/$(reboot)"])
MODES = st.integers(0, 0o7777)
KINDS = st.sampled_from(["absent", "file", "directory", "link", "other"])
MARKED = st.sampled_from(
    [b"# sparkctl two-sparks begin\n", b"# sparkctl two-sparks end", b"\r\n", b"\n", b"\xff\x00", b"x"]
)
CONTENT = st.one_of(st.none(), st.binary(max_size=60), st.lists(MARKED, max_size=8).map(b"".join))

FILES = st.builds(FileState, PATHS, KINDS, MODES, WORDS, WORDS, CONTENT)
DIRECTORIES = st.builds(
    DirectoryState,
    PATHS,
    KINDS,
    MODES,
    WORDS,
    WORDS,
    st.lists(PATHS, max_size=3).map(tuple),
    st.sampled_from(["", "no"]),
)
UNITS = st.builds(UnitState, WORDS, WORDS, WORDS, WORDS, st.booleans(), WORDS)

NETDEVS = st.sampled_from(["enp1s0f1np1", "enP2p1s0f1np1", "enP7s7", "enp1s0f0np0"])
ADDRESSES = st.sampled_from(
    ["192.168.100.10/24", "192.168.101.10/24", "192.168.1.21/24", "192.168.100.10", "169.254.3.4/16", "nonsense", ""]
)
_JUNK = st.one_of(st.none(), st.integers(0, 9), st.text(max_size=5), st.lists(st.integers(0, 3), max_size=2))
_BODY = st.one_of(
    _JUNK,
    st.fixed_dictionaries(
        {},
        optional={
            "addresses": st.one_of(
                _JUNK, st.lists(st.one_of(ADDRESSES, st.just({"192.168.100.10/24": {}})), max_size=3)
            ),
            "mtu": st.one_of(_JUNK, st.sampled_from([1500, 9000])),
            "match": st.one_of(_JUNK, st.just({"name": "enp*"})),
            "renderer": st.sampled_from(["networkd", "NetworkManager"]),
        },
    ),
)
TREES = st.fixed_dictionaries({}, optional={"ethernets": st.one_of(_JUNK, st.dictionaries(NETDEVS, _BODY, max_size=3))})
NETPLAN_FILES = st.builds(
    NetplanFile,
    st.sampled_from(["/etc/netplan/40-cx7.yaml", "/etc/netplan/60-sparkctl.yaml", "/etc/netplan/99-sync.yaml"]),
    MODES,
    WORDS,
    st.text(max_size=5),
    TREES,
    st.booleans(),
)
LINKS = st.builds(
    Link, NETDEVS, st.sampled_from([1500, 9000]), st.booleans(), st.sampled_from([None, True, False]),
    st.lists(ADDRESSES, max_size=3).map(tuple),
)  # fmt: skip
NETPLANS = st.builds(
    NetplanState, st.booleans(), TREES, st.lists(NETPLAN_FILES, max_size=3).map(tuple), st.dictionaries(NETDEVS, LINKS)
)

MOUNTED = st.builds(
    Mounted,
    st.sampled_from(["192.168.100.10:/home/dan/.cache/huggingface", "/dev/sda1", "other:/x"]),
    st.sampled_from(["nfs", "nfs4", "fuse.nfs", "ext4", "autofs"]),
    st.lists(WORDS, max_size=3).map(tuple),
)
MOUNTS = st.builds(
    MountState, st.one_of(st.none(), MOUNTED), st.sampled_from(["ok", "stale", "hung", "unread", "?"]), UNITS, FILES,
    st.one_of(st.none(), DIRECTORIES),
)  # fmt: skip
CLIENTS = st.sampled_from(["192.168.100.11", "192.168.100.12", "*"])
EXPORTS = st.builds(
    ExportState,
    FILES,
    st.dictionaries(
        st.tuples(st.sampled_from(["/home/dan/.cache/huggingface", "/x"]), CLIENTS), st.frozensets(WORDS, max_size=3)
    ),
)
PACKAGES = st.builds(
    packages.PackageState,
    st.dictionaries(st.sampled_from(["nfs-common", "x"]), st.builds(packages.Package, WORDS, WORDS, WORDS)),
)

_OF: dict[type, st.SearchStrategy[Any]] = {
    File: st.builds(FileAndReload, FILES, st.sampled_from([None, "not loaded"])),
    ManagedBlock: FILES,
    Package: PACKAGES,
    Service: UNITS,
    GroupMember: st.builds(
        GroupState, WORDS, st.integers(0, 2), st.booleans(), st.booleans(), st.lists(WORDS, max_size=2).map(tuple)
    ),
    NodeKey: st.builds(KeyPair, PATHS, st.one_of(st.none(), WORDS), WORDS),
    AuthorizedKeys: FILES,
    Directory: DIRECTORIES,
    Netplan: NETPLANS,
    Exports: EXPORTS,
    Mount: MOUNTS,
    Image: st.one_of(st.none(), st.builds(ImageState, WORDS, st.just(()), st.just(()), WORDS, st.integers(0, 9))),
}


def seen_values(ensure: Ensure) -> st.SearchStrategy[Any]:
    """Values of the type that `ensure.fact` gives."""
    return _OF[type(ensure)]
