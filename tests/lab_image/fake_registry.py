"""A registry of a few lines, an image of a few bytes, and progress that is kept."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from sparkctl.lab.image.layout import (
    CONFIG,
    LAYER_ZSTD,
    MANIFEST,
    Blob,
    Layer,
    OciLayout,
    assemble,
    configuration,
    manifest,
    store_bytes,
)


@dataclass
class Steps:
    """A Progress that remembers."""

    seen: list[tuple[str, float | None, float | None]] = field(default_factory=list)

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        self.seen.append((title, done, total))

    @property
    def titles(self) -> list[str]:
        return [title for title, _, _ in self.seen]


@dataclass
class FakeRegistry:
    """Enough of the distribution protocol, with a token where `token` is set."""

    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    token: str | None = None
    granted: str | None = None
    """What the token service gives, if not the right token."""
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    alter_manifest: bool = False
    breaks_after: int | None = None
    """Once only: the next blob's line breaks after so many bytes."""

    @property
    def origin(self) -> str:
        return f"http://{self.address}"

    def holds(self, layout: OciLayout, name: str) -> None:
        """Put an image there as if it had been pushed."""
        self.blobs |= {blob.digest: blob.path.read_bytes() for blob in layout.blobs}
        self.manifests[name] = self.manifests[layout.digest] = (layout.media_type, layout.manifest)


def handler_of(registry: FakeRegistry) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def handle_any(self) -> None:
            registry.requests.append(f"{self.command} {self.path.partition('?')[0]}")
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            if self.path.startswith("/token"):
                granted = registry.token if registry.granted is None else registry.granted
                self.answer(200, json.dumps({"token": granted}).encode())
                return
            if registry.token and self.headers.get("Authorization") != f"Bearer {registry.token}":
                realm = f'Bearer realm="{registry.origin}/token",service="fake",scope="repository:a/b:pull"'
                self.answer(401, WWW_Authenticate=realm)
                return
            kind, _, name = self.path.partition("?")[0].removeprefix("/v2/nvidia/vllm/").partition("/")
            getattr(self, f"{self.command.lower()}_{kind}")(name, body)

        do_GET = do_HEAD = do_PUT = do_POST = handle_any

        def head_blobs(self, name: str, body: bytes) -> None:
            self.answer(200 if name in registry.blobs else 404)

        def get_blobs(self, name: str, body: bytes) -> None:
            if name not in registry.blobs:
                self.answer(404)
                return
            data = registry.blobs[name]
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted:
                registry.ranges.append(wanted[0])
                self.answer(206, data[int(wanted[1]) : int(wanted[2]) + 1 if wanted[2] else None])
            else:
                self.send_whole(data)

        def send_whole(self, data: bytes) -> None:
            limit, registry.breaks_after = registry.breaks_after, None
            if limit is None:
                self.answer(200, data)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:limit])
            self.close_connection = True

        def post_blobs(self, name: str, body: bytes) -> None:
            # as docker's registry does: an absolute URL with a state of its own
            self.answer(202, Location="http://nvcr.io/v2/nvidia/vllm/blobs/uploads/17?_state=x")

        def put_blobs(self, name: str, body: bytes) -> None:
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            if f"digest={digest.replace(':', '%3A')}" not in self.path or "_state=x" not in self.path:
                self.answer(400, b"digest mismatch")
                return
            registry.blobs[digest] = body
            self.answer(201)

        def put_manifests(self, name: str, body: bytes) -> None:
            registry.manifests[name] = (self.headers["Content-Type"], body)
            self.answer(201)

        def get_manifests(self, name: str, body: bytes) -> None:
            if name not in registry.manifests:
                self.answer(404)
                return
            media_type, data = registry.manifests[name]
            self.answer(200, data + (b" " if registry.alter_manifest else b""), Content_Type=media_type)

    return Handler


def make_image(store: Path, contents: tuple[bytes, ...] = (b"lower" * 1000, b"upper" * 1000)) -> OciLayout:
    """An image whose layers hold no tar at all: registries do not look inside."""
    blobs = [store_bytes(store, content, LAYER_ZSTD) for content in contents]
    layers = [Layer(blob, "sha256:" + hashlib.sha256(b"raw" + blob.digest.encode()).hexdigest()) for blob in blobs]
    config: Blob = store_bytes(store, configuration(layers, "amd64", {"Env": ["A=b"]}), CONFIG)
    content = manifest(config, blobs)
    store_bytes(store, content, MANIFEST)
    return assemble(content, MANIFEST, store, store / "hf")
