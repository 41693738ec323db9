"""An OCI image as files: blobs named by digest, a manifest and a configuration (https://github.com/opencontainers/image-spec)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CREATED = "2025-11-20T00:00:00Z"
"""The time stamp of everything in the image; a fixed one keeps digests equal from build to build."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that a manifest names; `size` in bytes."""

    digest: str
    size: int
    media_type: str
    path: Path

    def descriptor(self) -> dict[str, Any]:
        """As a manifest writes it."""
        return {"mediaType": self.media_type, "size": self.size, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed layer and the digest of its uncompressed tar (`diff_id`), which the configuration names."""

    blob: Blob
    diff_id: str


@dataclass(frozen=True, slots=True)
class OciLayout:
    """A ready image: the manifest's own bytes and every blob it names, the configuration first.

    `hf_cache` is a directory to be used as `~/.cache/huggingface`: it holds `hub/models--lab--tiny`.
    """

    manifest: bytes
    media_type: str
    config: Path
    blobs: tuple[Blob, ...]
    hf_cache: Path
    digest: str

    @property
    def size(self) -> int:
        """What a pull of the whole image moves, in bytes."""
        return len(self.manifest) + sum(blob.size for blob in self.blobs)


def digest_of(data: bytes) -> str:
    """The content address of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob_path(store: Path, digest: str) -> Path:
    """Where `store` keeps a blob. The digest is checked, since registries and files name it."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{digest!r} is no sha256 digest")
    return store / "blobs" / algorithm / value


def store_bytes(store: Path, data: bytes, media_type: str) -> Blob:
    """Keep `data` as a blob, atomically."""
    digest = digest_of(data)
    path = blob_path(store, digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    return Blob(digest, len(data), media_type, path)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that no reader ever sees half of it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def configuration(layers: list[Layer], architecture: str, config: dict[str, Any]) -> bytes:
    """The image configuration; `architecture` is Go's word (amd64, arm64)."""
    history = [{"created": CREATED, "created_by": "sparkctl lab"} for _ in layers]
    content = {
        "architecture": architecture,
        "os": "linux",
        "created": CREATED,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": history,
    }
    return json.dumps(content, sort_keys=True).encode()


def manifest(config: Blob, layers: list[Blob]) -> bytes:
    """The manifest that names `config` and `layers`, lowest layer first."""
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }
    return json.dumps(content, sort_keys=True).encode()


def named_blobs(manifest_bytes: bytes, store: Path) -> tuple[Blob, ...]:
    """The blobs that a manifest names, the configuration first, each once.

    Raises ValueError or KeyError where it is no image manifest.
    """
    content = json.loads(manifest_bytes)
    entries = [content["config"], *content["layers"]]
    blobs = {
        entry["digest"]: Blob(
            entry["digest"], int(entry["size"]), str(entry["mediaType"]), blob_path(store, entry["digest"])
        )
        for entry in entries
    }
    return tuple(blobs.values())


def assemble(manifest_bytes: bytes, media_type: str, store: Path, hf_cache: Path) -> OciLayout:
    """The layout of a manifest whose blobs are in `store`."""
    blobs = named_blobs(manifest_bytes, store)
    return OciLayout(manifest_bytes, media_type, blobs[0].path, blobs, hf_cache, digest_of(manifest_bytes))


def is_complete(layout: OciLayout) -> bool:
    """Whether every blob is there in its full size."""
    return all(blob.path.is_file() and blob.path.stat().st_size == blob.size for blob in layout.blobs)


def write_index(store: Path, images: dict[str, tuple[str, str, int]]) -> None:
    """Make `store` a valid OCI image layout: `images` maps a name to media type, digest and size of its manifest."""
    manifests = [
        {
            **{"mediaType": media_type, "digest": digest, "size": size},
            "annotations": {"org.opencontainers.image.ref.name": name},
        }
        for name, (media_type, digest, size) in sorted(images.items())
    ]
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    replace_file(store / "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    replace_file(store / "index.json", json.dumps(content, indent=1).encode())


def read_index(store: Path) -> dict[str, tuple[str, str, int]]:
    """The images of `store`, as `write_index` takes them; empty where there is none."""
    try:
        content = json.loads((store / "index.json").read_bytes())
        return {
            entry["annotations"]["org.opencontainers.image.ref.name"]: (
                *(str(entry["mediaType"]), str(entry["digest"])),
                int(entry["size"]),
            )
            for entry in content["manifests"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
