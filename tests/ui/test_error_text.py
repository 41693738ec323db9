"""A failure is one sentence, its evidence and one command; for a person and for a program."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from sparkctl.errors import (
    AuthenticationError,
    ConfigError,
    HostKeyError,
    Location,
    LockedError,
    PartlyDoneError,
    SparkctlError,
    StepFailed,
    UnreachableError,
    UsageError,
)
from sparkctl.ui.errors import EVIDENCE_LINES, error_json, error_lines

ERRORS = [
    StepFailed(
        "ensuring package.docker on spark-2: E: Unable to locate package docker.io",
        host="spark-2",
        step="package.docker",
        hint="sparkctl exec --hosts spark-2 -- sudo apt-get update",
        evidence="$ sudo -n -- apt-get install -y docker.io\nReading lists...\nE: Unable to locate package docker.io",
    ),
    UsageError("reading the command line: there is no command 'bootstap'", hint="sparkctl bootstrap"),
    ConfigError(
        "reading the inventory: hosts.spark-2.address: 'spark 2' is no address",
        hint="write an IPv4 address or a host name",
        location=Location("inventories/two-sparks.yml", 12, 5),
    ),
    UnreachableError(
        "connecting to spark-1: no answer from 192.168.1.21 port 22 within 10 s",
        host="spark-1",
        hint="ping 192.168.1.21",
    ),
    HostKeyError(
        "connecting to spark-1: its host key is not the pinned one; it was reinstalled, or another machine answers",
        host="spark-1",
        hint="sparkctl trust --forget spark-1",
        evidence="pinned:  ssh-ed25519 SHA256:aaaa\noffered: ssh-ed25519 SHA256:bbbb",
    ),
    AuthenticationError(
        "logging in to spark-1 as dan: the host refused every key we have",
        host="spark-1",
        hint="ssh-copy-id dan@192.168.1.21",
    ),
    PartlyDoneError("bootstrap: 1 of 2 hosts was done", hint="sparkctl bootstrap"),
    LockedError("bootstrap: dan@laptop holds the lock since 10:12", hint="sparkctl unlock 3f2a"),
]


@pytest.mark.parametrize("limit", [80, 200, None])
def test_every_error_class(snapshot: SnapshotAssertion, limit: int | None) -> None:
    shown = {type(error).__name__: error_lines([error], limit=limit, color=False) for error in ERRORS}
    assert shown == snapshot
    for error in ERRORS:
        assert f"fix: {error.hint}" in shown[type(error).__name__], "a fix is on one line, so that it can be copied"


def test_json_holds_the_keys_of_the_contract(snapshot: SnapshotAssertion) -> None:
    for error in ERRORS:
        assert {"code", "message", "host", "step", "hint", "location"} <= set(error_json(error))
    assert [error_json(error) for error in ERRORS] == snapshot


def test_the_same_failure_on_many_hosts_is_said_once() -> None:
    errors = [
        UnreachableError(f"connecting to s{n}: no route to host", host=f"s{n}", hint="sparkctl status")
        for n in (1, 2, 3)
    ]
    assert error_lines(errors, limit=None, color=False) == [
        "error: connecting to s1: no route to host (the same on s2, s3)",
        "fix: sparkctl status",
    ]


def test_a_message_that_does_not_name_its_host_gets_it() -> None:
    assert error_lines([StepFailed("starting ray: no", host="s9")], limit=None, color=False) == [
        "error: starting ray: no (on s9)"
    ]


def test_evidence_is_bounded_at_its_end() -> None:
    lines = error_lines([StepFailed("x", evidence="\n".join(f"line {n}" for n in range(99)))], limit=None, color=False)
    assert lines[1] == f"  | ... {99 - EVIDENCE_LINES} lines before"
    assert lines[-1] == "  | line 98"
    assert len(lines) == 2 + EVIDENCE_LINES


@given(st.text(), st.text(min_size=1), st.text(), st.sampled_from([None, 20, 80]))
def test_hostile_text_never_reaches_the_terminal(message: str, host: str, evidence: str, limit: int | None) -> None:
    error = SparkctlError("\x1b[2J" + message, host=host, evidence="\x1b]0;x\x07" + evidence, hint=message or None)
    for line in error_lines([error, error], limit=limit, color=False):
        assert not re.search("[\x00-\x1f\x7f-\x9f]", line)
    json.loads(json.dumps(error_json(error)))
