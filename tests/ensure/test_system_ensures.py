"""Packages, units and groups: what is done, and what is said when it cannot be."""

from __future__ import annotations

import pytest

from sparkctl.ensure.base import Diff
from sparkctl.ensure.group import GroupMember
from sparkctl.ensure.package import Package
from sparkctl.ensure.service import Service
from sparkctl.facts.base import FactUnavailable
from sparkctl.facts.os import GroupState
from sparkctl.ssh.command import Reconnect
from tests.ensure.examples import packages
from tests.ensure.simulated_answers import answer, value
from tests.ensure.simulated_host import SimulatedHost, Unit


def test_apt_runs_update_only_when_it_does_not_know_the_package() -> None:
    host, wanted = SimulatedHost(), Package(("nfs-common",))
    assert [a for a in _sent(wanted, host) if "update" in a]
    packages()(host)
    sent = _sent(wanted, host)
    assert len(sent) == 1
    assert sent[0].startswith(
        "sudo -n -- env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -o DPkg::Lock"
    )
    assert sent[0].endswith("install -y --no-install-recommends -- nfs-common")


def _sent(ensure: object, host: SimulatedHost) -> list[str]:
    seen = value(host, ensure.fact)  # type: ignore[attr-defined]
    return [str(action) for action in ensure.apply(seen, ensure.diff(seen))]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("E: Unable to locate package nfs-common", "sources do not have this package"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (apt-get)", "another apt"),
        ("dpkg: error: cannot write: No space left on device", "disk is full"),
        ("E: Failed to fetch http://x/y.deb  404  Not Found [IP: 1.2.3.4 80]", "out of date"),
        ("W: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'", "cannot resolve"),
    ],
)
def test_what_apt_says_is_explained(said: str, cause: str) -> None:
    explained = Package(("nfs-common",)).explain(said)
    assert explained is not None and cause in explained.cause and explained.hint
    assert Package(("nfs-common",)).explain("something else") is None


def test_a_masked_unit_is_not_unmasked_and_an_absent_one_is_unknown() -> None:
    host = SimulatedHost(units={"docker.service": Unit("masked", "inactive", load="masked")})
    wanted = Service("docker.service", hint="install docker")
    assert wanted.diff(value(host, wanted.fact)).hint == "sudo systemctl unmask docker.service"
    with pytest.raises(FactUnavailable) as raised:
        wanted.fact.parse(answer(SimulatedHost(units={}), wanted.fact.name))
    assert (raised.value.reason, raised.value.hint) == ("there is no unit docker.service", "install docker")


def test_a_unit_that_a_pending_package_brings_is_a_change_not_a_riddle() -> None:
    wanted = Service("nfs-server.service", needs=("package.nfs-kernel-server",))
    seen = value(SimulatedHost(units={}), wanted.fact)
    assert [str(change) for change in wanted.diff(seen).changes] == [
        "nfs-server.service at boot: absent -> enabled",
        "nfs-server.service: inactive -> active",
    ]
    assert [str(action) for action in wanted.apply(seen, wanted.diff(seen))] == [
        "sudo -n -- systemctl enable nfs-server.service",
        "sudo -n -- systemctl start nfs-server.service",
    ]


def group_state(
    uid: int = 1000, in_login: bool = False, exists: bool = True, members: tuple[str, ...] = ()
) -> GroupState:
    return GroupState("dan", uid, in_login, exists, members)


def test_a_member_by_database_only_logs_in_again() -> None:
    wanted = GroupMember("docker")
    seen = group_state(members=("dan",))
    assert [type(action) for action in wanted.apply(seen, wanted.diff(seen))] == [Reconnect]
    new = group_state()
    assert [str(a) for a in wanted.apply(new, wanted.diff(new))] == [
        "sudo -n -- usermod -aG docker -- dan",
        "log in again (for the group docker)",
    ]


def test_root_needs_no_group_and_an_absent_group_is_not_made() -> None:
    assert not GroupMember("docker").diff(group_state(uid=0, exists=False))
    assert GroupMember("docker", hint="apt").diff(group_state(exists=False)) == Diff(
        refuse="there is no group docker", hint="apt"
    )
