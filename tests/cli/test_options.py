"""The global options are found wherever people type them, and nothing else is taken away from a command."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.cli.options import LONG, Globals, hoist, wants_json
from sparkctl.errors import UsageError

TABLE: list[tuple[str, dict[str, Any], str]] = [
    ("up", {}, "up"),
    ("-i lab up", {"inventory": "lab"}, "up"),
    ("up -i lab", {"inventory": "lab"}, "up"),
    ("up -ilab", {"inventory": "lab"}, "up"),
    ("up -i=lab", {"inventory": "lab"}, "up"),
    ("--inventory=a=b up", {"inventory": "a=b"}, "up"),
    ("up --inventory a -i b", {"inventory": "b"}, "up"),
    (
        "bootstrap --dry-run --detailed-exitcode -o json",
        {"dry_run": True, "detailed_exitcode": True, "output": "json"},
        "bootstrap",
    ),
    ("status -ojson --hosts spark-[12],x", {"output": "json", "hosts": "spark-[12],x"}, "status"),
    ("down -y", {"yes": True}, "down"),
    ("down -vy", {"yes": True, "verbose": 1}, "down"),
    ("down -yvi lab", {"yes": True, "verbose": 1, "inventory": "lab"}, "down"),
    ("up -v -v", {"verbose": 2}, "up"),
    ("up -vv --verbose", {"verbose": 3}, "up"),
    ("--color=never up", {"color": "never"}, "up"),
    ("logs spark-1 -f", {}, "logs spark-1 -f"),
    ("logs -fv", {}, "logs -fv"),
    ("serve --model x --tp 2 -i lab", {"inventory": "lab"}, "serve --model x --tp 2"),
    ("exec -i lab -- uname -v -i x --yes -o json", {"inventory": "lab"}, "exec -- uname -v -i x --yes -o json"),
    ("-i lab -- up -v", {"inventory": "lab"}, "-- up -v"),
    ("--help", {"help": True}, ""),
    ("-v -h", {"help": True, "verbose": 1}, ""),
    ("up --help", {}, "up --help"),
    ("up -h", {}, "up --help"),
    ("--version", {"version": True}, ""),
]


@pytest.mark.parametrize(("line", "options", "words"), TABLE)
def test_hoist(line: str, options: dict[str, Any], words: str) -> None:
    parsed = hoist(line.split())
    assert parsed.options == Globals(**options)
    assert parsed.words == tuple(words.split())


@pytest.mark.parametrize(
    "line",
    [
        "up -i",
        "up --hosts",
        "up -i --dry-run",
        "up -o",
        "up -o yaml",
        "up --color=sometimes",
        "up --inventory=",
        "up -i=",
    ],
)
def test_a_value_that_is_missing_or_wrong_is_a_usage_error(line: str) -> None:
    with pytest.raises(UsageError) as raised:
        hoist(line.split())
    assert raised.value.exit_code == 2
    assert raised.value.hint


def test_the_wrong_choice_is_named_with_the_right_ones() -> None:
    with pytest.raises(UsageError, match="-o takes text or json, not 'yaml'"):
        hoist(["up", "-o", "yaml"])


@given(st.lists(st.text(max_size=8)), st.lists(st.text(max_size=8)))
def test_after_the_double_dash_nothing_is_ours(before: list[str], after: list[str]) -> None:
    ours = [word for word in before if not word.startswith("-")]
    parsed = hoist([*ours, "--", *after])
    assert parsed.words == (*ours, "--", *after)
    assert parsed.options == Globals()


@given(st.lists(st.sampled_from(["-v", "-y", "--dry-run", "-ix", "word", "-f", "--model=m"]), max_size=6), st.randoms())
def test_order_does_not_matter_to_options_nor_options_to_the_order_of_words(words: list[str], random: Any) -> None:
    ours = [word for word in words if word in ("-v", "-y", "--dry-run", "-ix")]
    theirs = [word for word in words if word not in ours]
    mixed = list(theirs)
    for word in ours:
        mixed.insert(random.randint(0, len(mixed)), word)
    parsed = hoist(mixed)
    assert parsed.words == tuple(theirs)
    assert parsed.options == hoist(ours).options


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("up -o json", True),
        ("up -ojson", True),
        ("up --output=json --hosts", True),
        ("up --output json", True),
        ("up -o text", False),
        ("exec -- x -o json", False),
        ("", False),
    ],
)
def test_json_is_known_even_where_the_line_is_wrong(line: str, wanted: bool) -> None:
    assert wants_json(line.split()) is wanted


def test_every_long_option_is_known_for_suggestions() -> None:
    assert {"--inventory", "--hosts", "--dry-run", "--yes", "--verbose"} <= set(LONG)
