"""Fetching a ready image: names as docker reads them, tokens, indexes, interrupted downloads, damage."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from fake_registry import FakeRegistry, Steps, make_image
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.errors import StepFailed
from sparkctl.lab.image import recipe
from sparkctl.lab.image.building import cached
from sparkctl.lab.image.fetching import Fetching, Reference
from sparkctl.lab.image.layout import INDEX, digest_of, is_complete

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "version"),
    [
        ("vllm", "registry-1.docker.io", "library/vllm", "latest"),
        ("vllm/vllm-openai-cpu:v1", "registry-1.docker.io", "vllm/vllm-openai-cpu", "v1"),
        ("docker.io/a/b", "registry-1.docker.io", "a/b", "latest"),
        ("ghcr.io/o/p/q:1.2", "ghcr.io", "o/p/q", "1.2"),
        ("localhost:5000/x:y", "localhost:5000", "x", "y"),
        ("10.0.0.1:5000/x", "10.0.0.1:5000", "x", "latest"),
        (f"ghcr.io/o/p@{DIGEST}", "ghcr.io", "o/p", DIGEST),
        (f"ghcr.io/o/p:t@{DIGEST}", "ghcr.io", "o/p", DIGEST),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, registry: str, repository: str, version: str) -> None:
    assert Reference.parse(text) == Reference(registry, repository, version)


@pytest.mark.parametrize(
    "text", ["", "-x", "a b", "x:", "x@sha256:12", "../x", "a\nb", "https://ghcr.io/a/b?c", "$(id)"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(StepFailed, match="is no image reference"):
        Reference.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_one_sentence(text: str) -> None:
    try:
        parsed = Reference.parse(text)
    except StepFailed:
        return
    assert parsed.registry and parsed.repository and parsed.version
    assert not set(" \n?#%") & set(parsed.registry + parsed.repository + parsed.version)


def _fetch(registry: FakeRegistry, cache: Path, steps: Steps, version: str = "1") -> object:
    wanted = Reference(registry.address, "nvidia/vllm", version)
    with httpx.Client(trust_env=False) as client:
        return Fetching(client, registry.origin, wanted, cache / "image", steps).image("ref")


@pytest.mark.parametrize("token", [None, "secret"])
def test_an_image_arrives_whole(tmp_path: Path, registry: FakeRegistry, steps: Steps, token: str | None) -> None:
    there = make_image(tmp_path / "there")
    registry.holds(there, "1")
    registry.token = token
    layout = _fetch(registry, tmp_path, steps)
    assert layout.manifest == there.manifest and is_complete(layout)
    known = cached(tmp_path, "ref")
    assert known is not None and known.digest == there.digest
    assert (known.hf_cache / "hub/models--lab--tiny/refs/main").is_file()


def test_of_an_index_the_image_of_this_architecture_is_taken(
    tmp_path: Path, registry: FakeRegistry, steps: Steps
) -> None:
    ours, other = make_image(tmp_path / "a"), make_image(tmp_path / "b", (b"foreign",))
    registry.holds(ours, "ours")
    registry.holds(other, "other")
    architecture = recipe.Machine.here().debian
    entries = [("s390x", other), (architecture, ours)]
    index = {
        "manifests": [
            {"digest": image.digest, "platform": {"os": "linux", "architecture": name}} for name, image in entries
        ]
    }
    registry.manifests["1"] = (INDEX, json.dumps(index).encode())
    assert _fetch(registry, tmp_path, steps).digest == ours.digest
    registry.manifests["1"] = (INDEX, json.dumps({"manifests": index["manifests"][:1]}).encode())
    with pytest.raises(StepFailed, match="no image for linux/"):
        _fetch(registry, tmp_path, steps)


def test_an_interrupted_download_goes_on_where_it_was(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    there = make_image(tmp_path / "there")
    registry.holds(there, "1")
    blob = there.blobs[1]
    part = tmp_path / "image/blobs/sha256" / (blob.digest.removeprefix("sha256:") + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(blob.path.read_bytes()[:100])
    assert is_complete(_fetch(registry, tmp_path, steps))
    assert "bytes=100-" in registry.ranges


def test_a_line_that_breaks_is_taken_up_again(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    there = make_image(tmp_path / "there", (b"one layer " * 50_000,))
    registry.holds(there, "1")
    registry.token = "secret"
    registry.breaks_after = 1000
    # the configuration is there already, so the layer is what breaks
    config = there.blobs[0]
    (tmp_path / "image/blobs/sha256").mkdir(parents=True)
    (tmp_path / "image/blobs/sha256" / config.path.name).write_bytes(config.path.read_bytes())
    assert is_complete(_fetch(registry, tmp_path, steps))
    assert registry.breaks_after is None and registry.ranges == ["bytes=1000-"]
    done = [value for _, value, _ in steps.seen if value is not None]
    assert done[-1] == pytest.approx(sum(blob.size for blob in there.blobs) / 2**20)


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_registry_that_wants_a_login_is_one_sentence(
    tmp_path: Path, registry: FakeRegistry, steps: Steps, token: str
) -> None:
    registry.holds(make_image(tmp_path / "there"), "1")
    registry.token = "secret"
    registry.granted = token
    with pytest.raises(StepFailed, match="may not be pulled without a login"):
        _fetch(registry, tmp_path, steps)


def test_damage_on_the_way_is_noticed_and_forgotten(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    there = make_image(tmp_path / "there")
    registry.holds(there, "1")
    digest = there.blobs[2].digest
    whole = registry.blobs[digest]
    registry.blobs[digest] = b"!" + whole[1:]
    with pytest.raises(StepFailed, match="arrived damaged"):
        _fetch(registry, tmp_path, steps)
    assert cached(tmp_path, "ref") is None
    registry.blobs[digest] = whole
    assert is_complete(_fetch(registry, tmp_path, steps))


def test_an_unknown_tag_is_one_sentence(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    with pytest.raises(StepFailed, match="does not exist there") as caught:
        _fetch(registry, tmp_path, steps, "nope")
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"config": 1, "layers": []}',
        b"<html>",
        b'{"config":{"digest":"sha256:../../x","size":1,"mediaType":"m"},"layers":[]}',
    ],
)
def test_a_strange_manifest_is_one_sentence(
    tmp_path: Path, registry: FakeRegistry, steps: Steps, content: bytes
) -> None:
    registry.manifests["1"] = ("application/vnd.oci.image.manifest.v1+json", content)
    with pytest.raises(StepFailed, match="cannot be read"):
        _fetch(registry, tmp_path, steps)


def test_a_manifest_under_a_foreign_digest_is_refused(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    there = make_image(tmp_path / "there")
    registry.holds(there, "1")
    wrong = digest_of(b"something else")
    registry.manifests[wrong] = (there.media_type, there.manifest)
    with pytest.raises(StepFailed, match="does not match its digest"):
        _fetch(registry, tmp_path, steps, wrong)
