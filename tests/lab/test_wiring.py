"""Cables, as NICs see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.lab import addresses, hosts, wiring
from sparkctl.lab.wiring import CABLED, MANAGEMENT, NETDEVS, Wiring

PAIR = ("spark-1", "spark-2")
TRIO = (*PAIR, "spark-3")
RAIL = CABLED[0]


def powered(*names: str) -> Wiring:
    new = wiring.wire(names)
    for name in names:
        new = new.switched(name, True)
    return new


def carriers(now: Wiring, netdev: str = RAIL) -> list[bool]:
    return [now.carrier((host, netdev)) for host in now.hosts]


def test_a_pair_has_carrier_on_both_rails_and_none_on_the_other_port() -> None:
    now = powered(*PAIR)
    assert carriers(now, "enp1s0f1np1") == carriers(now, "enP2p1s0f1np1") == carriers(now, MANAGEMENT) == [True, True]
    assert carriers(now, "enp1s0f0np0") == carriers(now, "enP2p1s0f0np0") == [False, False]


def test_a_pulled_cable_is_dark_at_both_ends_and_only_that_cable() -> None:
    now = powered(*PAIR).pulled([("spark-2", RAIL)])
    assert carriers(now) == [False, False]
    assert carriers(now, CABLED[1]) == [True, True]
    assert carriers(now, MANAGEMENT) == [True, True]


def test_a_cable_pulled_at_one_end_can_be_mended_from_the_other() -> None:
    now = powered(*PAIR).pulled([("spark-2", RAIL)]).mended([("spark-1", RAIL)])
    assert carriers(now) == [True, True]
    assert not now.cut


def test_the_peer_of_a_host_without_power_loses_the_direct_cable_but_not_the_management_network() -> None:
    now = powered(*PAIR).switched("spark-2", False)
    assert not now.carrier(("spark-1", RAIL))
    assert now.carrier(("spark-1", MANAGEMENT))


def test_at_a_switch_a_pulled_plug_or_a_dead_host_is_nobody_elses_loss() -> None:
    now = powered(*TRIO).pulled([("spark-2", RAIL)]).switched("spark-3", False)
    assert carriers(now) == [
        True,
        False,
        True,
    ]  # spark-3's switch port is up: whether spark-3 sees it is its own matter
    assert carriers(now, MANAGEMENT) == [True, True, True]


def test_a_single_spark_has_no_fabric() -> None:
    now = powered("spark-1")
    assert [cable.name for cable in now.cables] == [wiring.MANAGEMENT_CABLE]
    assert carriers(now) == [False]


def test_more_hosts_turn_the_cable_into_a_switch_and_keep_faults_and_power() -> None:
    old = powered(*PAIR).pulled([("spark-2", RAIL)])
    new = wiring.extend(old, TRIO)
    assert not any(cable.direct for cable in new.cables)
    assert (new.cut, new.powered) == (old.cut, old.powered)
    assert carriers(new)[:2] == [True, False]


PLUGS = st.tuples(st.sampled_from(TRIO), st.sampled_from(sorted(NETDEVS)))


@given(st.integers(1, 3), st.frozensets(PLUGS), st.frozensets(st.sampled_from(TRIO)))
def test_what_is_written_down_is_read_back(count: int, cut: frozenset[wiring.Plug], on: frozenset[str]) -> None:
    now = wiring.wire(TRIO[:count]).pulled(cut)
    for host in on:
        now = now.switched(host, True)
    assert wiring.load(wiring.dump(now)) == now


@given(st.frozensets(PLUGS))
def test_mending_everything_undoes_every_cut(plugs: frozenset[wiring.Plug]) -> None:
    whole = powered(*TRIO)
    assert whole.pulled(plugs).mended([(host, dev) for host in TRIO for dev in NETDEVS]) == whole


def test_names_and_addresses_of_64_hosts_are_possible_and_distinct() -> None:
    indices = range(addresses.MOST)
    ports = [wiring.panel_port(index, dev) for index in indices for dev in NETDEVS]
    macs = [wiring.mac(index, dev) for index in indices for dev in NETDEVS]
    ips = [addresses.management(index) for index in indices] + [addresses.CONTROLLER, addresses.SERVICES]
    for names in (ports, macs, ips, [hosts.name(index) for index in indices]):
        assert len(set(names)) == len(names)
    assert max(map(len, ports)) <= 15  # IFNAMSIZ - 1
    assert all(len(mac) == 17 and int(mac[:2], 16) & 3 == 2 for mac in macs)  # local, unicast


@pytest.mark.parametrize("index", [0, 1, 63])
def test_every_rail_is_a_network_of_its_own(index: int) -> None:
    fabric = addresses.fabric(index)
    assert tuple(fabric) == CABLED
    assert len({address.rsplit(".", 1)[0] for address in fabric.values()}) == 2
