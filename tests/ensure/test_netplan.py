"""Rails: what of netplan's files is ours to write, and what is refused."""

from __future__ import annotations

import pytest

from sparkctl.ensure.base import Diff
from sparkctl.ensure.netplan import OWN_FILE, Netplan, RailAddress
from sparkctl.ssh.command import Put
from tests.ensure.examples import NVIDIA, RAILS, netplan_file
from tests.ensure.shown import changes, put_of
from tests.ensure.simulated_answers import value
from tests.ensure.simulated_host import SimulatedHost


def netplan_diff(host: SimulatedHost, mtu: int = 9000, protected: tuple[str, ...] = ("192.168.1.21",)) -> Diff:
    wanted = Netplan(RAILS, mtu, protected)
    return wanted.diff(value(host, wanted.fact))


def applied(host: SimulatedHost) -> SimulatedHost:
    from sparkctl.ssh.command import Command

    host.carry_out([Command(("netplan", "apply"), sudo=True, mutates=True)])
    return host


def test_nvidias_own_file_with_equal_content_is_left_alone() -> None:
    host = SimulatedHost()
    netplan_file("/etc/netplan/40-cx7.yaml", NVIDIA)(host)
    assert not netplan_diff(applied(host), mtu=1500) or changes(netplan_diff(host, mtu=1500)) == [
        "enp1s0f1np1 kept mtu: default -> 1500",
        "enP2p1s0f1np1 kept mtu: default -> 1500",
    ]
    netplan_file("/etc/netplan/40-cx7.yaml", NVIDIA.replace("dhcp4: no", "mtu: 9000"))(host)
    assert not netplan_diff(applied(host))


def test_only_the_mtu_is_added_to_addresses_of_another_file() -> None:
    host = SimulatedHost()
    netplan_file("/etc/netplan/40-cx7.yaml", NVIDIA)(host)
    applied(host)
    assert changes(netplan_diff(host)) == [
        "enp1s0f1np1 kept mtu: default -> 9000",
        "enp1s0f1np1 mtu: 1500 -> 9000",
        "enP2p1s0f1np1 kept mtu: default -> 9000",
        "enP2p1s0f1np1 mtu: 1500 -> 9000",
    ]
    wanted = Netplan(RAILS, 9000)
    seen = value(host, wanted.fact)
    put = put_of(list(wanted.apply(seen, wanted.diff(seen))))
    assert (put.path, put.mode, put.owner, put.sudo) == (OWN_FILE, 0o600, "root:root", True)
    assert b"addresses" not in put.content and b"mtu: 9000" in put.content


def test_what_is_kept_and_not_live_is_only_applied() -> None:
    host = SimulatedHost()
    netplan_file("/etc/netplan/40-cx7.yaml", NVIDIA.replace("dhcp4: no", "mtu: 9000"))(host)
    wanted = Netplan(RAILS, 9000)
    seen = value(host, wanted.fact)
    actions = list(wanted.apply(seen, wanted.diff(seen)))
    assert not any(isinstance(action, Put) for action in actions)
    assert "sudo -n -- netplan apply" in [str(action) for action in actions]


def test_what_is_live_and_not_kept_is_kept() -> None:
    host = SimulatedHost()
    for rail in RAILS:
        host.nics[rail.netdev].addresses = [rail.address]
        host.nics[rail.netdev].up, host.nics[rail.netdev].mtu = True, 9000
    assert "enp1s0f1np1 kept address: none -> 192.168.100.10/24" in changes(netplan_diff(host))


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (
            "/etc/netplan/99-nvidia-sync-cluster.yaml",
            "    enp1s0f1np1:\n      addresses: [10.100.184.1/24]\n",
            "gives enp1s0f1np1 the address 10.100.184.1/24, not 192.168.100.10/24",
        ),
        (
            "/etc/netplan/99-other.yaml",
            "    enP2p1s0f1np1:\n      mtu: 1500\n",
            "gives enP2p1s0f1np1 the mtu 1500, not 9000, and comes after /etc/netplan/60-sparkctl.yaml",
        ),
        (
            "/etc/netplan/50-cloud-init.yaml",
            "    all-en:\n      match: {name: en*}\n      dhcp4: true\n",
            "covers enp1s0f1np1 by its entry 'all-en', with which one of ours would compete",
        ),
    ],
)
def test_a_file_that_contradicts_is_named_and_not_touched(path: str, body: str, reason: str) -> None:
    host = SimulatedHost()
    netplan_file(path, body)(host)
    diff = netplan_diff(host)
    assert diff.refuse == f"{path} {reason}"
    assert diff.hint is not None and path in diff.hint


def test_an_earlier_file_with_another_mtu_is_overridden() -> None:
    host = SimulatedHost()
    netplan_file("/etc/netplan/40-cx7.yaml", "    enP2p1s0f1np1:\n      mtu: 1500\n")(host)
    assert netplan_diff(host).refuse is None


def test_the_device_that_carries_our_session_is_not_touched() -> None:
    host = SimulatedHost()
    host.nics["enp1s0f1np1"].addresses = ["192.168.100.99/24"]
    refused = netplan_diff(host, protected=("192.168.1.21", "192.168.100.99")).refuse
    assert refused == "enp1s0f1np1 carries 192.168.100.99, over which this very session runs"
    assert netplan_diff(host).refuse is None


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    host = SimulatedHost()
    del host.nics["enP2p1s0f1np1"]
    diff = netplan_diff(host)
    assert diff.refuse is not None
    assert diff.refuse.startswith("there is no network device enP2p1s0f1np1 (there are: enP2p1s0f0np0, enP7s7")


def test_without_netplan_what_is_live_is_believed_and_what_is_not_is_asked_for() -> None:
    host = SimulatedHost(has_netplan=False)
    refused = netplan_diff(host).refuse
    assert refused is not None and "enp1s0f1np1 192.168.100.10/24" in refused
    for rail in RAILS:
        host.nics[rail.netdev].addresses = [rail.address]
        host.nics[rail.netdev].up, host.nics[rail.netdev].mtu = True, 9000
    assert not netplan_diff(host)


def test_carrier_loss_is_ignored_only_where_networkd_rules() -> None:
    host, wanted = SimulatedHost(), Netplan(RAILS, 9000)
    seen = value(host, wanted.fact)
    assert b"ignore-carrier: true" in put_of(list(wanted.apply(seen, wanted.diff(seen)))).content
    netplan_file("/etc/netplan/01-nm.yaml", "    enp1s0f1np1:\n      renderer: NetworkManager\n")(host)
    seen = value(host, wanted.fact)
    assert put_of(list(wanted.apply(seen, wanted.diff(seen)))).content.count(b"ignore-carrier") == 1


def test_an_uncabled_rail_says_so() -> None:
    host = SimulatedHost()
    host.nics["enp1s0f1np1"].up, host.nics["enp1s0f1np1"].carrier = True, False
    assert "enp1s0f1np1 address: none (no carrier) -> 192.168.100.10/24" in changes(netplan_diff(host))


def test_equal_addresses_in_another_spelling_are_equal() -> None:
    host = SimulatedHost()
    netplan_file("/etc/netplan/1.yaml", '    eth9:\n      addresses: ["192.168.100.10/24"]\n      mtu: 9000\n')(host)
    host.nics["eth9"] = host.nics.pop("enp1s0f1np1")
    wanted = Netplan((RailAddress("eth9", "192.168.100.10/255.255.255.0"),), 9000)
    assert not wanted.diff(value(applied(host), wanted.fact))
