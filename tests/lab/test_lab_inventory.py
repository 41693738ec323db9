"""The inventory that `-i lab` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkctl.inventory import loader
from sparkctl.lab import inventory

KEY = Path("/run/sparkctl-lab/keys/id_ed25519")


@pytest.mark.parametrize("nodes", [1, 2, 3, 64])
def test_it_is_an_inventory_without_fault(nodes: int) -> None:
    cluster = loader.load(inventory.text(nodes, KEY), "lab.yml")
    assert (cluster.name, cluster.lab, cluster.head.name) == ("lab", "default", "spark-1")
    assert [host.name for host in cluster.hosts] == [f"spark-{number}" for number in range(1, nodes + 1)]
    assert {(host.ssh.user, host.ssh.identity_file) for host in cluster.hosts} == {("spark", str(KEY))}
    assert cluster.warnings == ()


def test_two_hosts_share_a_cable_and_a_cache() -> None:
    text = inventory.text(2, KEY)
    assert "enP2p1s0f1np1: {address: 192.168.101.11/24}" in text
    assert "topology: pair, mtu: 9000" in text
    assert "export: /home/spark/.cache/huggingface, server: spark-1" in text


def test_more_hosts_meet_at_a_switch() -> None:
    assert "topology: switch" in inventory.text(3, KEY)


def test_one_host_shares_nothing() -> None:
    text = inventory.text(1, KEY)
    assert "nfs:" not in text
    assert "fabric:" not in text
