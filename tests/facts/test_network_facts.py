"""ip, ss, ping, netplan, exportfs and findmnt, in the words of the real programs."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from sparkctl.facts.base import FactUnavailable, Output
from sparkctl.facts.netplan import NETPLAN, Definition, definition, network_tree
from sparkctl.facts.network import LINKS, Link, Listener, Probe, Reach, parse_links, parse_listeners, parse_reach, reach
from sparkctl.facts.nfs import Mounted, parse_exports, parse_findmnt

ADDR = """[{"ifindex":3,"ifname":"enp1s0f1np1","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":9000,
"operstate":"UP","addr_info":[{"family":"inet","local":"192.168.100.10","prefixlen":24,"scope":"global"},
{"family":"inet6","local":"fe80::1","prefixlen":64}]},
{"ifname":"enp1s0f0np0","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"mtu":1500,"addr_info":[]},{},
{"ifname":"wlP9s9","flags":["BROADCAST","MULTICAST"],"mtu":1500,"addr_info":[{}]}]"""


def test_links_with_the_empty_objects_of_iproute2() -> None:
    assert parse_links(Output(0, ADDR)) == {
        "enp1s0f1np1": Link("enp1s0f1np1", 9000, True, True, ("192.168.100.10/24",)),
        "enp1s0f0np0": Link("enp1s0f0np0", 1500, True, False),
        "wlP9s9": Link("wlP9s9", 1500, False, None),
    }


def test_links_of_this_machine() -> None:
    done = subprocess.run(["sh", "-c", LINKS.snippet], capture_output=True, text=True)
    assert "127.0.0.1/8" in LINKS.parse(Output(done.returncode, done.stdout, done.stderr))["lo"].addresses


def test_listeners() -> None:
    said = (
        'LISTEN 0      4096       127.0.0.1:8265       0.0.0.0:*    users:(("dashboard",pid=9,fd=3))\n'
        "LISTEN 0      511                *:8000             *:*          \n"
        "LISTEN 0      128             [::]:22            [::]:*    \nnoise\n"
    )
    assert parse_listeners(Output(0, said)) == (
        Listener("127.0.0.1", 8265, "dashboard"),
        Listener("*", 8000),
        Listener("::", 22),
    )


PROBE = Probe("192.168.100.10", "192.168.100.11", 8972)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "yes yes PING 192.168.100.11|1 packets transmitted, 1 received, 0% packet loss, time 0ms|",
            Reach(True, True, "?"),
        ),
        (
            "no yes PING x|ping: local error: message too long, mtu=1500|--- x|2 packets transmitted, 0 received|",
            Reach(False, True, "ping: local error: message too long, mtu=1500"),
        ),
        (
            "no no PING x|From 192.168.100.10 icmp_seq=1 Destination Host Unreachable|--- x|",
            Reach(False, False, "From 192.168.100.10 icmp_seq=1 Destination Host Unreachable"),
        ),
        ("no no sh: 4: ping: not found", Reach(False, False, "sh: 4: ping: not found")),
        ("no no ", Reach(False, False, "")),
    ],
)
def test_reach(line: str, expected: Reach) -> None:
    found = parse_reach(Output(0, f"ping 192.168.100.10 192.168.100.11 8972 {line}\n"))[PROBE]
    assert (found.full, found.small) == (expected.full, expected.small)
    assert expected.said in ("?", found.said)


def test_reach_asks_all_at_once_and_answers_each() -> None:
    probes = [PROBE, Probe("127.0.0.1", "127.0.0.1", 100)]
    fake = "ping() { case $* in *127.0.0.1*) return 0;; *) echo 'connect: Network is unreachable'; return 2;; esac; }\n"
    done = subprocess.run(["sh", "-c", fake + reach(probes).snippet], capture_output=True, text=True, timeout=10)
    found = reach(probes).parse(Output(done.returncode, done.stdout, done.stderr))
    assert found[probes[1]] == Reach(True, True, "")
    assert found[PROBE] == Reach(False, False, "connect: Network is unreachable")


STATIC = """network:
  version: 2
  ethernets:
    enp1s0f1np1:
      addresses: [192.168.100.10/24]
      dhcp4: no
    enP2p1s0f1np1:
      addresses: ["192.168.101.10/24": {label: x}]
      mtu: 9000
      renderer: NetworkManager
    all:
      match: {name: "enP7*"}
      dhcp4: true
"""


def test_definitions() -> None:
    tree = network_tree(STATIC)
    assert tree is not None
    assert definition(tree, "enp1s0f1np1") == Definition(("192.168.100.10/24",), None, False)
    assert definition(tree, "enP2p1s0f1np1") == Definition(("192.168.101.10/24",), 9000, None, "NetworkManager")
    assert definition(tree, "enP7s7") == Definition(dhcp4=True)
    assert definition(tree, "all") == Definition()
    assert definition(tree, "wlP9s9") == Definition()


@pytest.mark.parametrize(
    ("text", "tree"), [("", {}), ("network:\n", {}), ("[]", None), ("a: [", None), ("- x\n", None)]
)
def test_what_is_no_configuration(text: str, tree: object) -> None:
    assert network_tree(text) == tree


def netplan(merged: str, files: str = "") -> Output:
    parts = {"merged": merged, "files": files, "links": ADDR}
    return Output(0, "".join(f"\x1dB {name}\n{text}\n\x1dE {name} 0\n" for name, text in parts.items()))


def test_netplan() -> None:
    content = base64.b64encode(STATIC.encode()).decode()
    seen = NETPLAN.parse(netplan(f"present\n{STATIC}", f"/etc/netplan/40-cx7.yaml\n600 root:root\n{content}\n"))
    assert seen.installed and seen.renderer == "networkd"
    assert seen.configured("enp1s0f1np1").addresses == ("192.168.100.10/24",)
    assert (seen.files[0].path, seen.files[0].mode, seen.files[0].broken) == ("/etc/netplan/40-cx7.yaml", 0o600, False)
    assert NETPLAN.parse(netplan("absent\n")).installed is False
    with pytest.raises(FactUnavailable, match="not YAML"):
        NETPLAN.parse(netplan("present\n[[["))


def test_exports_with_long_paths_on_their_own_lines() -> None:
    said = (
        "/home/dan/.cache/huggingface\n"
        "\t\t192.168.100.11(sync,wdelay,hide,no_subtree_check,sec=sys,rw,secure,root_squash,no_all_squash)\n"
        "/home/dan/.cache/huggingface\n\t\t192.168.100.12(sync,ro,root_squash)\n"
        "/srv          \t<world>(async,rw,no_root_squash)\n"
        "/srv/with a blank in it\n\t\t10.0.0.0/8(ro)\n"
    )
    found = parse_exports(Output(0, said))
    assert set(found) == {
        ("/home/dan/.cache/huggingface", "192.168.100.11"),
        ("/home/dan/.cache/huggingface", "192.168.100.12"),
        ("/srv", "<world>"),
        ("/srv/with a blank in it", "10.0.0.0/8"),
    }
    assert {"rw", "root_squash"} <= found[("/home/dan/.cache/huggingface", "192.168.100.11")]
    assert parse_exports(Output(0, "")) == {}


def test_no_server_no_exports() -> None:
    with pytest.raises(FactUnavailable, match="not installed"):
        parse_exports(Output(127, ""))


def test_findmnt_sees_the_topmost_mount() -> None:
    said = {"filesystems": [{"source": "systemd-1", "fstype": "autofs", "options": "rw"}, {"source": "a:/b", "fstype": "nfs4", "options": "rw,hard"}]}  # fmt: skip  # noqa: E501
    assert parse_findmnt(Output(0, json.dumps(said))) == Mounted("a:/b", "nfs4", ("rw", "hard"))
    assert parse_findmnt(Output(1, "")) is None
    with pytest.raises(FactUnavailable):
        parse_findmnt(Output(0, "{}"))


@pytest.mark.parametrize(("fstype", "nfs"), [("nfs", True), ("nfs4", True), ("fuse.nfs", True), ("ext4", False)])
def test_what_counts_as_nfs(fstype: str, nfs: bool) -> None:
    assert Mounted("a:/b", fstype, ()).nfs is nfs
