"""Manifests, digests and the index on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_registry import make_image

from sparkctl.lab.image import layout as oci


def test_a_manifest_names_its_blobs_and_is_found_again(tmp_path: Path) -> None:
    image = make_image(tmp_path)
    again = oci.assemble(image.manifest, oci.MANIFEST, tmp_path, image.hf_cache)
    assert again == image
    assert again.config == again.blobs[0].path
    config = json.loads(again.config.read_bytes())
    assert config["rootfs"]["diff_ids"] and len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 2
    assert image.digest == oci.digest_of(image.manifest)
    assert image.size == len(image.manifest) + sum(blob.path.stat().st_size for blob in image.blobs)


def test_an_image_with_a_short_or_missing_blob_is_not_complete(tmp_path: Path) -> None:
    image = make_image(tmp_path)
    assert oci.is_complete(image)
    image.blobs[1].path.write_bytes(b"short")
    assert not oci.is_complete(image)
    image.blobs[1].path.unlink()
    assert not oci.is_complete(image)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "g" * 64, "sha256:../../etc/passwd", "md5:" + "a" * 64])
def test_what_is_no_digest_names_no_file(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ValueError, match="no sha256 digest"):
        oci.blob_path(tmp_path, digest)


def test_the_index_is_an_oci_layout_and_reads_back(tmp_path: Path) -> None:
    images = {
        "sparkctl-lab": (oci.MANIFEST, oci.digest_of(b"1"), 1),
        "x/y:z": (oci.DOCKER_MANIFEST, oci.digest_of(b"2"), 2),
    }
    oci.write_index(tmp_path, images)
    assert oci.read_index(tmp_path) == images
    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


@pytest.mark.parametrize("content", ["", "null", "[]", '{"manifests": [{}]}', '{"manifests": 3}'])
def test_a_broken_index_holds_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    assert oci.read_index(tmp_path) == {}
