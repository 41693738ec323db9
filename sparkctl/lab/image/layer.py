"""A directory becomes a layer: tar, zstd and both digests in one pass."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sparkctl.errors import StepFailed
from sparkctl.lab.image.children import Children
from sparkctl.lab.image.layout import LAYER_ZSTD, Blob, Layer, blob_path

_CHUNK = 1 << 20
_EPOCH = "@1763596800"
"""2025-11-20T00:00:00Z, the `CREATED` of the image: bytecode in it is of the unchecked kind, so no date matters."""


def pack(
    directory: Path,
    store: Path,
    children: Children,
    *,
    own_files: bool,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Layer:
    """Archive and compress `directory` into the blob store; the same content gives the same digests.

    `own_files` makes everything root's and readable by all; else owners and modes stay (an operating system's).
    `on_bytes` hears how many uncompressed bytes have passed. Raises StepFailed.
    """
    owners = ["--owner=0", "--group=0", "--mode=a+rX,u+w"] if own_files else []
    order = ["--sort=name", f"--mtime={_EPOCH}", "--numeric-owner", "--format=gnu"]
    tar = children.start(["tar", *order, *owners, "-C", directory, "-cf", "-", "."])
    zstd = children.start(["zstd", "-1", "-T0", "-q", "-c"], stdin=subprocess.PIPE)
    part = store / f"packing-{directory.parent.name}-{threading.get_native_id()}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    compressed, sink = hashlib.sha256(), _Sink()
    try:
        assert zstd.stdin and zstd.stdout and tar.stdout
        with part.open("wb") as out:
            sink.follow(zstd.stdout, out, compressed)
            raw = _pump(tar.stdout, zstd.stdin, on_bytes)
            sink.join()
        for child, name in ((tar, "tar"), (zstd, "zstd")):
            if status := children.finished(child):
                raise StepFailed(f"packing the layer {directory.name}: {name} ended with {status}")
        digest = "sha256:" + compressed.hexdigest()
        path = blob_path(store, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        size = part.stat().st_size
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Layer(Blob(digest, size, LAYER_ZSTD, path), "sha256:" + raw)


def _pump(source: IO[bytes], target: IO[bytes], on_bytes: Callable[[int], None]) -> str:
    """Copy all of `source` into `target`, close that, and return the digest of what passed."""
    passed, count = hashlib.sha256(), 0
    try:
        while chunk := source.read(_CHUNK):
            passed.update(chunk)
            target.write(chunk)
            count += len(chunk)
            on_bytes(count)
        target.close()
    except BrokenPipeError:
        source.close()
    return passed.hexdigest()


class _Sink:
    """Drains the compressor beside the thread that feeds it."""

    def __init__(self) -> None:
        self._failure: OSError | None = None
        self._thread: threading.Thread | None = None

    def follow(self, source: IO[bytes], out: IO[bytes], digest: hashlib._Hash) -> None:
        def drain() -> None:
            try:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    out.write(chunk)
            except OSError as failure:
                self._failure = failure
                source.close()

        self._thread = threading.Thread(target=drain, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end. Raises StepFailed where the disk did not take it all."""
        assert self._thread
        self._thread.join()
        if self._failure:
            raise StepFailed(f"packing a layer: {self._failure}", hint="free some space in the cache directory")
