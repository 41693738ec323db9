"""The whole bootstrap, planned and converged over two fake Sparks by the pure half of the engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sparkctl.converge.plan import Verdict, items, wanted
from sparkctl.errors import ConfigError
from sparkctl.facts.base import Missing
from sparkctl.facts.network import Link, Probe, Reach
from sparkctl.flows.bootstrap import bootstrap
from sparkctl.flows.neighbours import address_for, paths
from sparkctl.flows.phase import Flow, Gate, NotYet, Phase, Proven, Refuted
from sparkctl.inventory.cluster import Cluster, Fabric, Host, Rail, Runtime, Share, Ssh
from sparkctl.ssh.command import Action
from tests.ensure.simulated_answers import value
from tests.ensure.simulated_host import SimulatedHost

CACHE = "/home/dan/.cache/huggingface"
IMAGE = "nvcr.io/nvidia/vllm:25.11-py3"
RAILS = ("enp1s0f1np1", "enP2p1s0f1np1")


def host(n: int, rails: tuple[str, ...] = RAILS) -> Host:
    addressed = tuple(Rail(netdev, f"192.168.{100 + k}.{9 + n}", 24) for k, netdev in enumerate(rails))
    return Host(f"spark-{n}", f"192.168.1.{20 + n}", Ssh("dan"), addressed, role="head" if n == 1 else "worker")


def cluster(hosts: int = 2, **more: Any) -> Cluster:
    every = tuple(host(n + 1) for n in range(hosts))
    shares = (Share(CACHE, "spark-1", CACHE, tuple(h.name for h in every[1:])),)
    return Cluster("two-sparks", every, Fabric("pair", 9000), shares, Runtime(image=IMAGE), **more)


def sparks(of: Cluster) -> dict[str, SimulatedHost]:
    found = {}
    for each in of.hosts:
        found[each.name] = SimulatedHost(each.name, session=each.address)
        found[each.name].nics["enP7s7"].addresses = [f"{each.address}/24"]
    return found


Seen = dict[str, dict[str, Any]]


def look(flow: Flow, hosts: Mapping[str, SimulatedHost]) -> Seen:
    seen: Seen = {name: {} for name in hosts}
    while need := wanted(flow, seen):
        for name, facts in need.items():
            seen[name].update({fact.name: value(hosts[name], fact) for fact in facts})
    return seen


def converge(flow: Flow, hosts: Mapping[str, SimulatedHost], most: int | None = None) -> list[tuple[str, Action]]:
    """Phase by phase, in rounds, as the engine does; at most `most` actions, as if the controller then died."""
    sent: list[tuple[str, Action]] = []
    for phase in flow:
        for _ in range(8):
            due = [i for i in items([phase], look((phase,), hosts), {}) if i.verdict is Verdict.CHANGE]
            if not due:
                break
            for item in due:
                for action in item.actions:
                    if most is not None and len(sent) >= most:
                        return sent
                    hosts[item.host].carry_out([action])
                    sent.append((item.host, action))
        settled = items([phase], look((phase,), hosts), {})
        assert {item.verdict for item in settled} == {Verdict.OK}, [(i.host, i.key, i.reason, i.diff) for i in settled]
    return sent


def test_the_phases_in_order() -> None:
    assert [phase.title for phase in bootstrap(cluster())] == [
        "Access",
        "Fabric",
        "Trust between nodes",
        "NFS server",
        "NFS clients",
        "Image",
    ]


def test_phases_that_do_not_apply_are_absent() -> None:
    one = replace(cluster(1), fabric=Fabric("none"), shares=())
    assert [phase.title for phase in bootstrap(one)] == ["Access", "Image"]
    no_rails = replace(cluster(), hosts=(host(1, ()), host(2, ())), shares=())
    assert [phase.title for phase in bootstrap(no_rails)] == ["Access", "Trust between nodes", "Image"]


def test_a_dockerfile_is_refused_as_configuration() -> None:
    with pytest.raises(ConfigError, match="not supported yet"):
        bootstrap(replace(cluster(), runtime=Runtime(image=None, build="docker")))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_bare_machines_become_a_stack_and_the_second_run_does_nothing(count: int) -> None:
    of = cluster(count)
    hosts, flow = sparks(of), bootstrap(of)
    assert converge(flow, hosts)
    before = copy.deepcopy(hosts)
    assert converge(flow, hosts) == []
    assert hosts == before
    for name, spark in hosts.items():
        assert spark.nics["enp1s0f1np1"].addresses == [f"192.168.100.{9 + int(name[-1])}/24"]
        assert IMAGE in spark.images
        assert (CACHE in spark.mounts) == (name != "spark-1")


def test_the_plan_before_the_first_run_lists_what_the_first_run_does() -> None:
    """Items that cannot be known yet are said to be unknown, and everything else is done one to one."""
    of = cluster()
    hosts, flow = sparks(of), bootstrap(of)
    made = items(flow, look(flow, hosts), {})
    assert {item.verdict for item in made} <= {Verdict.CHANGE, Verdict.UNKNOWN, Verdict.OK}
    unknown = {(item.host, item.key): item.reason for item in made if item.verdict is Verdict.UNKNOWN}
    assert unknown[("spark-1", "authorized-keys")] == "known after spark-2/ssh-key"
    assert unknown[("spark-2", "image")] == "known after group.docker"
    assert all(reason.startswith("known after ") for reason in unknown.values())

    planned = {str(action) for item in made for action in item.actions}
    done = {str(action) for _, action in converge(flow, hosts)}
    assert planned <= done
    keys_unknown = {key for _, key in unknown}
    assert keys_unknown <= {
        "authorized-keys", "image", "export", "service.nfs-server.service", f"mount.{CACHE}"
    }  # fmt: skip


def test_a_run_that_died_after_any_action_is_finished_by_the_next() -> None:
    of = cluster()
    flow = bootstrap(of)
    whole = sparks(of)
    total = len(converge(flow, whole))
    for cut in range(total):
        hosts = sparks(of)
        converge(flow, hosts, most=cut)
        converge(flow, hosts)
        assert converge(flow, hosts) == []
        for name in hosts:
            assert hosts[name].files == whole[name].files, f"cut after {cut}"
            assert hosts[name].exports == whole[name].exports


def test_a_host_that_joins_later_is_let_in_by_those_that_are_done() -> None:
    two, three = cluster(2), cluster(3)
    hosts = sparks(three)
    converge(bootstrap(two), hosts)
    made = items(bootstrap(three), look(bootstrap(three), hosts), {})
    assert not [(item.host, item.key, item.reason) for item in made if item.verdict is Verdict.FAILED]
    converge(bootstrap(three), hosts)
    assert b"spark-3" in hosts["spark-1"].files["/home/dan/.ssh/authorized_keys"].content


def test_no_two_steps_of_a_host_share_a_key_and_every_need_is_a_key() -> None:
    of = cluster(3)
    keys = {f"{name}/{step.key}" for phase in bootstrap(of) for name in phase.hosts for step in phase.steps(name)}
    for phase in bootstrap(of):
        for name in phase.hosts:
            for step in phase.steps(name):
                for need in getattr(step, "needs", ()):
                    assert need in keys or f"{name}/{need}" in keys


def test_private_keys_stay_where_they_are_made() -> None:
    of = cluster()
    hosts = sparks(of)
    sent = converge(bootstrap(of), hosts)
    assert not any("PRIVATE" in str(getattr(action, "content", "")) for _, action in sent)
    assert hosts["spark-1"].key != hosts["spark-2"].key
    let_in = hosts["spark-2"].files["/home/dan/.ssh/authorized_keys"].content.decode()
    assert let_in == f"{hosts['spark-1'].key} sparkctl:two-sparks:spark-1\n"
    config = hosts["spark-1"].files["/home/dan/.ssh/sparkctl_two-sparks_config"].content.decode()
    assert "Host spark-2\n  HostName 192.168.100.11\n" in config
    assert "StrictHostKeyChecking yes" in config and "StrictHostKeyChecking no" not in config


# --- paths


def test_every_rail_meets_its_namesake_in_both_directions() -> None:
    found = {(p.near.name, p.near_rail.netdev, p.far.name, p.far_rail.netdev) for p in paths(cluster())}
    assert found == {(a, r, b, r) for a, b in (("spark-1", "spark-2"), ("spark-2", "spark-1")) for r in RAILS}


def test_rails_that_share_no_network_are_no_path() -> None:
    ring = tuple(
        Host(
            f"spark-{n}", f"192.168.1.2{n}", rails=(Rail("a", f"10.0.{n}.1", 24), Rail("b", f"10.0.{n % 3 + 1}.2", 24))
        )
        for n in (1, 2, 3)
    )
    found = {(p.near.name, p.near_rail.netdev, p.far.name) for p in paths(Cluster("ring", ring))}
    assert len(found) == 6
    assert ("spark-1", "b", "spark-2") in found
    assert address_for(ring[0], ring[1]) == "10.0.2.1"
    assert address_for(ring[1], ring[0]) == "10.0.2.2"


def test_without_a_common_rail_the_management_address_serves() -> None:
    assert address_for(host(1, ()), host(2)) == "192.168.1.22"


# --- gates


def gate(title: str, of: Cluster) -> Gate:
    found = next(phase.gate for phase in bootstrap(of) if phase.title == title)
    assert found is not None
    return found


def answers(of: Gate, hosts: Mapping[str, SimulatedHost]) -> Seen:
    return {name: {fact.name: value(hosts[name], fact) for fact in facts} for name, facts in of.facts.items()}


def fabric_seen(of: Cluster, **wrong: Reach) -> tuple[Gate, Seen]:
    judged = gate("Fabric", of)
    seen: Seen = {}
    for each in of.hosts:
        links = {rail.netdev: Link(rail.netdev, 9000, True, True, (rail.interface,)) for rail in each.rails}
        reached = {
            Probe(p.near_rail.address, p.far_rail.address, 8972): wrong.get(
                each.name.replace("-", ""), Reach(True, True)
            )
            for p in paths(of)
            if p.near.name == each.name
        }
        asked = {fact.name for fact in judged.facts[each.name]}
        seen[each.name] = {name: links if name == "links" else reached for name in asked}
    return judged, seen


def test_the_fabric_is_proven_by_full_frames_both_ways() -> None:
    judged, seen = fabric_seen(cluster())
    assert judged.judge(seen) == Proven("packets of 9000 bytes pass on 4 of 4 paths between 2 hosts")
    judged, seen = fabric_seen(cluster(), spark2=Reach(False, False, "Destination Host Unreachable"))
    waiting = judged.judge(seen)
    assert isinstance(waiting, NotYet) and (waiting.done, waiting.total) == (2, 4)
    assert waiting.waiting_for.startswith("spark-2 to spark-1 over enp1s0f1np1 (192.168.100.11 to 192.168.100.10)")


def test_a_smaller_mtu_on_the_way_is_told_from_no_answer() -> None:
    judged, seen = fabric_seen(cluster(), spark2=Reach(False, True, "message too long, mtu=1500"))
    assert judged.blame is not None
    blamed = judged.blame(seen, Refuted("late"))
    assert "small packets pass, packets of 9000 bytes do not" in blamed.message
    assert (blamed.host, blamed.evidence) == ("spark-2", "message too long, mtu=1500")


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (Link("enp1s0f1np1", 9000, True, False), "enp1s0f1np1 on spark-2 has no carrier: no cable"),
        (Link("enp1s0f1np1", 9000, False, None), "enp1s0f1np1 on spark-2 is switched off"),
        (None, "spark-2 has no network device enp1s0f1np1"),
    ],
)
def test_a_dead_link_is_blamed_before_the_silence_it_causes(link: Link | None, message: str) -> None:
    judged, seen = fabric_seen(cluster(), spark1=Reach(False, False), spark2=Reach(False, False))
    seen["spark-2"]["links"] = {"enp1s0f1np1": link, "enP2p1s0f1np1": Link("x", 9000, True, True)} if link else {}
    assert judged.blame is not None
    blamed = judged.blame(seen, Refuted("late"))
    assert blamed.message.startswith(message)
    assert blamed.host == "spark-2"


def test_nodes_that_cannot_log_in_to_each_other_are_named() -> None:
    of = cluster(3)
    judged = gate("Trust between nodes", of)
    seen = answers(judged, sparks(of))
    assert judged.judge(seen) == Proven("each of 3 nodes logged in to each other")
    seen["spark-3"]["peer-login spark-1"] = Missing("Host key verification failed.")
    assert judged.judge(seen) == NotYet("spark-3 logging in to spark-1: Host key verification failed.", 5, 6)
    assert judged.blame is not None
    assert judged.blame(seen, Refuted("late")) == Refuted(
        "spark-3 logging in to spark-1: Host key verification failed.",
        "spark-3",
        hint="on spark-3: ssh -v spark-1 true",
    )


def nfs_seen(of: Cluster) -> tuple[Gate, Seen]:
    judged, hosts = gate("NFS clients", of), sparks(of)
    hosts["spark-2"].mounts[CACHE] = (f"192.168.100.10:{CACHE}", "nfs4", "rw")
    return judged, answers(judged, hosts)


def test_clients_that_see_what_the_server_has() -> None:
    judged, seen = nfs_seen(cluster())
    assert judged.judge(seen) == Proven("1 mount shows what the server has")


@pytest.mark.parametrize(
    ("fact", "wrong", "expected"),
    [
        (f"listing {CACHE}", "4567", NotYet),
        (f"listing {CACHE}", Missing("Stale file handle"), Refuted),
        (f"mounted {CACHE}", None, Refuted),
    ],
)
def test_a_client_that_sees_something_else(fact: str, wrong: object, expected: type) -> None:
    judged, seen = nfs_seen(cluster())
    seen["spark-2"][fact] = wrong
    judgement = judged.judge(seen)
    assert isinstance(judgement, expected)
    assert "spark-2" in str(judgement)


def test_different_numbers_for_one_user_are_said_before_they_hurt() -> None:
    of = cluster()
    judged, seen = nfs_seen(of)
    seen["spark-2"]["login"] = replace(seen["spark-2"]["login"], uid=1001)
    refuted = judged.judge(seen)
    assert isinstance(refuted, Refuted)
    assert "uid 1000 on spark-1 and dan has uid 1001 on spark-2" in refuted.message
    read_only = replace(of, shares=(replace(of.shares[0], mode="ro"),))
    assert isinstance(gate("NFS clients", read_only).judge(seen), Proven)


def image_seen(of: Cluster) -> tuple[Gate, Seen]:
    judged, hosts = gate("Image", of), sparks(of)
    for spark in hosts.values():
        spark.login_groups.append("docker")
        spark.images[IMAGE] = ("sha256:a", "sha256:b")
    return judged, answers(judged, hosts)


def test_the_same_image_everywhere() -> None:
    judged, seen = image_seen(cluster())
    assert judged.judge(seen) == Proven("2 equal layers on 2 hosts, arm64, 0.0 GB")
    name = f"image {IMAGE}"
    moved = replace(seen["spark-2"][name], layers=("sha256:a", "sha256:c"), digests=("x@sha256:123456789012345",))
    seen["spark-2"][name] = moved
    refuted = judged.judge(seen)
    assert isinstance(refuted, Refuted) and refuted.host == "spark-2"
    assert "the tag moved between the pulls" in refuted.message


def test_an_image_for_another_processor_is_refused() -> None:
    judged, seen = image_seen(cluster())
    seen["spark-2"]["system"] = replace(seen["spark-2"]["system"], arch="x86_64")
    refuted = judged.judge(seen)
    assert isinstance(refuted, Refuted)
    assert refuted.message == f"{IMAGE} on spark-2 is made for arm64, the host is x86_64"


def test_every_phase_with_a_gate_says_what_it_waits_for() -> None:
    phases: list[Phase] = [phase for phase in bootstrap(cluster()) if phase.gate is not None]
    assert len(phases) == 4
    for phase in phases:
        assert phase.gate is not None
        nothing = {name: {f.name: Missing("gone") for f in facts} for name, facts in phase.gate.facts.items()}
        judgement = phase.gate.judge(nothing)
        assert isinstance(judgement, NotYet | Refuted)
        assert "gone" in str(judgement)
