from __future__ import annotations

import json

import pytest

from sparkctl.flows.down import down
from sparkctl.flows.serve import serve
from sparkctl.flows.stop import stop
from sparkctl.flows.up import up
from tests.flows.conftest import TINY, Hosts, stack


def names(hosts: Hosts, host: str) -> list[str]:
    state = hosts.file(host, "docker.json")
    return sorted(one["name"] for one in json.loads(state.read_text()).values()) if state.exists() else []


def foreign(hosts: Hosts, host: str, name: str, labels: dict[str, str]) -> None:
    state = hosts.file(host, "docker.json")
    containers = json.loads(state.read_text()) if state.exists() else {}
    containers[name * 4] = {
        "id": name * 4,
        "name": name,
        "image": "x",
        "image_id": "sha256:2",
        "labels": labels,
        "args": [],
        "state": {"Status": "running", "ExitCode": 0, "StartedAt": "2026-11-21T09:00:00Z"},
    }
    state.write_text(json.dumps(containers))


def test_stop_ends_vllm_and_leaves_ray(serving: Hosts) -> None:
    report, _ = serving.converge(stop(stack()))
    assert report.errors == ()
    assert report.proofs == ("the GPUs are free: 2 of 2 GPUs free",)
    assert names(serving, "spark-1") == names(serving, "spark-2") == ["sparkctl-ray"]
    assert serving.converge(stop(stack()))[1] == {"spark-1": [], "spark-2": []}


def test_stop_where_nothing_is_up_is_nothing_to_do(hosts: Hosts) -> None:
    report, sent = hosts.converge(stop(stack()))
    assert (report.errors, report.proofs) == ((), ("the GPUs are free: Ray is not up",))
    assert sent == {"spark-1": [], "spark-2": []}


def test_down_removes_all_of_ours_and_nothing_of_anyone_elses(serving: Hosts) -> None:
    foreign(serving, "spark-1", "node-1234", {})
    foreign(serving, "spark-2", "other", {"sparkctl.cluster": "another", "sparkctl.role": "head"})
    foreign(serving, "spark-2", "old", {"sparkctl.cluster": "two-sparks", "sparkctl.role": "probe"})
    report, sent = serving.converge(down(stack()))
    assert report.errors == ()
    assert names(serving, "spark-1") == ["node-1234"]
    assert names(serving, "spark-2") == ["other"]
    assert not serving.root.parent.joinpath("secrets", "two-sparks").exists()
    first = [line for line in sent["spark-1"] if line.startswith("docker rm")]
    assert len(first) == 2
    assert serving.converge(down(stack()))[1] == {"spark-1": [], "spark-2": []}


def test_vllm_ends_before_ray_and_the_workers_before_the_head(serving: Hosts) -> None:
    serving.events.clear()
    serving.converge(down(stack()))
    ended = [(e.host, e.step) for e in serving.events if e.kind == "step.action" and e.text.startswith("docker stop")]
    assert ended == [
        ("spark-1", "no-containers.serve"),
        ("spark-2", "no-containers.worker"),
        ("spark-1", "no-containers.any"),
    ]


@pytest.mark.parametrize("actions", [0, 2, 4])
def test_down_cut_anywhere_is_finished_by_the_next(serving: Hosts, actions: int) -> None:
    serving.converge(down(stack()), cut=("spark-1", actions))
    report, _ = serving.converge(down(stack()))
    assert report.errors == ()
    assert names(serving, "spark-1") == names(serving, "spark-2") == []


def test_down_then_up_then_serve_again(serving: Hosts) -> None:
    assert serving.converge(down(stack()))[0].errors == ()
    report, _ = serving.converge((*up(stack()), *serve(stack(), TINY)))
    assert report.errors == ()
