from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sparkctl.converge import to_json
from sparkctl.ensure import secret
from sparkctl.errors import ConfigError
from sparkctl.flows.down import down
from sparkctl.flows.serve import serve
from sparkctl.flows.up import up
from sparkctl.serving.vllm import Request
from tests.flows.conftest import Hosts, stack


def started(sent: list[str]) -> list[str]:
    return [line for line in sent if line.startswith("docker run")]


def test_two_hosts_join_and_the_second_run_only_asks(hosts: Hosts) -> None:
    report, sent = hosts.converge(up(stack()))
    assert report.errors == ()
    assert report.exit_code == 0
    assert "all nodes in Ray: 2 of 2 nodes ALIVE, 2 GPUs, Ray 2.60.0" in report.proofs
    assert len(started(sent["spark-1"])) == len(started(sent["spark-2"])) == 1
    again, sent = hosts.converge(up(stack()))
    assert again.errors == ()
    assert again.counts == {"ok": 4}
    assert sent == {"spark-1": [], "spark-2": []}


def test_the_token_is_the_same_everywhere_and_nowhere_to_be_seen(hosts: Hosts) -> None:
    _, sent = hosts.converge(up(stack()))
    token = Path(secret.path("two-sparks", secret.RAY_TOKEN))
    assert len(token.read_text()) == 64
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    seen = [*sent["spark-1"], *sent["spark-2"], *(str(event) for event in hosts.events)]
    seen += [path.read_text() for path in hosts.root.rglob("docker.json")]
    assert not [text for text in seen if token.read_text() in text]


def test_a_dry_run_says_what_the_first_run_then_does(hosts: Hosts) -> None:
    told = to_json(hosts.plan(up(stack())))
    assert [(change["host"], change["ensure"]) for change in told["changes"]] == [
        ("spark-1", "secret.ray-token"),
        ("spark-1", "container.sparkctl-ray"),
    ]
    assert [item["reason"] for item in told["unknown"]] == [
        "known after spark-1/secret.ray-token",
        "known after spark-1/container.sparkctl-ray",
    ]
    run = told["changes"][1]["commands"][-2]
    assert run.startswith("docker run --detach --label sparkctl.cluster=two-sparks --label sparkctl.role=head")
    _, sent = hosts.converge(up(stack()))
    assert run in sent["spark-1"]


def test_a_changed_variable_restarts_the_head_says_why_and_that_the_workers_follow(raised: Hosts) -> None:
    changed = stack(env=(("NCCL_IB_TC", "106"),))
    told = to_json(raised.plan(up(changed)))
    assert [change["before"] for change in told["changes"]] == [{"env NCCL_IB_TC": "(not set)"}]
    assert [item["reason"] for item in told["unknown"]] == ["known after spark-1/container.sparkctl-ray"]
    report, sent = raised.converge(up(changed))
    assert report.errors == ()
    assert [line.split()[:2] for line in sent["spark-2"]] == [
        ["docker", "stop"],
        ["docker", "rm"],
        ["mkdir", "-p"],
        ["docker", "run"],
        ["sh", "-euc"],
    ]


def test_workers_follow_a_new_head(raised: Hosts) -> None:
    state = raised.file("spark-1", "docker.json")
    state.write_text(state.read_text().replace('"running"', '"exited"'))
    report, sent = raised.converge(up(stack()))
    assert report.errors == ()
    assert len(started(sent["spark-2"])) == 1
    assert raised.converge(up(stack()))[1] == {"spark-1": [], "spark-2": []}


def test_a_foreign_container_of_our_name_is_left_alone(raised: Hosts) -> None:
    state = raised.file("spark-2", "docker.json")
    state.write_text(state.read_text().replace('"sparkctl.cluster": "two-sparks", ', ""))
    report, sent = raised.converge(up(stack()))
    assert report.exit_code == 1
    assert "was not started by sparkctl" in report.errors[0].message
    assert report.errors[0].hint == "docker inspect sparkctl-ray"
    assert sent["spark-2"] == []
    _, sent = raised.converge(down(stack()))
    assert not [line for line in sent["spark-2"] if line.startswith("docker")]


@pytest.mark.parametrize(
    ("fault", "said", "message", "hint"),
    [
        (
            "docker",
            "permission denied while trying to connect to the docker API",
            "may not talk to docker",
            "bootstrap",
        ),
        ("docker", "Cannot connect to the Docker daemon at unix:///x", "docker is not running", "systemctl start"),
        ("image", "Error response from daemon: No such image: x", "is not there", "sparkctl bootstrap"),
        ("layers", "sha256:bb", "the content of nvcr.io/nvidia/vllm:25.11-py3 is not spark-1's", "sparkctl bootstrap"),
        ("ray", "2.53.0", "Ray 2.53.0 in the image, the head has 2.60.0", "sparkctl bootstrap"),
        ("run", 'could not select device driver "" with capabilities: [[gpu]]', "cannot hand out GPUs", "nvidia-ctk"),
    ],
)
def test_what_stands_in_the_way_is_told_before_anything_is_started(
    hosts: Hosts, fault: str, said: str, message: str, hint: str
) -> None:
    hosts.fault("spark-2", fault, said)
    report, sent = hosts.converge(up(stack()))
    assert report.exit_code == 1
    assert message in report.errors[0].message
    assert hint in (report.errors[0].hint or "")
    assert report.errors[0].host == "spark-2" or "spark-2" in report.errors[0].message
    assert not started(sent["spark-1"])


def test_a_port_that_somebody_else_has_is_told_with_their_name(hosts: Hosts) -> None:
    line = 'LISTEN 0 128 0.0.0.0:6379 0.0.0.0:* users:(("redis-server",pid=812,fd=6))\n'
    hosts.file("spark-1", "listeners").write_text(line)
    report, _ = hosts.converge(up(stack()))
    assert "port 6379, which Ray needs, is taken by redis-server (process 812)" in report.errors[0].message


def test_a_node_that_does_not_join_is_blamed_with_its_last_words(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkctl.flows.up.JOIN_SECONDS", 0.2)
    hosts.fault("spark-2", "join")
    hosts.fault("spark-2", "log", "gcs_client.cc:210: Failed to get cluster ID: RPC error: InvalidAuthToken: wrong\n")
    report, _ = hosts.converge(up(stack()))
    error = report.errors[0]
    assert (error.message, error.host, error.hint) == (
        "joining spark-2 to Ray: its Ray token is not the head's",
        "spark-2",
        "sparkctl down && sparkctl up",
    )
    assert "InvalidAuthToken" in (error.evidence or "")


def test_a_container_that_ends_at_once_is_blamed_at_once(hosts: Hosts) -> None:
    hosts.fault("spark-1", "exits")
    report, _ = hosts.converge(up(stack()))
    assert report.exit_code == 1
    assert report.seconds < 20
    assert "it exited at once with code 1" in report.errors[0].message


@pytest.mark.parametrize("actions", [1, 3])
def test_a_run_cut_anywhere_is_finished_by_the_next(hosts: Hosts, actions: int) -> None:
    hosts.converge(up(stack()), cut=("spark-1", actions))
    report, _ = hosts.converge(up(stack()))
    assert report.errors == ()


def test_one_host_alone_is_a_cluster(hosts: Hosts) -> None:
    hosts.names = ("spark-1",)
    report, _ = hosts.converge(up(stack(1)))
    assert report.errors == ()
    assert "all nodes in Ray: 1 of 1 nodes ALIVE, 1 GPUs, Ray 2.60.0" in report.proofs


@pytest.mark.parametrize("launcher", ["mp", "slurm"])
def test_a_launcher_that_is_not_there_yet_is_refused_and_not_ignored(launcher: str) -> None:
    cluster = stack()
    cluster = replace(cluster, runtime=replace(cluster.runtime, launcher=launcher))
    with pytest.raises(ConfigError, match=f"launcher {launcher}"):
        up(cluster)
    with pytest.raises(ConfigError, match=f"launcher {launcher}"):
        serve(cluster, Request("m"))
