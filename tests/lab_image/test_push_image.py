"""Pushing: every blob once, the manifest proven by reading it back."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
from fake_registry import FakeRegistry, Steps, make_image

from sparkctl.errors import StepFailed
from sparkctl.lab.image.pushing import push, upload


def _upload(registry: FakeRegistry, layout: object, steps: Steps) -> str:
    host, _, port = registry.address.partition(":")
    return upload(
        lambda: http.client.HTTPConnection(host, int(port), timeout=10), layout, "nvidia/vllm", "25.11-py3", steps
    )


def test_what_is_pushed_can_be_read_back(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    layout = make_image(tmp_path)
    assert _upload(registry, layout, steps) == layout.digest
    assert registry.manifests["25.11-py3"] == (layout.media_type, layout.manifest)
    assert registry.blobs == {blob.digest: blob.path.read_bytes() for blob in layout.blobs}
    done = [value for _, value, _ in steps.seen if value is not None]
    assert done == sorted(done) and done[-1] == pytest.approx(layout.size / 2**20)


def test_blobs_that_are_there_are_not_sent_again(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    layout = make_image(tmp_path)
    _upload(registry, layout, steps)
    registry.requests.clear()
    assert _upload(registry, layout, steps) == layout.digest
    assert not [line for line in registry.requests if line.startswith("POST")]


def test_a_manifest_that_reads_back_otherwise_is_no_success(
    tmp_path: Path, registry: FakeRegistry, steps: Steps
) -> None:
    registry.alter_manifest = True
    with pytest.raises(StepFailed, match="reads back as"):
        _upload(registry, make_image(tmp_path), steps)


def test_a_damaged_blob_is_refused_by_the_registry(tmp_path: Path, registry: FakeRegistry, steps: Steps) -> None:
    layout = make_image(tmp_path)
    layout.blobs[1].path.write_bytes(b"x" * layout.blobs[1].size)
    with pytest.raises(StepFailed, match="answered 400") as caught:
        _upload(registry, layout, steps)
    assert caught.value.evidence == "digest mismatch"


def test_a_registry_that_is_not_there_is_one_sentence(tmp_path: Path, steps: Steps) -> None:
    layout = make_image(tmp_path)
    with pytest.raises(StepFailed, match=r"pushing the lab's image to 127\.0\.0\.1:1: ") as caught:
        push(layout, registry="127.0.0.1:1", ca=Path("/etc/ssl/certs/ca-certificates.crt"), progress=steps)
    assert caught.value.hint
