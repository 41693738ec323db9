"""Hostile text in every field: refused with an `InventoryError`, or carried byte for byte where it is only data."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from inspect import isfunction, signature
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from sparkctl.inventory import fields
from sparkctl.inventory.cluster import Cluster
from sparkctl.inventory.loader import load
from sparkctl.inventory.problems import InventoryError
from sparkctl.inventory.secrets import looks_secret, masked
from sparkctl.inventory.show import resolved

HOSTILE = (
    "$(touch /tmp/x)",
    "`touch /tmp/x`",
    "a; touch /tmp/x",
    "a && b",
    "a | b",
    "a'b",
    'a"b',
    "a\\b",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "a\0b",
    "\x1b[2J",
    "-oProxyCommand=touch /tmp/x",
    "--privileged",
    "../../etc/passwd",
    "/../etc",
    "/srv/../etc",
    "a\u202eb",
    "\u2066a",
    "a\u200bb",
    "*",
    "~root",
    "$HOME",
    "%h",
    "{{ x }}",
    "a b",
    " a",
    "a ",
    "",
    " ",
    "é" * 10,
    "a" * 65_536,
    "a/" * 2_000,
    "a" * 300,
    "<script>",
    "a,b",
    "a=b",
    "a:b",
    "a@b:c",
    "#a",
    "&a",
    "!a",
)
DATA = {"docker_args", "env"}
"""Passed on as data: nothing but lines, secrets and unseen letters is refused there."""

PATHS = {"identity_file", "hf_token_file", "api_key_file"}
"""Paths on the controller, opened and nothing else: relative ones, `..` and blanks are the user's own business."""


def _strings(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all text values and of all keys the user chooses."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _strings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _strings(value, (*path, index))
    else:
        yield path


def _with(data: Any, path: tuple[str | int, ...], value: object) -> Any:
    data = copy.deepcopy(data)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return data


def _renamed(data: Any, path: tuple[str | int, ...], key: str) -> Any:
    data = copy.deepcopy(data)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[key] = inner.pop(path[-1])
    return data


def _texts(cluster: Cluster) -> list[str]:
    found = resolved(cluster)
    leaves: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                leaves.append(key)
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
        else:
            leaves.append(str(node))

    walk(found)
    return leaves


def _outcome(data: Any) -> Cluster | InventoryError:
    try:
        return load(json.dumps(data), "x.yml")
    except InventoryError as error:
        return error


def test_every_field(full: str) -> None:
    data = yaml.safe_load(full)
    fields = list(_strings(data))
    assert len(fields) > 30
    for path in fields:
        name = next(str(part) for part in reversed(path) if isinstance(part, str))
        for text in HOSTILE:
            found = _outcome(_with(data, path, text))
            if isinstance(found, InventoryError):
                # what the message shows is one printable line
                assert all(p.message.isprintable() and len(p.message) < 600 for p in found.problems), (path, text)
                assert any(p.line is not None for p in found.problems)
                continue
            section = {str(part) for part in path}
            assert text in _texts(found), (path, text, "neither refused nor carried")
            assert section & DATA or name in PATHS or _harmless(text), (path, text, "carried into a field it harms")


def _harmless(text: str) -> bool:
    """Plain words, and the ones of the list that only look odd: `a@b:c` is a jump host, 300 letters a short path."""
    return text in ("a@b:c", "a" * 300, "a:b") or (text.isascii() and text.isalnum())


def test_every_name_the_user_chooses(full: str) -> None:
    data = yaml.safe_load(full)
    keys = [
        ("hosts", "spark-2"),
        ("hosts", "spark-2", "fabric", "enp1s0f1np1"),
        ("hosts", "spark-2", "env", "OMP_NUM_THREADS"),
        ("runtime", "env", "NCCL_IB_TC"),
        ("serve", "port"),
        ("cluster",),
    ]
    for path in keys:
        for text in HOSTILE:
            assert isinstance(_outcome(_renamed(data, path, text)), InventoryError), (path, text)


def test_data_is_carried_byte_for_byte(full: str) -> None:
    for text in ("$(id)", "a'b\"c\\d", "a; b", "é ü", "--x=$HOME `id`", " a "):
        data = _with(yaml.safe_load(full), ("runtime", "docker_args", 0), text)
        data = _with(data, ("runtime", "env", "NCCL_IB_TC"), text)
        cluster = load(json.dumps(data), "x.yml")
        assert cluster.runtime.docker_args[0] == text
        assert dict(cluster.runtime.env)["NCCL_IB_TC"] == text


def test_numbers_as_variables_keep_their_digits(full: str) -> None:
    cluster = load(full, "x.yml")
    assert cluster.env_of(cluster.host("spark-2")) == {"NCCL_IB_TC": "106", "OMP_NUM_THREADS": "4"}


_PRIVATE = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=300, deadline=1000)
@given(st.sampled_from(range(34)), _PRIVATE)
def test_any_text_in_any_field(field: int, text: str) -> None:
    from tests.inventory.conftest import FULL

    data = yaml.safe_load(FULL)
    fields = list(_strings(data))
    path = fields[field % len(fields)]
    found = _outcome(_with(data, path, text))
    assert isinstance(found, InventoryError) or text in _texts(found)


def test_no_text_takes_a_pattern_long() -> None:
    """Patterns that try a long word from each of its letters, or in each of its halves, would take minutes."""
    checks = (*(value for value in vars(fields).values() if isfunction(value)), looks_secret, masked)
    singles = [check for check in checks if list(signature(check).parameters) == ["text"]]
    assert len(singles) > 12
    for unit in ("a", "1.", "a/", "/a", "a-", "a_", "a=", "-", "_", ".", "sk-", "://a:", "hf_", "-e", "@", "1"):
        for end in ("", "!", "="):
            text = unit * (4096 // len(unit)) + end
            for check in singles:
                started = time.process_time()
                with suppress(PydanticCustomError):
                    check(text)
                assert time.process_time() - started < 0.1, (check.__name__, unit, end)


@pytest.mark.parametrize("size", [5_000, 65_536, 500_000])
def test_long_values_are_refused_fast(size: int, full: str) -> None:
    found = _outcome(_with(yaml.safe_load(full), ("cluster",), "a" * size))
    assert isinstance(found, InventoryError)
    assert f"this text has {size} characters" in found.message
