"""Ports, rails and what they can do."""

from __future__ import annotations

import pytest

from sparkctl.hardware import spark


@pytest.mark.parametrize(
    ("netdev", "hca"),
    [
        ("enp1s0f0np0", "rocep1s0f0"),
        ("enp1s0f1np1", "rocep1s0f1"),
        ("enP2p1s0f0np0", "roceP2p1s0f0"),
        ("enP2p1s0f1np1", "roceP2p1s0f1"),
        ("enp1s0f1", "rocep1s0f1"),
        ("enP7s7", None),
        ("wlP9s9", None),
        ("eth0", None),
        ("docker0", None),
        ("", None),
    ],
)
def test_the_hca_of_a_rail(netdev: str, hca: str | None) -> None:
    assert spark.hca_of(netdev) == hca


def test_the_table_and_the_rule_agree() -> None:
    for port in spark.PORTS:
        for rail in port.rails:
            assert spark.hca_of(rail.netdev) == rail.hca
            assert spark.port_of(rail.netdev) is port


def test_rails_are_paired_by_function_and_not_by_domain() -> None:
    assert spark.sibling_of("enp1s0f1np1") == "enP2p1s0f1np1"
    assert spark.sibling_of("enP2p1s0f0np0") == "enp1s0f0np0"
    assert spark.sibling_of("enP7s7") is None
    for port in spark.PORTS:
        assert {rail.pci[-1] for rail in port.rails} == {str(port.number)}
        assert len({rail.pci[:4] for rail in port.rails}) == 2


@pytest.mark.parametrize(
    ("nbytes", "floor"),
    [(1 << 20, None), ((512 << 20) - 1, None), (512 << 20, 17.5), (1 << 30, 19.0), (3 << 30, 21.0), (16 << 30, 21.9)],
)
def test_what_an_all_gather_must_reach(nbytes: int, floor: float | None) -> None:
    assert spark.expected_busbw(nbytes) == floor
