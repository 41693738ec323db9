"""What is meant: defaults filled in, hosts in their order, rails that meet, and who `--hosts` means."""

from __future__ import annotations

import pytest

from sparkctl.errors import UsageError
from sparkctl.inventory.cluster import DEFAULT_IMAGE, Cluster, Fabric, Host, Rail, Runtime, Serve, Share, Ssh, selected
from sparkctl.inventory.loader import load

NAMES = ("spark-1", "spark-2", "spark-3", "gx10-a")


def test_the_smallest_inventory() -> None:
    cluster = load("cluster: one\nhead: a\nhosts: {a: {address: spark-1.local}}\n", "x.yml")
    assert cluster == Cluster(
        "one",
        (Host("a", "spark-1.local", Ssh(None, None, 22, None), (), (), "head"),),
        Fabric("none", 9000),
        (),
        Runtime(DEFAULT_IMAGE, None, "ray", (), (), None, None, "~/.cache/huggingface"),
        Serve(8000, None),
        None,
        (),
    )
    assert cluster.head.fabric_address == "spark-1.local"
    assert cluster.workers == ()


def test_the_fullest_inventory(full: str) -> None:
    cluster = load(full, "x.yml")
    head, worker = cluster.hosts
    assert head == Host(
        "spark-1",
        "192.168.1.21",
        Ssh("dan", "~/.ssh/id_ed25519", 22, "bastion"),
        (Rail("enp1s0f1np1", "192.168.100.10", 24), Rail("enP2p1s0f1np1", "192.168.101.10", 24)),
        (),
        "head",
    )
    assert worker.ssh == Ssh("eve", "~/.ssh/id_ed25519", 22, "bastion")
    assert worker.fabric_address == "192.168.100.11"
    assert cluster.fabric == Fabric("pair", 9000)
    assert cluster.shares == (Share("/home/dan/.cache/huggingface", "spark-1", "/srv/huggingface", ("spark-2",), "ro"),)
    assert cluster.runtime.docker_args == ("--shm-size", "10g")
    assert (cluster.runtime.hf_token_file, cluster.runtime.hf_token_env) == ("~/.token", "HF_TOKEN")
    assert (cluster.serve.api_key_file, cluster.lab) == ("./key", "rack")
    assert cluster.warnings == ()


def test_byte_order_mark_and_windows_line_ends_do_no_harm(full: str) -> None:
    windows = b"\xef\xbb\xbf" + full.replace("\n", "\r\n").encode()
    assert load(windows, "x.yml") == load(full, "x.yml")


def test_an_image_of_ones_own(full: str) -> None:
    runtime = load(full.replace("image: nvcr.io/nvidia/vllm:25.11-py3", "image: {build: ./image}"), "x.yml").runtime
    assert (runtime.image, runtime.build) == (None, "./image")


@pytest.mark.parametrize(
    "image",
    [
        "vllm",
        "vllm/vllm-openai:v0.11.0",
        "localhost:5000/a/b__c-d.e:1",
        f"nvcr.io/nvidia/vllm@sha256:{'0' * 64}",
        f"nvcr.io/nvidia/vllm:25.11-py3@sha256:{'f' * 64}",
        "MyRegistry.example:443/x",
    ],
)
def test_image_references(image: str, full: str) -> None:
    assert load(full.replace("nvcr.io/nvidia/vllm:25.11-py3", image), "x.yml").runtime.image == image


@pytest.mark.parametrize("address", ["10.0.0.7", "spark-7", "spark-7.local", "SPARK.example.", "fd00::7", "127.0.0.1"])
def test_addresses(address: str, full: str) -> None:
    cluster = load(full.replace("address: 192.168.1.22", f'address: "{address}"'), "x.yml")
    assert cluster.host("spark-2").address == address


def test_ssh_of_a_host_goes_before_the_clusters(full: str) -> None:
    for text in ("    port: 2222\n    jump: dan@gate:22\n", "    ssh: {port: 2222, jump: dan@gate:22}\n"):
        cluster = load(full.replace("    user: eve\n", text), "x.yml")
        assert cluster.host("spark-2").ssh == Ssh("dan", "~/.ssh/id_ed25519", 2222, "dan@gate:22")


def test_one_address_with_two_ports_is_two_hosts(full: str) -> None:
    text = full.replace("address: 192.168.1.22", "address: 192.168.1.21\n    port: 2222")
    assert [host.ssh.port for host in load(text, "x.yml").hosts] == [22, 2222]


def test_the_head_comes_first_and_the_others_as_written() -> None:
    text = "cluster: c\nhead: b\nhosts: {c: {address: c}, a: {address: a}, b: {address: b}}\n"
    cluster = load(text, "x.yml")
    assert [(host.name, host.role) for host in cluster.hosts] == [("b", "head"), ("c", "worker"), ("a", "worker")]
    assert cluster.head.name == "b"


def test_first_rails_meet_in_whatever_order_they_are_written() -> None:
    rails = [("e1", "192.168.100.{}/24"), ("e2", "192.168.101.{}/24")]
    hosts = ""
    for number, order in ((1, rails), (2, rails[::-1])):
        lines = "".join(f"      {dev}: {{address: {at.format(number)}}}\n" for dev, at in order)
        hosts += f"  s{number}:\n    address: 10.0.0.{number}\n    fabric:\n{lines}"
    cluster = load(f"cluster: c\nhead: s1\nhosts:\n{hosts}", "x.yml")
    assert [host.fabric_address for host in cluster.hosts] == ["192.168.100.1", "192.168.100.2"]
    assert [rail.netdev for rail in cluster.hosts[1].rails] == ["e1", "e2"]


def _stack(nets: dict[str, list[str]], topology: str = "") -> str:
    hosts = ""
    for name, addresses in nets.items():
        lines = "".join(f"      e{index}: {{address: {address}}}\n" for index, address in enumerate(addresses))
        hosts += f"  {name}:\n    address: {name}.local\n" + (f"    fabric:\n{lines}" if lines else "")
    return f"cluster: c\nhead: {next(iter(nets))}\nhosts:\n{hosts}" + (
        f"fabric: {{topology: {topology}}}\n" if topology else ""
    )


RING = {
    "a": ["10.1.0.1/24", "10.3.0.2/24"],
    "b": ["10.2.0.1/24", "10.1.0.2/24"],
    "c": ["10.3.0.1/24", "10.2.0.2/24"],
}


@pytest.mark.parametrize(
    ("nets", "topology"),
    [
        ({"a": []}, "none"),
        ({"a": ["10.1.0.1/24"]}, "none"),
        ({"a": [], "b": []}, "none"),
        ({"a": ["10.1.0.1/24"], "b": ["10.1.0.2/24"]}, "pair"),
        ({"a": ["10.1.0.0/31"], "b": ["10.1.0.1/31"]}, "pair"),
        ({"a": ["10.1.0.1/24"], "b": ["10.1.0.2/24"], "c": ["10.1.0.3/24"]}, "switch"),
        (RING, "ring"),
    ],
)
def test_the_topology_is_read_from_the_networks(nets: dict[str, list[str]], topology: str) -> None:
    assert load(_stack(nets), "x.yml").fabric.topology == topology


def test_nodes_of_a_ring_meet_on_the_management_network() -> None:
    for text in (_stack(RING), _stack(RING, "ring")):
        cluster = load(text, "x.yml")
        assert [host.fabric_address for host in cluster.hosts] == ["a.local", "b.local", "c.local"]
        assert len(cluster.head.rails) == 2


def test_hosts_that_could_meet_nowhere_are_refused() -> None:
    from sparkctl.inventory.problems import InventoryError

    with pytest.raises(InventoryError, match="they could meet nowhere"):
        load(_stack(RING, "switch"), "x.yml")


def test_nvidias_legacy_layout_is_warned_of_and_taken() -> None:
    nets = {"a": ["10.1.0.1/24", "10.1.0.2/24"], "b": ["10.1.0.3/24", "10.1.0.4/24"]}
    cluster = load(_stack(nets), "x.yml")
    assert [(w.path, w.line) for w in cluster.warnings] == [
        ("hosts.a.fabric.e1.address", 8),
        ("hosts.b.fabric.e1.address", 13),
    ]
    assert "the kernel may send over either" in cluster.warnings[0].message


def test_link_local_rails_and_unmanaged_rails_are_warned_of() -> None:
    nets = {"a": ["169.254.1.1/16"], "b": ["169.254.1.2/16"]}
    messages = [warning.message for warning in load(_stack(nets, "none"), "x.yml").warnings]
    assert sum("another after a reboot" in message for message in messages) == 2
    assert sum("never set" in message for message in messages) == 2


def test_the_cache_is_where_it_is_shared(full: str) -> None:
    cluster = load(full.replace("  hf_cache: /srv/huggingface\n", ""), "x.yml")
    assert cluster.runtime.hf_cache == "/srv/huggingface"
    assert cluster.hf_cache_on(cluster.host("spark-1")) == "/home/dan/.cache/huggingface"
    assert cluster.hf_cache_on(cluster.host("spark-2")) == "/srv/huggingface"
    elsewhere = load(full.replace("hf_cache: /srv/huggingface", "hf_cache: ~/models/"), "x.yml")
    assert elsewhere.hf_cache_on(elsewhere.head) == "~/models"


def test_clients_are_all_others_unless_named(full: str) -> None:
    share = load(full.replace("clients: [spark-2], ", ""), "x.yml").shares[0]
    assert share.clients == ("spark-2",)
    assert load(full.replace("clients: [spark-2]", "clients: []"), "x.yml").shares[0].clients == ()


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (None, NAMES),
        ("spark-1", ("spark-1",)),
        ("spark-3,spark-1", ("spark-1", "spark-3")),
        ("spark-*", ("spark-1", "spark-2", "spark-3")),
        ("spark-[23], gx10-?", ("spark-2", "spark-3", "gx10-a")),
        ("!spark-1", ("spark-2", "spark-3", "gx10-a")),
        ("spark-*,!spark-2", ("spark-1", "spark-3")),
        ("!spark-2,spark-*", ("spark-1", "spark-3")),
    ],
)
def test_selected(pattern: str | None, found: tuple[str, ...]) -> None:
    assert selected(NAMES, pattern) == found


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("spark-9", "'spark-9' is none of the inventory's hosts (spark-1, spark-2, spark-3, gx10-a)", "--hosts spark-"),
        ("spark-1,worker", "'worker' is none of", "sparkctl inventory show"),
        ("!spark1", "'spark1' is none of", "--hosts spark-1"),
        ("*,!*", "leaves no host", "--hosts spark-1"),
        ("", "leaves no host", "--hosts spark-1"),
        (",", "leaves no host", "--hosts spark-1"),
        ("$(id)", "is none of", "sparkctl inventory show"),
    ],
)
def test_selected_refuses(pattern: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        selected(NAMES, pattern)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_hosts_by_name(full: str) -> None:
    cluster = load(full, "x.yml")
    assert [host.name for host in cluster.select("*-2")] == ["spark-2"]
    with pytest.raises(UsageError, match="'spark-7' is none"):
        cluster.host("spark-7")


def test_the_cluster_module_imports_no_pydantic() -> None:
    import subprocess
    import sys

    imports = "import sys, sparkctl.inventory.cluster, sparkctl.inventory.files"
    code = f"{imports}; print({{'pydantic', 'yaml'}} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
