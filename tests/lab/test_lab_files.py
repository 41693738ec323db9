"""Keys, records, remains: what the lab writes down and finds again."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sparkctl.errors import LockedError, StepFailed, UsageError
from sparkctl.lab import aptsource, golden, keys, lab, places, record, teardown
from sparkctl.lab.places import Places
from sparkctl.lab.record import Record

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="writes files of other owners")


@pytest.fixture
def where(tmp_path: Path) -> Places:
    return Places(tmp_path / "run", tmp_path / "cache")


@needs_root
def test_the_registrys_certificate_is_the_cas_own_and_speaks_for_nvcr_io(where: Places) -> None:
    keys.make(where)
    ca = x509.load_pem_x509_certificate(where.ca.read_bytes())
    server = x509.load_pem_x509_certificate((where.keys / "registry.crt").read_bytes())
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["nvcr.io"]
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@needs_root
def test_secrets_are_for_root_alone_and_made_once(where: Places) -> None:
    keys.make(where)
    for secret in (where.ssh_key, where.keys / "registry.key"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = where.ssh_key.read_bytes()
    keys.make(where)
    assert where.ssh_key.read_bytes() == before


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_an_ssh_key_is_the_pair_it_claims_to_be(kind: str) -> None:
    made = keys.ssh_key("root@spark-1", kind)
    private = serialization.load_ssh_private_key(made.private, None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert made.public == f"{public.decode()} root@spark-1"


@needs_root
def test_a_record_is_read_back_and_names_its_cache(where: Places) -> None:
    where.run.mkdir()
    saved = Record(2, "abc", str(where.cache), "stand-in", 1.5)
    saved.save(where)
    assert record.load(where.run) == (where, saved)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nodes": 2}', '{"other": 1}'])
def test_a_broken_record_is_no_lab(where: Places, content: str) -> None:
    where.run.mkdir()
    where.record.write_text(content)
    assert record.load(where.run) is None


def test_mounts_are_found_outermost_first_and_only_below() -> None:
    line = "36 35 0:31 / {} rw,relatime - tmpfs x rw\n"
    points = ("/run/lab/cgroup", "/run/lab", "/run/lab-other", "/", "/run/lab/with\\040space")
    found = teardown.mounts_below(Path("/run/lab"), "".join(line.format(point) for point in points))
    assert found == [Path("/run/lab"), Path("/run/lab/cgroup"), Path("/run/lab/with space")]


def test_a_second_command_is_told_who_is_at_it(where: Places, tmp_path: Path) -> None:
    with open(where.lock, "a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4711")
        held.flush()
        with pytest.raises(LockedError, match="process 4711"), lab._locked(where):
            pytest.fail("two at once")
    with lab._locked(where):
        assert where.lock.read_text() == str(os.getpid())
    assert not where.lock.exists()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(record, "load", lambda run=None: None)


@pytest.mark.usefixtures("nowhere")
def test_without_a_lab_everything_says_how_to_get_one() -> None:
    assert lab.status() is None
    assert lab.inventory_path() is None
    for ask in (lab.inventory_text, lab.join, lab.known_host_keys, lambda: lab.kill("spark-1")):
        with pytest.raises(UsageError, match="no lab runs") as refusal:
            ask()
        assert refusal.value.hint == "sparkctl lab up"


def test_hosts_and_netdevs_that_do_not_exist_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, where: Places
) -> None:
    monkeypatch.setattr(record, "load", lambda run=None: (where, Record(2, "abc", str(where.cache), "stand-in", 0.0)))
    with pytest.raises(UsageError, match="no host spark-3") as refusal:
        lab.power_off("spark-3")
    assert refusal.value.hint == "one of spark-1, spark-2"
    with pytest.raises(UsageError, match="netdev eth0"):
        lab.cut("spark-1", "eth0")
    with pytest.raises(UsageError, match="about the lab default"):
        lab.join("other")


@pytest.mark.parametrize("nodes", [0, -1, 65])
def test_impossible_sizes_are_refused_before_anything_is_done(nodes: int) -> None:
    with pytest.raises(UsageError, match=f"{nodes} hosts asked for"):
        lab.up(nodes)


def test_a_changed_stand_in_makes_another_golden_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = golden.digest()
    assert golden.digest() == before
    copy = tmp_path / "standins"
    shutil.copytree(places.STANDINS, copy)
    monkeypatch.setattr(places, "STANDINS", copy)
    assert golden.digest() == before
    (copy / "nvidia-smi").write_text("#!/bin/sh\n")
    assert golden.digest() != before


def test_half_a_golden_root_is_none(where: Places) -> None:
    (where.cache / "golden" / ".part" / "root").mkdir(parents=True)
    assert golden.find(where) is None
    (where.cache / "golden" / golden.digest() / "root").mkdir(parents=True)
    assert golden.find(where) is not None


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_the_apt_index_describes_a_package_by_its_own_words(tmp_path: Path) -> None:
    from sparkctl.lab import nfs
    from sparkctl.lab.outer import call

    tree = tmp_path / "tree"
    tree.mkdir()
    deb = nfs._pack(tree, nfs._control("nfs-common", "fuse3", "NFS client"), {}, tmp_path)
    fields = dict(line.split(": ", 1) for line in aptsource.index_entry(deb).splitlines() if ": " in line)
    assert (fields["Package"], fields["Version"]) == ("nfs-common", nfs.VERSION)
    assert fields["Filename"] == f"./{deb.name}"
    assert int(fields["Size"]) == deb.stat().st_size
    assert "STAND-IN" in fields["Description"]
    assert "usr/lib/sparkctl-lab-nfs/README.nfs-common" in call(["dpkg-deb", "--contents", deb], doing="listing")


def test_entering_a_namespace_that_is_not_there_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sparkctl.lab import namespaces

    monkeypatch.setattr(places, "NETNS", tmp_path)
    with pytest.raises(StepFailed, match="no lab runs"):
        namespaces.enter(places.CONTROLLER)
    with pytest.raises(StepFailed, match="no lab runs"):
        namespaces.within(places.CONTROLLER, lambda: None)


@pytest.mark.parametrize("name", ["../x", "A", "-a", "a b", "a" * 17, "a/b", "$(id)"])
def test_a_lab_cannot_be_called_anything(name: str) -> None:
    with pytest.raises(UsageError, match="no lab's name"):
        places._named(name)


@pytest.mark.parametrize(("name", "stem"), [(None, "sparkctl-lab"), ("test", "sparkctl-lab-test")])
def test_a_second_lab_shares_nothing_with_the_first_but_the_cache(name: str | None, stem: str) -> None:
    code = (
        "from sparkctl.lab.places import *; p = Places(); print(p.run, p.disk.name, p.cgroup.name, CONTROLLER, p.lock)"
    )
    env = {**os.environ, **({places.VARIABLE: name} if name else {})}
    env |= {} if name else {places.VARIABLE: ""}
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout.split()
    disk = stem.replace("sparkctl-lab", "running")
    assert said == [f"/run/{stem}", disk, stem, f"{stem}.controller", f"/run/{stem}.lock"]
