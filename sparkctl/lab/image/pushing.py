"""Pushes an image into the lab's registry (https://github.com/opencontainers/distribution-spec)."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from sparkctl.errors import StepFailed
from sparkctl.lab.image.layout import Blob, OciLayout, digest_of
from sparkctl.lab.progress import Progress

SERVER_NAME = "nvcr.io"
"""The name in the lab registry's certificate: hosts know it by that name, this side by its address."""
_TIMEOUT = 60.0
_MIB = 1 << 20
_TITLE = "pushing the image to the lab's registry"


def push(
    layout: OciLayout,
    *,
    registry: str,
    ca: Path,
    repository: str = "nvidia/vllm",
    tag: str = "25.11-py3",
    progress: Progress,
) -> str:
    """Push the blobs that `registry` (`address:port`) lacks and then the manifest; its digest.

    The manifest is read back and compared, so a digest returned is an image that can be pulled. Raises StepFailed.
    """
    doing = f"pushing the lab's image to {registry}"
    try:
        context = ssl.create_default_context(cafile=str(ca))
        address, _, port = registry.rpartition(":")
        host, number = (address, int(port)) if address else (registry, 443)
        return upload(lambda: _NamedTLS(host, number, context), layout, repository, tag, progress)
    except (OSError, ValueError, http.client.HTTPException) as failure:
        raise StepFailed(f"{doing}: {failure}", hint="see that the registry runs: `sparkctl lab status`") from failure


def upload(
    connect: Callable[[], http.client.HTTPConnection], layout: OciLayout, repository: str, tag: str, progress: Progress
) -> str:
    """`push` over any connection. Raises StepFailed, OSError or HTTPException."""
    session = _Session(connect, f"/v2/{quote(repository)}")
    total = layout.size / _MIB
    before = 0

    def sent(count: int) -> None:
        progress.step(_TITLE, (before + count) / _MIB, total, "MiB")

    for blob in layout.blobs:
        if not session.has_blob(blob.digest):
            session.put_blob(blob, sent)
        before += blob.size
    session.put_manifest(layout, tag)
    progress.step(_TITLE, total, total, "MiB")
    return layout.digest


class _NamedTLS(http.client.HTTPSConnection):
    """TLS to an address whose certificate speaks for `SERVER_NAME`."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, context=context, timeout=_TIMEOUT)
        self._named = context

    def connect(self) -> None:
        """Connect and check the certificate against the name that the hosts use."""
        plain = socket.create_connection((self.host, self.port), _TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._named.wrap_socket(plain, server_hostname=SERVER_NAME)


class _Session:
    """One connection to one repository."""

    def __init__(self, connect: Callable[[], http.client.HTTPConnection], path: str) -> None:
        self._connection = connect()
        self._path = path

    def has_blob(self, digest: str) -> bool:
        """Whether the registry holds the blob already."""
        return self._ask("HEAD", f"{self._path}/blobs/{digest}", ok=(200, 404))[0] == 200

    def put_blob(self, blob: Blob, sent: Callable[[int], None]) -> None:
        """Upload one blob whole; the registry checks its digest."""
        _, headers, _ = self._ask("POST", f"{self._path}/blobs/uploads/", ok=(202,))
        # the registry names itself as it sees itself; only the path matters here
        place = urlsplit(headers.get("location", ""))
        query = f"{place.query}&" if place.query else ""
        with blob.path.open("rb") as file:
            self._ask(
                "PUT",
                f"{place.path}?{query}digest={quote(blob.digest)}",
                ok=(201,),
                body=_Counted(file, sent),
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)},
            )

    def put_manifest(self, layout: OciLayout, tag: str) -> None:
        """Upload the manifest under its tag, and read it back."""
        path = f"{self._path}/manifests/{quote(tag)}"
        self._ask("PUT", path, ok=(201,), body=layout.manifest, headers={"Content-Type": layout.media_type})
        _, _, found = self._ask("GET", path, ok=(200,), headers={"Accept": layout.media_type})
        if digest_of(found) != layout.digest:
            raise StepFailed(f"pushing the lab's image: {tag} reads back as {digest_of(found)}, not {layout.digest}")

    def _ask(
        self,
        method: str,
        path: str,
        *,
        ok: tuple[int, ...],
        body: bytes | _Counted | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        self._connection.request(method, path, body=body, headers=headers or {})
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status not in ok:
            raise StepFailed(
                f"pushing the lab's image: the registry answered {answer.status} to {method} {path}",
                evidence=data[:500].decode(errors="replace"),
            )
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data


class _Counted:
    """A file that tells how much of it was read; http.client reads a body in blocks."""

    def __init__(self, file: IO[bytes], told: Callable[[int], None]) -> None:
        self._file, self._told, self._count = file, told, 0

    def read(self, size: int = -1) -> bytes:
        """The next block; blocks of http.client are 8 KiB, which is slow for a gigabyte, so they are larger here."""
        block = self._file.read(max(size, _MIB))
        self._count += len(block)
        self._told(self._count)
        return block
