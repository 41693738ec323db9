"""Inventories that people and attackers write: each fault is told at its place, with its cause and cure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparkctl.inventory.loader import load
from sparkctl.inventory.problems import InventoryError, Problem

Refused = Callable[[str | bytes], tuple[Problem, ...]]

BROKEN: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "broken_inventories.yml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", BROKEN)
def test_one_fault(name: str, full: str, refused: Refused) -> None:
    case = BROKEN[name]
    assert case["old"] in full
    found = refused(full.replace(case["old"], case["new"], 1))
    hit = next((p for p in found if p.path == case["path"] and case["message"] in p.message), None)
    assert hit is not None, found
    assert hit.line == case["line"]
    assert hit.column is not None
    assert case["hint"] in (hit.hint or ""), hit


ONE_FAULT_TWO_PLACES = {
    "host given twice",
    "host a word",
    "host name no",
    "host name with underscore",
    "rail reaches nobody",
}
"""A fault between two things is told at both; what stands below a broken thing may be broken with it."""


@pytest.mark.parametrize("name", sorted(set(BROKEN) - ONE_FAULT_TWO_PLACES))
def test_one_fault_is_told_once(name: str, full: str, refused: Refused) -> None:
    old, new = BROKEN[name]["old"], BROKEN[name]["new"]
    found = refused(full.replace(old, new, 1))
    assert len(found) == 1, found


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_columns_point_at_what_is_wrong(name: str, full: str, refused: Refused) -> None:
    old, new = BROKEN[name]["old"], BROKEN[name]["new"]
    text = full.replace(old, new, 1)
    lines = text.splitlines()
    for problem in refused(text):
        assert problem.line is not None and problem.column is not None
        assert problem.column <= len(lines[problem.line - 1]) + 1
        here = lines[problem.line - 1][problem.column - 1 :]
        assert not here.startswith(" "), (problem, here)


def test_all_faults_at_once_in_the_order_of_the_lines(refused: Refused) -> None:
    found = refused(
        "cluster: Two\n"
        "head: spark-3\n"
        "hosts:\n"
        "  spark-1: {address: 10.0.0.1, prot: 2222}\n"
        "  spark-2: {address: 10.0.0.1}\n"
        "fabric: {mtu: 64}\n"
        "nfs: [{export: ../x, server: nas}]\n"
        "serve: {port: yes}\n"
    )
    assert [(p.line, p.path) for p in found] == [
        (1, "cluster"),
        (2, "head"),
        (4, "hosts.spark-1.prot"),
        (5, "hosts.spark-2.address"),
        (6, "fabric.mtu"),
        (7, "nfs[0].export"),
        (7, "nfs[0].server"),
        (8, "serve.port"),
    ]


def test_what_stood_before_a_syntax_error_is_told_too(refused: Refused) -> None:
    found = refused("cluster: Two\nhead: yes\nhosts: [\n")
    assert [(p.line, p.path) for p in found] == [(1, "cluster"), (2, "head"), (4, "")]


def test_the_error_tells_them_all(full: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load(full.replace("two-sparks", "Two").replace("mtu: 9000", "mtu: 64"), "my.yml")
    error = caught.value
    assert error.exit_code == 3
    assert error.message == (
        "reading inventory my.yml: cluster: 'Two' is not a name: small letters, digits and hyphens are wanted, "
        "63 at most, a letter or digit first and last (and 1 more problem)"
    )
    assert error.hint == "write two"
    assert str(error.location) == "my.yml:1:10"
    assert error.evidence is not None and "my.yml:17:31: fabric.mtu" in error.evidence


def test_a_hundred_problems_are_enough(refused: Refused) -> None:
    found = refused("".join(f"key{n}: 1\n" for n in range(500)))
    assert len(found) == 101
    assert found[-1].message == "there are more problems than are shown"


def test_secrets_are_never_repeated(full: str, refused: Refused) -> None:
    secret = "hf_verysecretverysecretverysecret"
    for old, new in (
        ("{NCCL_IB_TC: 106}", f"{{HF_TOKEN: {secret}}}"),
        ("{NCCL_IB_TC: 106}", f"{{A: {secret}}}"),
        ("{NCCL_IB_TC: 106}", f"{{HF_TOKEN: [{secret}]}}"),
        ("[--shm-size, 10g]", f"[-e, HF_TOKEN={secret}]"),
        ("[--shm-size, 10g]", f"HF_TOKEN={secret}"),
        ("hf_token_file: ~/.token", f"hf_token: {secret}"),
    ):
        assert secret not in repr(refused(full.replace(old, new, 1))), new
