from __future__ import annotations

import csv
import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.ensure import secret
from sparkctl.ensure.base import Change
from sparkctl.ensure.container import ContainerRunning, ContainersAbsent, ContainerSpec, Mount, by_name, differences
from sparkctl.errors import ConfigError, UsageError
from sparkctl.facts.container import ASKED, CLUSTER, SPEC, Container, Named
from sparkctl.inventory.cluster import Cluster, Fabric, Host, Rail, Runtime, Share
from sparkctl.serving.node import GIB, NodeState
from sparkctl.serving.ray import addresses, ray_spec
from sparkctl.serving.vllm import Request, parallel, serve_spec, vllm_words
from sparkctl.ssh.command import Command

SPARK = NodeState("/home/dan", 120 * GIB, True, 1, ("rocep1s0f1", "roceP2p1s0f1"), {"192.168.1.21": "enP7s7"})
VIRTUAL = NodeState("/home/spark", 24 * GIB)


def rails(n: int) -> tuple[Rail, ...]:
    return (Rail("enp1s0f1np1", f"192.168.100.{9 + n}", 24), Rail("enP2p1s0f1np1", f"192.168.101.{9 + n}", 24))


def pair(**more: object) -> Cluster:
    hosts = (
        Host("spark-1", "192.168.1.21", rails=rails(1), role="head"),
        Host("spark-2", "192.168.1.22", rails=rails(2), env=(("NCCL_DEBUG", "INFO"),)),
    )
    return Cluster("two-sparks", hosts, Fabric("pair"), **more)  # type: ignore[arg-type]


def line(spec: ContainerSpec) -> list[str]:
    """The words of docker run behind the labels."""
    words = list(spec.docker_run())
    return words[words.index("--name") :]


HEAD = """
--name sparkctl-ray --gpus all --network host --ulimit memlock=-1 --ulimit stack=67108864
--log-opt max-size=50m --log-opt max-file=3 --restart no --ipc shareable --shm-size 10.24g --init
--device /dev/infiniband --cap-add IPC_LOCK
--env GLOO_SOCKET_IFNAME=enp1s0f1np1 --env HF_TOKEN_PATH=/run/sparkctl/hf-token
--env NCCL_IB_HCA=rocep1s0f1,roceP2p1s0f1
--env NCCL_IGNORE_CPU_AFFINITY=1 --env NCCL_NET=IB --env NCCL_SOCKET_IFNAME=enp1s0f1np1
--env OMPI_MCA_btl_tcp_if_include=enp1s0f1np1 --env RAY_AUTH_MODE=token
--env RAY_AUTH_TOKEN_PATH=/run/sparkctl/ray-token --env RAY_USAGE_STATS_ENABLED=0
--env RAY_memory_monitor_refresh_ms=0 --env TP_SOCKET_IFNAME=enp1s0f1np1 --env UCX_NET_DEVICES=enp1s0f1np1
--env VLLM_HOST_IP=192.168.100.10 --env VLLM_RPC_BASE_PATH=/tmp/ray
--mount type=bind,source=/var/lib/sparkctl/two-sparks,target=/run/sparkctl,readonly
--mount type=bind,source=/home/dan/.cache/huggingface,target=/root/.cache/huggingface
--mount type=bind,source=/home/dan/.cache/vllm,target=/root/.cache/vllm
--mount type=bind,source=/home/dan/.cache/flashinfer,target=/root/.cache/flashinfer
--mount type=bind,source=/home/dan/.triton,target=/root/.triton
--mount type=volume,target=/tmp/ray
--entrypoint ray nvcr.io/nvidia/vllm:25.11-py3
start --head --port 6379 --dashboard-host 127.0.0.1 --dashboard-port 8265 --node-ip-address 192.168.100.10
--num-gpus 1 --object-store-memory 1073741824 --disable-usage-stats --block
"""


def test_the_head_of_two_real_sparks_to_the_word() -> None:
    cluster = pair()
    assert line(ray_spec(cluster, cluster.head, SPARK)) == HEAD.split()


def test_a_worker_joins_the_head_from_its_own_address() -> None:
    cluster = pair()
    spec = ray_spec(cluster, cluster.workers[0], VIRTUAL)
    words = line(spec)
    assert spec.role == "worker"
    assert words[words.index("start") :] == [
        *("start", "--address", "192.168.100.10:6379", "--node-ip-address", "192.168.100.11", "--num-gpus", "1"),
        *("--object-store-memory", "1073741824", "--disable-usage-stats", "--block"),
    ]
    assert "NCCL_DEBUG=INFO" in words
    assert "/dev/infiniband" not in words
    assert not [word for word in words if word.startswith("NCCL_IB")]


def test_a_value_of_the_host_wins_over_the_shared_one_and_over_ours() -> None:
    runtime = Runtime(env=(("NCCL_DEBUG", "WARN"), ("RAY_memory_monitor_refresh_ms", "250")))
    cluster = pair(runtime=runtime)
    assert ray_spec(cluster, cluster.head, VIRTUAL).env["NCCL_DEBUG"] == "WARN"
    assert ray_spec(cluster, cluster.workers[0], VIRTUAL).env["NCCL_DEBUG"] == "INFO"
    assert ray_spec(cluster, cluster.head, VIRTUAL).env["RAY_memory_monitor_refresh_ms"] == "250"


def test_a_share_lies_at_the_same_path_inside_on_server_and_clients() -> None:
    cluster = pair(shares=(Share("/srv/models", "spark-1", "/models", ("spark-2",), "ro"),))
    inside = [
        next(mount for mount in ray_spec(cluster, host, SPARK).mounts if mount.target == "/models")
        for host in cluster.hosts
    ]
    assert [mount.source for mount in inside] == ["/srv/models", "/models"]
    assert all(mount.read_only for mount in inside)


def test_the_object_store_is_small_where_memory_is() -> None:
    assert NodeState("/h", 8 * GIB).object_store == GIB // 2
    assert NodeState("/h", GIB).object_store == 80 * 1024 * 1024
    assert SPARK.object_store == GIB


def test_nodes_that_meet_by_name_only_are_refused() -> None:
    cluster = Cluster("one", (Host("spark-1", "spark-1.local", role="head"),))
    with pytest.raises(ConfigError, match=r"spark-1\.local is not an IPv4 address"):
        addresses(cluster)


SERVE = """
lab/tiny --served-model-name tiny --host 0.0.0.0 --port 8000 --tensor-parallel-size 2 --pipeline-parallel-size 1
--distributed-executor-backend ray --max-model-len 512 --max-num-seqs 8 --enforce-eager --foo bar
"""


def test_vllm_is_asked_to_the_word() -> None:
    request = Request(
        "lab/tiny",
        "tiny",
        max_model_len=512,
        arguments={"max_num_seqs": 8, "enforce-eager": True, "max-model-len": 99, "seed": None, "enable_lora": False},
        extra=("--foo", "bar"),
    )
    assert list(vllm_words(pair(), request)) == SERVE.split()


def test_vllms_container_stands_beside_ray_and_says_which() -> None:
    spec = serve_spec(pair(), Request("lab/tiny", env={"HF_HUB_OFFLINE": "1"}), "abc started 10:00", SPARK)
    words = line(spec)
    assert words[words.index("--volumes-from") + 1] == "sparkctl-ray"
    assert words[words.index("--pid") + 1] == words[words.index("--ipc") + 1] == "container:sparkctl-ray"
    assert "RAY_ADDRESS=192.168.100.10:6379" in words
    assert "HF_HUB_OFFLINE=1" in words
    assert spec.asked()["Ray"] == "abc started 10:00"
    names = spec.args[3]
    assert {"NCCL_IB_HCA", "NCCL_DEBUG", "VLLM_HOST_IP", "VLLM_API_KEY"} <= set(json.loads(names))


@pytest.mark.parametrize(
    ("tp", "pp", "expected"),
    [(None, None, (2, 1)), (None, 2, (1, 2)), (2, None, (2, 1)), (1, 1, (1, 1)), (1, 2, (1, 2))],
)
def test_parallelism_fills_the_gpus(tp: int | None, pp: int | None, expected: tuple[int, int]) -> None:
    assert parallel(pair(), Request("m", tensor_parallel=tp, pipeline_parallel=pp)) == expected


@pytest.mark.parametrize(("tp", "pp"), [(3, None), (2, 2), (None, 3)])
def test_more_gpus_than_there_are_is_refused(tp: int | None, pp: int | None) -> None:
    with pytest.raises(UsageError, match="the cluster has 2"):
        parallel(pair(), Request("m", tensor_parallel=tp, pipeline_parallel=pp))


@pytest.mark.parametrize("model", ["", "-m", "--help", "a\nb", "a\0b", "./here", "~/m", "../up"])
def test_what_is_no_model_is_refused(model: str) -> None:
    with pytest.raises(UsageError):
        Request(model)


@pytest.mark.parametrize("word", ["--api-key", "--api-key=canary", "--api_key=canary", "--hf-token"])
def test_a_secret_among_the_arguments_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(UsageError) as refused:
        Request("m", extra=(word, "canary"))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("word", ["--port", "--port=1", "--served-model-name", "--served_model_name=x"])
def test_what_sparkctl_must_know_itself_is_refused_behind_the_dashes(word: str) -> None:
    with pytest.raises(UsageError, match="sparkctl has to know it"):
        Request("m", extra=(word,))


HOSTILE = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=40)


@given(extra=st.lists(HOSTILE, max_size=4), name=HOSTILE, value=HOSTILE)
def test_arguments_are_carried_byte_for_byte(extra: list[str], name: str, value: str) -> None:
    try:
        request = Request("org/model", name or None, extra=tuple(extra), env={"X": value})
    except UsageError:
        return
    argv = serve_spec(pair(), request, "r", SPARK).docker_run()
    assert list(argv[len(argv) - len(extra) :]) == extra
    assert argv[argv.index("--served-model-name") + 1] == (name or "org/model")
    assert f"X={value}" in argv
    assert shlex.split(Command(argv).shell()) == list(argv)


@given(source=HOSTILE.filter(lambda text: "\n" not in text and "\r" not in text), read_only=st.booleans())
def test_a_mount_survives_docker_s_reading_of_it(source: str, read_only: bool) -> None:
    option = Mount(f"/{source}", "/x", read_only).option()
    assert next(csv.reader([option])) == ["type=bind", f"source=/{source}", "target=/x", *(["readonly"] * read_only)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--port", "8000"), {"--port": "8000"}),
        (("--port=8000",), {"--port": "8000"}),
        (("--eager", "--seed", "-1"), {"--eager": "yes", "--seed": "-1"}),
        (("model", "-x", "y"), {"argument 1": "model", "-x": "y"}),
        (("--env", "A=1", "--env", "B=2"), {"--env": "A=1, B=2"}),
        (("-",), {"argument 1": "-"}),
    ],
)
def test_an_argv_by_name(words: tuple[str, ...], expected: dict[str, str]) -> None:
    assert by_name(words) == expected


@given(st.lists(HOSTILE))
def test_by_name_is_total(words: list[str]) -> None:
    by_name(words)


def test_differences_name_each_argument() -> None:
    before, after = {"--max-model-len": "512", "--seed": "1"}, {"--max-model-len": "1024", "env A": "b"}
    assert differences(before, after) == (
        Change("--max-model-len", "512", "1024"),
        Change("env A", "(not set)", "b"),
        Change("--seed", "1", "(not set)"),
    )


SPEC_OF = ContainerSpec("c", "mine", "head", "img", "ray", ("start", "--block"))


def seen(**more: object) -> Named:
    labels = {CLUSTER: "mine", SPEC: SPEC_OF.digest, ASKED: "{}"}
    values = {"name": "c", "id": "1" * 64, "image": "img", "image_id": "sha256:1", "state": "running", "labels": labels}
    return Named(Container(**{**values, **more}), "sha256:1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "changes"),
    [
        (seen(), []),
        (Named(None, "sha256:1"), ["c: absent -> running"]),
        (seen(state="exited", exit_code=137, oom_killed=True), ["c: exited with code 137 (out of memory) -> running"]),
        (seen(image_id="sha256:0"), ["content of the image: 0 -> 1"]),
        (
            seen(labels={CLUSTER: "mine", SPEC: "other", ASKED: '{"--block": "no"}'}),
            ["image: (not set) -> img", "entrypoint: (not set) -> ray", "argument 1: (not set) -> start"],
        ),
        (seen(labels={CLUSTER: "mine", SPEC: "other", ASKED: "][hostile"}), ["image: (not set) -> img"]),
    ],
)
def test_what_differs_about_a_container(found: Named, changes: list[str]) -> None:
    diff = ContainerRunning(SPEC_OF).diff(found)
    assert [str(change) for change in diff.changes][: len(changes)] == changes
    assert bool(diff.changes) is bool(changes)


@pytest.mark.parametrize(("labels", "hint"), [({}, "docker inspect c"), ({CLUSTER: "other"}, "sparkctl -i other down")])
def test_somebody_elses_container_is_refused(labels: dict[str, str], hint: str) -> None:
    diff = ContainerRunning(SPEC_OF).diff(seen(labels=labels))
    assert diff.refuse is not None
    assert diff.hint == hint


def test_removal_is_by_id_and_only_of_what_was_seen_as_ours() -> None:
    ours = Container("c", "2" * 64, "img", "i", "running", labels={CLUSTER: "mine", "sparkctl.role": "serve"})
    ended = Container("d", "3" * 64, "img", "i", "exited", labels={CLUSTER: "mine", "sparkctl.role": "head"})
    ensure = ContainersAbsent("mine", ("serve",))
    actions = ensure.apply((ours, ended), ensure.diff((ours, ended)))
    assert [str(action) for action in actions] == [
        f"docker stop --time 40 {'2' * 64}",
        f"docker rm --force --volumes {'2' * 64}",
    ]


def test_a_secret_is_nowhere_in_what_is_shown() -> None:
    ensure = secret.SecretFile("mine", secret.API_KEY, b"sk-canary")
    request = Request("m", api_key=b"sk-canary", hf_token=b"hf-canary")
    spec = serve_spec(pair(), request, "r", SPARK)
    shown = [repr(ensure), repr(request), repr(spec), *spec.docker_run(), *map(str, spec.asked().values())]
    assert not [text for text in shown if "canary" in text]
