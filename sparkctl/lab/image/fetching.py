"""Fetches a ready image from a registry, anonymously (https://github.com/opencontainers/distribution-spec)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from sparkctl.errors import StepFailed
from sparkctl.lab.image import recipe, tiny_model
from sparkctl.lab.image.building import cached, hub_of, locked, store_of
from sparkctl.lab.image.layout import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Blob,
    OciLayout,
    assemble,
    digest_of,
    named_blobs,
    read_index,
    store_bytes,
    write_index,
)
from sparkctl.lab.progress import Progress

if TYPE_CHECKING:
    import httpx

_HUB = "registry-1.docker.io"
_MIB = 1 << 20
_AT_ONCE = 3
"""Layers fetched side by side, as docker does."""
_ATTEMPTS = 4
"""How often a layer's line may break."""
_REFERENCE = re.compile(
    r"(?P<path>[A-Za-z0-9](?:[A-Za-z0-9._:/-]*?[A-Za-z0-9])?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name taken apart; `version` is a tag or a digest."""

    registry: str
    repository: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """As docker reads it: without a registry it is Docker Hub's. Raises StepFailed."""
        match = _REFERENCE.fullmatch(text) if len(text) <= 500 else None
        if match is None:
            raise StepFailed(
                f"fetching the lab's image: {text[:100]!r} is no image reference", hint="REGISTRY/NAME:TAG"
            )
        first, slash, rest = match["path"].partition("/")
        version = match["digest"] or match["tag"] or "latest"
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry = _HUB if first in {"docker.io", "index.docker.io"} else first
            path = rest
        else:
            registry, path = _HUB, match["path"]
        return cls(registry, f"library/{path}" if registry == _HUB and "/" not in path else path, version)


def fetch(reference: str, cache: Path, progress: Progress) -> OciLayout:
    """The image `reference` for this machine's architecture, from the cache or its registry.

    An image in the cache is taken when its registry cannot be asked whether it has a newer one. Raises StepFailed.
    """
    import httpx

    wanted = Reference.parse(reference)
    store = store_of(cache)
    store.mkdir(parents=True, exist_ok=True)
    with locked(store, progress):
        known = cached(cache, reference)
        if known and wanted.version.startswith("sha256:"):
            return known
        try:
            with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30.0)) as client:
                return Fetching(client, f"https://{wanted.registry}", wanted, store, progress).image(reference)
        except httpx.HTTPError as failure:
            if known:
                progress.step(f"{wanted.registry} is out of reach; taking {reference} from the cache")
                return known
            raise StepFailed(
                f"fetching {reference}: {wanted.registry}: {failure or type(failure).__name__}",
                hint="leave out `--image`: the lab then builds its own",
            ) from failure


class Fetching:
    """One image on its way from one registry; `origin` is the registry's URL."""

    def __init__(self, client: httpx.Client, origin: str, wanted: Reference, store: Path, progress: Progress) -> None:
        from sparkctl.lab.image.anonymous import AnonymousToken

        self._client, self._store, self._progress = client, store, progress
        self._wanted = wanted
        self._url = f"{origin}/v2/{wanted.repository}"
        self._auth = AnonymousToken()
        self._lock = Lock()
        self._stop = Event()
        self._here: dict[str, int] = {}

    def image(self, reference: str) -> OciLayout:
        """Fetch manifest and missing blobs, and note them in the index. Raises StepFailed or httpx.HTTPError."""
        self._progress.step(f"asking {self._wanted.registry} for {reference}")
        try:
            content, media_type = self._manifest(self._wanted.version)
            blobs = named_blobs(content, self._store)
        except (ValueError, KeyError, TypeError, AttributeError) as strange:
            raise StepFailed(f"fetching {reference}: the registry's manifest cannot be read ({strange})") from strange
        total = sum(blob.size for blob in blobs)

        def show(blob: Blob, count: int) -> None:
            with self._lock:
                self._here[blob.digest] = count
                self._progress.step(f"fetching {reference}", sum(self._here.values()) / _MIB, total / _MIB, "MiB")

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                list(pool.map(lambda blob: self._blob(blob, show), blobs))
            except BaseException:
                self._stop.set()
                raise
        stored = store_bytes(self._store, content, media_type)
        write_index(self._store, read_index(self._store) | {reference: (media_type, stored.digest, stored.size)})
        return assemble(content, media_type, self._store, hub_of(self._store, tiny_model.files()))

    def _manifest(self, version: str) -> tuple[bytes, str]:
        """The manifest of this machine's architecture and its media type."""
        accepted = ", ".join((MANIFEST, DOCKER_MANIFEST, INDEX, DOCKER_INDEX))
        with self._get(f"{self._url}/manifests/{version}", {"Accept": accepted}) as answer:
            content = answer.read()
        if version.startswith("sha256:") and digest_of(content) != version:
            raise StepFailed(f"fetching {self._wanted.repository}: the manifest does not match its digest {version}")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        if media_type not in {INDEX, DOCKER_INDEX}:
            return content, media_type or MANIFEST
        architecture = recipe.Machine.here().debian
        for entry in json.loads(content).get("manifests", []):
            found: dict[str, Any] = entry.get("platform", {})
            if found.get("os") == "linux" and found.get("architecture") == architecture:
                return self._manifest(entry["digest"])
        raise StepFailed(f"fetching {self._wanted.repository}: there is no image for linux/{architecture}")

    def _blob(self, blob: Blob, show: Callable[[Blob, int], None]) -> None:
        """Fetch one blob unless it is there; a line that breaks is taken up again where it broke."""
        import httpx

        if blob.path.is_file() and blob.path.stat().st_size == blob.size:
            show(blob, blob.size)
            return
        blob.path.parent.mkdir(parents=True, exist_ok=True)
        part = blob.path.with_name(blob.path.name + ".part")
        for attempt in range(_ATTEMPTS):
            try:
                self._download(blob, part, show)
                break
            except httpx.TransportError:
                if attempt == _ATTEMPTS - 1:
                    raise
        with part.open("rb") as file:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        if found != blob.digest:
            part.unlink()
            raise StepFailed(f"fetching {self._wanted.repository}: a layer arrived damaged ({blob.digest})")
        part.replace(blob.path)

    def _download(self, blob: Blob, part: Path, show: Callable[[Blob, int], None]) -> None:
        """Append to `part` what it lacks; a registry that knows no ranges sends all of it again."""
        have = part.stat().st_size if part.is_file() else 0
        if have >= blob.size:
            return
        with self._get(f"{self._url}/blobs/{blob.digest}", {"Range": f"bytes={have}-"} if have else {}) as answer:
            have = have if answer.status_code == 206 else 0
            with part.open("ab" if have else "wb") as file:
                for chunk in answer.iter_raw():
                    if self._stop.is_set():
                        raise StepFailed(f"fetching {self._wanted.repository}: interrupted")
                    file.write(chunk)
                    have += len(chunk)
                    show(blob, have)

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """A streamed answer that is one of success. Raises StepFailed or httpx.HTTPError."""
        with self._client.stream("GET", url, headers=headers, auth=self._auth) as answer:
            if answer.status_code in {401, 403, 404}:
                reason = "does not exist there" if answer.status_code == 404 else "may not be pulled without a login"
                name = f"{self._wanted.repository}:{self._wanted.version}"
                raise StepFailed(
                    f"fetching {name} from {self._wanted.registry}: it {reason}",
                    hint="give another `--image`, or none: the lab then builds its own",
                )
            answer.raise_for_status()
            yield answer
