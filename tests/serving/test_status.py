from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from sparkctl.facts.base import Missing
from sparkctl.facts.container import ASKED, CLUSTER, Container, containers_of
from sparkctl.inventory.cluster import Cluster, Host, Rail
from sparkctl.serving.nodes import Node, Nodes, ray_nodes
from sparkctl.serving.now import ANSWERS_NOW
from sparkctl.serving.ready import Answer, Completion
from sparkctl.serving.status import HERE, status, status_facts

HOSTS = tuple(
    Host(
        f"spark-{n}",
        f"192.168.1.2{n}",
        rails=(Rail("e", f"192.168.100.{9 + n}", 24),),
        role="head" if n == 1 else "worker",
    )
    for n in (1, 2)
)
CLUSTER_OF_TWO = Cluster("two-sparks", HOSTS)
TABLE = ray_nodes("192.168.100.10:6379").name
BOTH = Nodes((Node("a", "192.168.100.10", True, 1.0), Node("b", "192.168.100.11", True, 1.0)), 0.0, "2.60.0")
ONE = Nodes(BOTH.nodes[:1], 0.0, "2.60.0")
REAL = Answer(("tiny",), (Completion("chat", 200, 0.1234, "hello", 2),))
STARTING = Answer((), (), "URLError: Connection refused")
BROKEN = Answer(("tiny",), (Completion("chat", 500, 0.1, error="EngineCore"),))
NONE = Missing("vLLM does not run")
LOST = Missing("connecting to spark-2: no route to host")


def container(name: str, state: str = "running") -> Container:
    asked = json.dumps({"--served-model-name": "tiny", "--port": "8001"})
    return Container(name, "1" * 64, "img", "i", state, 1, "t", labels={CLUSTER: "two-sparks", ASKED: asked})


RAY, SERVE = container("sparkctl-ray"), container("sparkctl-serve")


def seen(first: Any, second: Any, nodes: Any, answer: Any) -> dict[str, dict[str, Any]]:
    mine = containers_of("two-sparks").name
    found: dict[str, dict[str, Any]] = {}
    for host, containers in (("spark-1", first), ("spark-2", second)):
        found[host] = {HERE.name: containers if containers is LOST else ("here",), mine: containers}
    found["spark-1"] |= {TABLE: nodes, ANSWERS_NOW.name: answer}
    return found


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (seen((), (), Missing("Ray is not up"), NONE), "down"),
        (seen((RAY,), (RAY,), BOTH, NONE), "up"),
        (seen((RAY, SERVE), (RAY,), BOTH, STARTING), "starting"),
        (seen((RAY, SERVE), (RAY,), BOTH, REAL), "serving"),
        (seen((RAY, SERVE), (RAY,), BOTH, BROKEN), "degraded"),
        (seen((RAY, SERVE), (RAY,), BOTH, Missing("the API does not answer")), "degraded"),
        (seen((RAY, SERVE), (RAY,), ONE, REAL), "degraded"),
        (seen((RAY, container("sparkctl-serve", "exited")), (RAY,), BOTH, NONE), "degraded"),
        (seen((RAY,), (), ONE, NONE), "degraded"),
        (seen((RAY, SERVE), LOST, ONE, REAL), "degraded"),
        (seen((), LOST, Missing("Ray is not up"), NONE), "degraded"),
        (seen((), Missing("docker did not answer within the deadline"), NONE, NONE), "degraded"),
        (seen(LOST, (RAY,), LOST, LOST), "unreachable"),
        (seen(Missing("this user may not talk to docker"), (RAY,), NONE, NONE), "degraded"),
    ],
)
def test_only_a_completion_is_serving(facts: dict[str, dict[str, Any]], state: str) -> None:
    found = status(CLUSTER_OF_TWO, facts)
    assert found["state"] == state
    assert json.loads(json.dumps(found)) == found


def test_the_contract_s_keys() -> None:
    found = status(CLUSTER_OF_TWO, seen((RAY, SERVE), (RAY,), BOTH, REAL))
    assert (found["model"], found["endpoint"]) == ("tiny", "http://192.168.1.21:8001/v1")
    assert found["completion"] == {"status": 200, "text": "hello", "seconds": 0.123}
    assert found["hosts"][1] == {
        "name": "spark-2",
        "reachable": True,
        "ray": {"role": "worker", "address": "192.168.100.11", "container": "running", "joined": True},
        "serving": {"container": None},
    }


def test_an_unreachable_host_says_why() -> None:
    found = status(CLUSTER_OF_TWO, seen((RAY,), LOST, ONE, NONE))
    assert found["hosts"][1]["reachable"] is False
    assert found["hosts"][1]["reason"] == LOST.reason


def test_the_questions_are_valid_shell_and_ask_only_the_head_for_the_model() -> None:
    asked = status_facts(CLUSTER_OF_TWO)
    assert ANSWERS_NOW in asked["spark-1"]
    assert ANSWERS_NOW not in asked["spark-2"]
    for fact in asked["spark-1"]:
        subprocess.run(["sh", "-n", "-c", fact.snippet], check=True, timeout=10)
