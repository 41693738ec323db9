from __future__ import annotations

import json

from sparkctl.flows.down import down
from sparkctl.flows.serve import serve
from sparkctl.flows.stop import stop
from sparkctl.flows.up import up
from sparkctl.serving.vllm import Request
from tests.flows.conftest import Hosts, stack

TINY = Request("lab/tiny")


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


def test_stop_ends_vllm_and_leaves_ray(hosts: Hosts) -> None:
    hosts.converge((*up(stack()), *serve(stack(), TINY)))
    report, _ = hosts.converge(stop(stack()))
    assert report.errors == ()
    assert report.proofs == ("the GPUs are free: 2 of 2 GPUs free",)
    assert names(hosts, "spark-1") == names(hosts, "spark-2") == ["sparkctl-ray"]
    assert hosts.converge(stop(stack()))[1] == {"spark-1": [], "spark-2": []}


def test_stop_where_nothing_is_up_is_nothing_to_do(hosts: Hosts) -> None:
    report, sent = hosts.converge(stop(stack()))
    assert (report.errors, report.proofs) == ((), ("the GPUs are free: Ray is not up",))
    assert sent == {"spark-1": [], "spark-2": []}


def test_down_removes_all_of_ours_and_nothing_of_anyone_elses(hosts: Hosts) -> None:
    hosts.converge((*up(stack()), *serve(stack(), TINY)))
    foreign(hosts, "spark-1", "node-1234", {})
    foreign(hosts, "spark-2", "other", {"sparkctl.cluster": "another", "sparkctl.role": "head"})
    foreign(hosts, "spark-2", "old", {"sparkctl.cluster": "two-sparks", "sparkctl.role": "probe"})
    report, sent = hosts.converge(down(stack()))
    assert report.errors == ()
    assert names(hosts, "spark-1") == ["node-1234"]
    assert names(hosts, "spark-2") == ["other"]
    assert not hosts.root.parent.joinpath("secrets", "two-sparks").exists()
    first = [line for line in sent["spark-1"] if line.startswith("docker rm")]
    assert len(first) == 2
    assert hosts.converge(down(stack()))[1] == {"spark-1": [], "spark-2": []}


def test_vllm_ends_before_ray_and_the_workers_before_the_head(hosts: Hosts) -> None:
    hosts.converge((*up(stack()), *serve(stack(), TINY)))
    hosts.events.clear()
    hosts.converge(down(stack()))
    ended = [(e.host, e.step) for e in hosts.events if e.kind == "step.action" and e.text.startswith("docker stop")]
    assert ended == [
        ("spark-1", "no-containers.serve"),
        ("spark-2", "no-containers.worker"),
        ("spark-1", "no-containers.any"),
    ]


def test_down_cut_anywhere_is_finished_by_the_next(hosts: Hosts) -> None:
    for actions in range(5):
        hosts.converge((*up(stack()), *serve(stack(), TINY)))
        hosts.converge(down(stack()), cut=("spark-1", actions))
        report, _ = hosts.converge(down(stack()))
        assert report.errors == ()
        assert names(hosts, "spark-1") == names(hosts, "spark-2") == []


def test_down_then_up_then_serve_again(hosts: Hosts) -> None:
    for _ in range(2):
        report, _ = hosts.converge((*up(stack()), *serve(stack(), TINY)))
        assert report.errors == ()
        assert hosts.converge(down(stack()))[0].errors == ()
