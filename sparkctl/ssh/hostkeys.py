"""The cluster's own known_hosts file: which keys are pinned, and whether an offered key is one of them."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sparkctl.errors import ConfigError, HostKeyError, Location

KeyState = Literal["new", "pinned", "changed"]
_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's public key under the name that OpenSSH looks up; `blob` is the wire form in base64."""

    name: str
    kind: str
    blob: str
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` exactly as `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"

    def line(self) -> str:
        """The line of a known_hosts file."""
        return " ".join(part for part in (self.name, self.kind, self.blob, self.comment) if part)


def known_name(address: str, port: int) -> str:
    """The name in a known_hosts file: `address`, or `[address]:port` where the port is not 22 (sshd(8))."""
    return address.lower() if port == 22 else f"[{address.lower()}]:{port}"


def config_directory() -> Path:
    """Where sparkctl keeps what belongs to its clusters."""
    import platformdirs

    return Path(platformdirs.user_config_dir("sparkctl"))


class KnownHosts:
    """A known_hosts file of ours: mode 0600, never shared, never hashed. A missing file holds no keys."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def for_cluster(cls, cluster: str) -> KnownHosts:
        """The file of the cluster of that name. Raises `ConfigError` for a name that is no plain word."""
        if not _CLUSTER.fullmatch(cluster):
            raise ConfigError(
                f"opening the host keys of cluster {cluster!r}: not a plain name of at most 64 characters"
            )
        return cls(config_directory() / "clusters" / cluster / "known_hosts")

    def all(self) -> tuple[HostKey, ...]:
        """Every pinned key. Raises `ConfigError` for a file that others could have written, or that is broken."""
        try:
            text = self._read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            cause = "it is a symbolic link" if error.errno == errno.ELOOP else (error.strerror or "").lower()
            raise ConfigError(f"reading {self.path}: {cause}", hint=f"ls -l {self.path}") from error
        return tuple(key for number, line in enumerate(text.splitlines(), 1) for key in self._parse(line, number))

    def keys(self, name: str) -> tuple[HostKey, ...]:
        """The keys pinned under `name` (see `known_name`)."""
        return tuple(key for key in self.all() if key.name == name.lower())

    def state(self, offered: HostKey) -> KeyState:
        """What is known of a key that a server offers."""
        pinned = self.keys(offered.name)
        if not pinned:
            return "new"
        return "pinned" if any(key.blob == offered.blob for key in pinned) else "changed"

    def require(self, host: str, offered: HostKey) -> None:
        """Raises `HostKeyError` unless `offered` is pinned. No flag changes that."""
        pinned = self.keys(offered.name)
        if not pinned:
            raise unknown_key(host, offered)
        if all(key.blob != offered.blob for key in pinned):
            raise changed_key(host, offered, pinned)

    def pin(self, keys: Iterable[HostKey]) -> tuple[HostKey, ...]:
        """Pin new keys and return them; pinned ones are left. Raises `HostKeyError` rather than pin over another."""
        with self._locked():
            present = list(self.all())
            added: list[HostKey] = []
            for key in keys:
                same_name = [known for known in present if known.name == key.name]
                if any(known.blob == key.blob for known in same_name):
                    continue
                if same_name:
                    raise changed_key(key.comment or key.name, key, tuple(same_name))
                present.append(key)
                added.append(key)
            if added:
                self._replace(present)
            return tuple(added)

    def forget(self, host: str, *names: str) -> tuple[HostKey, ...]:
        """Remove and return the keys pinned for `host`: by inventory name (the comment), by address or by `names`."""
        wanted = {host.lower(), *(name.lower() for name in names)}
        with self._locked():
            present = self.all()
            gone = tuple(
                key for key in present if key.name in wanted or (key.comment and key.comment.lower() in wanted)
            )
            if gone:
                self._replace([key for key in present if key not in gone])
            return gone

    def _read(self) -> str:
        with contextlib.closing(_Descriptor(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))) as file:
            self._check(os.fstat(file.number), self.path)
            self._check(self.path.parent.stat(), self.path.parent)
            data = b"".join(iter(lambda: os.read(file.number, 1 << 16), b""))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"reading {self.path}: it is not text", hint=f"rm {self.path}") from error

    @staticmethod
    def _check(status: os.stat_result, path: Path) -> None:
        mine = {os.geteuid(), 0, int(os.environ.get("SUDO_UID", "0")) if os.geteuid() == 0 else 0}
        if status.st_uid not in mine:
            raise ConfigError(f"reading {path}: it belongs to another user", hint=f"sudo chown {os.geteuid()} {path}")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ConfigError(f"reading {path}: others may write to it", hint=f"chmod go-w {path}")

    def _parse(self, line: str, number: int) -> Iterator[HostKey]:
        if not line.strip() or line.lstrip().startswith("#"):
            return
        names, kind, blob, *comment = [*line.split(None, 3), "", ""][:4]
        try:
            raw = base64.b64decode(blob, validate=True)
            length = int.from_bytes(raw[:4], "big")
            broken = names[0] in "@|" or not raw or raw[4 : 4 + length] != kind.encode()
        except (binascii.Error, ValueError):
            broken = True
        if broken:
            raise ConfigError(
                f"reading {self.path}: line {number} is not `name type key`",
                hint=f"sed -i {number}d {self.path}",
                location=Location(str(self.path), number),
            )
        for name in names.split(","):
            yield HostKey(name.lower(), kind, blob, comment[0].strip() if comment else "")

    def _replace(self, keys: Iterable[HostKey]) -> None:
        try:
            self._write(keys)
        except OSError as error:
            raise ConfigError(
                f"writing {self.path}: {(error.strerror or str(error)).lower()}", hint=f"df -h {self.path.parent}"
            ) from error

    def _write(self, keys: Iterable[HostKey]) -> None:
        text = "".join(replace(key, comment=re.sub(r"\s+", " ", key.comment)).line() + "\n" for key in keys)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".known_hosts.")  # 0600, O_EXCL
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(
                f"opening {self.path.parent}: {error.strerror}", hint=f"ls -ld {self.path.parent}"
            ) from error
        with contextlib.closing(_Descriptor(lock)):
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True, slots=True)
class _Descriptor:
    number: int

    def close(self) -> None:
        os.close(self.number)


def unknown_key(host: str, offered: HostKey) -> HostKeyError:
    """The host is not pinned yet."""
    return HostKeyError(
        f"connecting to {host}: its host key is not pinned yet ({offered})", host=host, hint="sparkctl trust"
    )


def changed_key(host: str, offered: HostKey, pinned: tuple[HostKey, ...]) -> HostKeyError:
    """The host shows another key than the pinned one: reinstalled, or somebody is in between."""
    was = ", ".join(map(str, pinned))
    return HostKeyError(
        f"connecting to {host}: its host key is not the pinned one; it was reinstalled, or another machine answers",
        host=host,
        hint=f"sparkctl trust --forget {host}",
        evidence=f"pinned:  {was}\noffered: {offered}",
    )
