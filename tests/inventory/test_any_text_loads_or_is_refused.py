"""Whatever the bytes: a cluster or an `InventoryError` within a second, and nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparkctl.inventory import strict_yaml
from sparkctl.inventory.loader import load
from sparkctl.inventory.problems import InventoryError
from tests.inventory.conftest import FULL

_TOKENS = st.sampled_from(
    [
        *"\n \t:-?[]{},#&*!|>'\"%@`~=<\\",
        *("\n  ", "\n    ", ": ", "- ", "? ", "---\n", "...\n", "<<: ", "*a", "&a ", "!!str ", "%YAML 1.2\n", "\r\n"),
        *("cluster", "hosts", "head", "ssh", "fabric", "nfs", "runtime", "serve", "address", "port", "env", "image"),
        *(
            "spark-1",
            "x",
            "no",
            "1.10",
            "12:30:45",
            "0o17",
            "null",
            "true",
            "192.168.100.10/24",
            "\ufeff",
            "é",
            "\U0001f600",
        ),
    ]
)


def _try(content: str | bytes) -> None:
    try:
        load(content, "x.yml")
    except InventoryError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.message and problem.message.isprintable()
            assert problem.line is None or (problem.line >= 1 and problem.column is not None and problem.column >= 1)


@settings(max_examples=300, deadline=1000)
@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbfcluster: x")
@example(b"\xff\xfe")
def test_bytes(content: bytes) -> None:
    _try(content)


@settings(max_examples=300, deadline=1000)
@given(st.text(max_size=300))
@example("\ud800")
@example("a: \ud800")
@example("\u2028")
@example("a\u0085b")
def test_text(content: str) -> None:
    _try(content)


@settings(max_examples=600, deadline=1000)
@given(st.lists(_TOKENS, max_size=60).map("".join))
def test_yaml_soup(content: str) -> None:
    _try(content)


@settings(max_examples=400, deadline=1000)
@given(st.integers(0, len(FULL)), st.integers(0, 30), st.lists(_TOKENS, max_size=4).map("".join))
def test_a_good_file_cut_and_patched(at: int, length: int, patch: str) -> None:
    _try(FULL[:at] + patch + FULL[at + length :])


@settings(max_examples=200, deadline=1000)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["cluster", "hosts", "head", "fabric", "nfs", "address", "env", "a", "clients", "server"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_structure(data: object) -> None:
    import json

    _try(json.dumps(data))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 1_000_000,
        "{" * 1_000_000,
        "- " * 500_000,
        "a: " * 300_000,
        "? " * 500_000,
        "[]," * 300_000,
        "a:\n" + " b:\n" * 250_000,
        "'" * 1_000_000,
        '"' + "\\" * 1_000_000,
        "&a " * 300_000,
        "!" * 1_000_000,
        "\n" * 1_000_000,
        "#" * 1_000_000,
        "k: v\n" * 200_000,
        "".join(f"k{n}: v\n" for n in range(90_000)),
        "hosts:\n" + "".join(f"  h{n}: {{address: 10.0.0.1}}\n" for n in range(5_000)),
        "hosts:\n"
        + "".join(
            f"  h{n}: {{address: a{n}, fabric: {{e0: {{address: 10.0.{n % 250}.1/24}}}}}}\n" for n in range(2_000)
        ),
        "nfs:\n" + "".join(f"  - {{export: /srv/{n % 50}, server: a}}\n" for n in range(2_500)),
        "\x01" * 1_000_000,
        "a: |\n" + " x\n" * 300_000,
    ],
    ids=lambda content: f"{content[:12]!r}",
)
def test_a_megabyte_of_anything_takes_a_second(content: str) -> None:
    content = content[: strict_yaml.MAX_BYTES]
    started = time.process_time()
    with pytest.raises(InventoryError):
        load(content, "x.yml")
    assert time.process_time() - started < 1.0


def test_a_valid_inventory_of_64_hosts_loads_in_50_ms() -> None:
    hosts = "".join(
        f"  spark-{n}:\n    address: 192.168.1.{n}\n    fabric:\n"
        f"      enp1s0f1np1: {{address: 192.168.100.{n}/24}}\n"
        f"      enP2p1s0f1np1: {{address: 192.168.101.{n}/24}}\n    env: {{A: {n}}}\n"
        for n in range(1, 65)
    )
    text = f"cluster: big\nhead: spark-1\nhosts:\n{hosts}fabric: {{topology: switch}}\n"
    load(text, "x.yml")
    took = []
    for _ in range(5):
        started = time.process_time()
        assert len(load(text, "x.yml").hosts) == 64
        took.append(time.process_time() - started)
    assert min(took) < 0.05
