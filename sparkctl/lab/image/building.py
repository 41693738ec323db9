"""Builds the image's layers side by side, each once for its recipe, and puts them together."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparkctl.errors import StepFailed
from sparkctl.lab.image import base_layer, python_layer, recipe, tiny_model, top_layer
from sparkctl.lab.image.children import Children, discard
from sparkctl.lab.image.layer import pack
from sparkctl.lab.image.layout import (
    CONFIG,
    LAYER_ZSTD,
    MANIFEST,
    Blob,
    Layer,
    OciLayout,
    assemble,
    blob_path,
    configuration,
    is_complete,
    manifest,
    read_index,
    replace_file,
    store_bytes,
    write_index,
)
from sparkctl.lab.progress import Progress

REQUIRED_TOOLS = {"mmdebstrap": "mmdebstrap", "zstd": "zstd", "strip": "binutils", "tar": "tar", "apt-get": "apt"}
"""Program to Debian package: what a build runs beside uv."""

BUILT = "sparkctl-lab"
"""The index's name for the image built here."""
_MIB = 1 << 20


class _Announcer:
    """Passes progress on from several threads, and keeps the last byte count from flooding the screen."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._shown = 0.0

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        with self._lock:
            if done is not None and done != total and time.monotonic() - self._shown < 0.2:
                return
            self._shown = time.monotonic()
            self._progress.step(title, done, total, unit)


def store_of(cache: Path) -> Path:
    """Where the images are, under the lab's cache directory."""
    return cache / "image"


def build(cache: Path, progress: Progress) -> OciLayout:
    """The lab's own image, from the cache or built: a minute or two, 3 GB of disk meanwhile, 0.6 GB afterwards.

    Layers that an earlier or interrupted run finished are taken as they are. Raises StepFailed with one sentence that
    names what could not be had.
    """
    announce = _Announcer(progress)
    if platform.machine() not in recipe.MACHINES:
        raise StepFailed(
            f"building the lab's image: there is no vLLM for CPU for {platform.machine()}",
            hint="give a ready CPU image: `--image REF`",
        )
    store = store_of(cache)
    store.mkdir(parents=True, exist_ok=True)
    with locked(store, announce):
        model = tiny_model.files()
        layers = _Build(store, announce, model).layers()
        config = store_bytes(store, configuration(layers, recipe.Machine.here().debian, recipe.image_config()), CONFIG)
        content = manifest(config, [layer.blob for layer in layers])
        stored = store_bytes(store, content, MANIFEST)
        write_index(store, read_index(store) | {BUILT: (MANIFEST, stored.digest, stored.size)})
        return assemble(content, MANIFEST, store, hub_of(store, model))


def hub_of(store: Path, model: dict[str, bytes]) -> Path:
    """A Hugging Face cache directory that holds the tiny model, written once."""
    directory = store / f"huggingface-{recipe.model_key(model)}"
    if not directory.is_dir():
        part = directory.with_name(directory.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        tiny_model.write_hub(part / "hub", model)
        part.chmod(0o755)
        part.rename(directory)
    return directory


@contextmanager
def locked(store: Path, progress: Progress) -> Iterator[None]:
    """One build at a time in one cache; a second one waits, and says so."""
    with (store / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("waiting for another build of the lab's image")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Build:
    """One run: which layers are missing, and the threads that make them."""

    def __init__(self, store: Path, announce: _Announcer, model: dict[str, bytes]) -> None:
        machine = recipe.Machine.here()
        self._store, self._announce, self._model = store, announce, model
        self._records = store / "layers"
        self._work = store / "work"
        self._children = Children()
        self._keys = {
            "base": recipe.base_key(machine),
            "python": recipe.python_key(machine),
            "top": recipe.top_key(model),
        }

    def layers(self) -> list[Layer]:
        """All layers, lowest first; those that are not in the store are made."""
        missing = {name for name in self._keys if self._recorded(name) is None}
        if missing:
            _require_tools()
            self._make(missing)
            discard(self._work)
            self._prune()
        return [layer for name in self._keys if (layer := self._recorded(name)) is not None]

    def _make(self, missing: set[str]) -> None:
        """Base and packages are made side by side; packages are compiled with the base's Python when both are there."""
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="image") as pool:
            base = pool.submit(self._base_root) if missing & {"base", "python"} else None
            futures: list[Future[Any]] = [base] if base else []
            if base and "base" in missing:
                futures.append(pool.submit(lambda: self._pack("base", base.result(), own_files=False)))
            if base and "python" in missing:
                futures.append(pool.submit(self._python, base))
            if "top" in missing:
                futures.append(pool.submit(self._top))
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in sorted(futures, key=lambda future: not (future.done() and future.exception())):
                    future.result()
            finally:
                self._children.stop()

    def _base_root(self) -> Path:
        def make(root: Path) -> None:
            base_layer.build(root, self._children, lambda line: self._announce.step(f"image, Debian: {line}"))

        return self._finished("base", make)

    def _python(self, base: Future[Path]) -> None:
        def make(root: Path) -> None:
            python_layer.build(
                root,
                self._store / "work" / "uv",
                self._children,
                lambda line: self._announce.step(f"image, Python: {line}"),
            )

        root = self._finished("python", make)
        below = base.result()
        self._announce.step("image, Python: compiling to bytecode")
        python_layer.compile_packages(below, root, self._children)
        self._pack("python", root, own_files=True)

    def _top(self) -> None:
        root = self._finished("top", lambda root: top_layer.build(root, self._model))
        self._pack("top", root, own_files=True)

    def _finished(self, name: str, make: Callable[[Path], None]) -> Path:
        """The directory of a layer: what an interrupted run finished stays, half a directory is made anew."""
        done = self._work / f"{name}-{self._keys[name]}"
        if not done.is_dir():
            part = self._work / f"{name}.part" / "root"
            discard(part.parent)
            part.parent.mkdir(parents=True)
            make(part)
            part.chmod(0o755)
            part.rename(done)
        return done

    def _pack(self, name: str, root: Path, *, own_files: bool) -> None:
        total = _tar_size(root) / _MIB

        def show(count: int) -> None:
            self._announce.step(f"image: packing the {name} layer", min(count / _MIB, total), total, "MiB")

        layer = pack(root, self._store, self._children, own_files=own_files, on_bytes=show)
        self._records.mkdir(parents=True, exist_ok=True)
        record = {"digest": layer.blob.digest, "size": layer.blob.size, "diff_id": layer.diff_id}
        replace_file(self._record(name), json.dumps(record).encode())

    def _record(self, name: str) -> Path:
        return self._records / f"{name}-{self._keys[name]}.json"

    def _recorded(self, name: str) -> Layer | None:
        """A layer of an earlier run, if its blob is still there in full."""
        try:
            record = json.loads(self._record(name).read_bytes())
            path = blob_path(self._store, record["digest"])
            if path.stat().st_size != record["size"]:
                return None
            return Layer(Blob(record["digest"], record["size"], LAYER_ZSTD, path), record["diff_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _prune(self) -> None:
        """Forget layers of other recipes, with their blobs; images that were fetched keep theirs."""
        current = {self._record(name) for name in self._keys}
        kept = {layer.blob.digest for name in self._keys if (layer := self._recorded(name))}
        for name, (media_type, digest, _) in read_index(self._store).items():
            if name != BUILT:
                path = blob_path(self._store, digest)
                kept |= {digest}
                if path.is_file():
                    kept |= {blob.digest for blob in assemble(path.read_bytes(), media_type, self._store, path).blobs}
        for record in self._records.glob("*.json"):
            if record not in current:
                record.unlink()
        for blob in (self._store / "blobs" / "sha256").glob("*"):
            if f"sha256:{blob.name}" not in kept and not blob.name.endswith(".part"):
                blob.unlink()


def cached(cache: Path, reference: str) -> OciLayout | None:
    """An image that is in the cache in full, by its reference; None otherwise."""
    store = store_of(cache)
    entry = read_index(store).get(reference)
    if entry is None:
        return None
    media_type, digest, _ = entry
    try:
        layout = assemble(blob_path(store, digest).read_bytes(), media_type, store, hub_of(store, tiny_model.files()))
    except (OSError, ValueError, KeyError):
        return None
    return layout if is_complete(layout) else None


def _require_tools() -> None:
    missing = sorted({package for tool, package in REQUIRED_TOOLS.items() if shutil.which(tool) is None})
    if missing:
        names = " ".join(missing)
        raise StepFailed(f"building the lab's image: {names} not installed", hint=f"apt-get install -y {names}")
    if os.geteuid() != 0:
        raise StepFailed("building the lab's image: only root can make a Debian root", hint="run it as root (sudo)")


def _tar_size(root: Path) -> int:
    """About how many bytes tar will make of a directory: a header for each entry, contents in blocks of 512."""
    total = 0
    for directory, _, names in os.walk(root):
        sizes = (Path(directory, name).lstat().st_size for name in names)
        total += 512 + sum(512 + -(-size // 512) * 512 for size in sizes)
    return total
